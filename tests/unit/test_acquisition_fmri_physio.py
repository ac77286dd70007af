"""Heart and breathing out of a BIDS recording: read, causal, and in the model."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from acquisition.fmri.glm import RunningGlm
from acquisition.fmri_maps import glm_config
from acquisition.fmri_physio import PhysioFile, RunningPhysio, read_physio
from phosphene.errors import InputError
from phosphene.session import FmriSettings

RATE_HZ, TR = 100.0, 2.0
TIMES_S = np.arange(0, 400, 1 / RATE_HZ) - 5.0
BEAT_S, BREATH_S = 0.87, 3.7


def pulse(times_s: np.ndarray = TIMES_S) -> np.ndarray:
    """A pulse wave whose peaks are at whole multiples of the beat."""
    return np.exp(8 * (np.cos(2 * np.pi * times_s / BEAT_S) - 1))


def belt(times_s: np.ndarray = TIMES_S) -> np.ndarray:
    return np.sin(2 * np.pi * times_s / BREATH_S)


def whole() -> PhysioFile:
    return PhysioFile(-5.0, RATE_HZ, pulse(), belt())


def write(folder: Path, **told: object) -> Path:
    path = folder / "sub-1_task-x_physio.tsv.gz"
    rows = "".join(f"{a:.5f}\t{b:.5f}\t0\n" for a, b in zip(pulse(), belt(), strict=True))
    path.write_bytes(gzip.compress(rows.encode(), 1))
    held = {"Columns": ["cardiac", "respiratory", "trigger"], "SamplingFrequency": RATE_HZ,
            "StartTime": -5.0, **told}  # fmt: skip
    (folder / "sub-1_task-x_physio.json").write_text(json.dumps(held))
    return path


def test_a_bids_recording_is_read(tmp_path: Path) -> None:
    file = read_physio(write(tmp_path))
    assert (file.start_s, file.rate_hz) == (-5.0, RATE_HZ)
    assert file.cardiac is not None
    np.testing.assert_allclose(file.cardiac, pulse(), atol=1e-5)
    assert file.end_s == pytest.approx(TIMES_S[-1])
    assert RunningPhysio(file).count == 2 * 3 + 2 * 4 + 4
    assert RunningPhysio(PhysioFile(0.0, RATE_HZ, cardiac=pulse())).count == 6


def test_what_is_wrong_is_all_told(tmp_path: Path) -> None:
    path = write(tmp_path, Columns=["trigger"], SamplingFrequency=0, StartTime="now")
    with pytest.raises(InputError, match="3 problem"):
        read_physio(path)
    with pytest.raises(InputError, match=r"rows of 2"):
        read_physio(write(tmp_path, Columns=["cardiac", "respiratory"]))
    (tmp_path / "sub-1_task-x_physio.json").unlink()
    with pytest.raises(InputError, match="beside the recording"):
        read_physio(path)


def test_the_phases_are_those_of_the_heart_and_the_breath() -> None:
    running, found = RunningPhysio(whole()), []
    times_s = np.arange(60.3, 300, 1.31)
    for t_s in times_s:
        row = running.step(t_s)
        found.append((np.arctan2(row[3], row[0]), np.arctan2(row[10], row[6])))
    heart, breath = np.array(found).T
    off = np.angle(np.exp(1j * (heart - 2 * np.pi * times_s / BEAT_S)))
    assert np.abs(np.median(off)) < 0.2, "two hundredths of a second are 0.14"
    assert np.quantile(np.abs(off), 0.9) < 0.4
    turned = np.sign(np.cos(2 * np.pi * (times_s - 0.06) / BREATH_S))
    assert (np.sign(breath) == turned).mean() > 0.9, "positive while breathing in"


@pytest.mark.parametrize("t_s", [3.0, 47.3, 200.01])
def test_nothing_later_than_now_is_used(t_s: float) -> None:
    rng = np.random.default_rng(3)
    later = t_s < TIMES_S
    other = PhysioFile(
        -5.0, RATE_HZ, np.where(later, rng.normal(0, 9, len(TIMES_S)), pulse()),
        np.where(later, rng.normal(0, 9, len(TIMES_S)), belt()),
    )  # fmt: skip
    np.testing.assert_array_equal(RunningPhysio(whole()).step(t_s), RunningPhysio(other).step(t_s))
    assert np.abs(RunningPhysio(whole()).step(t_s)).min() > 0


def test_what_is_not_known_is_zero() -> None:
    running = RunningPhysio(whole())
    np.testing.assert_array_equal(running.step(-4.9), np.zeros(18))
    np.testing.assert_array_equal(running.step(TIMES_S[-1] + 5), np.zeros(18))


def test_the_model_is_rid_of_the_heart() -> None:
    spread = {}
    for name, physio in {"with": RunningPhysio(whole()), "without": None}.items():
        glm = RunningGlm(40, TR, glm_config(FmriSettings(), 0.5, physio.count if physio else 0))
        noise = np.random.default_rng(5)
        for k in range(150):
            t_s = (k + 0.5) * TR
            beat = 4 * np.cos(2 * np.pi * t_s / BEAT_S)
            row = None if physio is None else physio.step(t_s)
            glm.step(500 + beat + noise.normal(0, 1, 40), k, np.zeros(6), physio=row)
        spread[name] = glm._sums.fit(np.eye(len(glm.names))[:1], "ols").variance.mean()
    assert spread["with"] < 0.3 * spread["without"]
