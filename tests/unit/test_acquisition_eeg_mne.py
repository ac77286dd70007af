"""Files that mne writes itself: every format, markers at the right sample, cut recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.sources.eeg import EegReadOptions, read_eeg
from acquisition.sources.recording import open_recording, runs_of

mne = pytest.importorskip("mne")

FS_HZ = 128.0
NAMES = ["Oz", "Pz", "Cz"]


def made(begin_s: float = 0.0) -> Any:
    """A recording whose values are sample numbers, in microvolts; marked at samples 100 and 200."""
    count = np.arange(256.0)
    data = np.stack([count, -count, 2 * count, np.zeros(256)]) * 1e-6
    data[3, 64:70] = 7
    info = mne.create_info([*NAMES, "STI 014"], FS_HZ, [*["eeg"] * 3, "stim"])
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.set_meas_date(1_000_000_000)
    raw.set_annotations(mne.Annotations([100 / FS_HZ, 200 / FS_HZ], [0.5, 0.0], ["face", "house"]))
    return raw.crop(begin_s) if begin_s else raw


def fif(raw: Any, path: Path) -> None:
    raw.save(path, fmt="double", verbose="error")


def exported(raw: Any, path: Path) -> None:
    mne.export.export_raw(path, raw.drop_channels(["STI 014"]), verbose="error")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "write", "needs"),
    [
        ("a.fif", fif, "mne"),
        ("a.set", exported, "eeglabio"),
        ("a.vhdr", exported, "pybv"),
        ("a.edf", exported, "edfio"),
    ],
)
@pytest.mark.parametrize("begin_s", [0.25])
def test_values_and_markers_arrive(
    tmp_path: Path, name: str, write: Callable[[Any, Path], None], needs: str, begin_s: float
) -> None:
    pytest.importorskip(needs)
    raw = made(begin_s)
    write(raw, tmp_path / name)
    labels = {"face": "Gesicht", "Comment/face": "Gesicht", "Comment/house": "house"}
    eeg = read_eeg(tmp_path / name, EegReadOptions(labels=labels))
    cut = round(begin_s * FS_HZ)
    assert eeg.channel_names == tuple(NAMES)
    assert eeg.fs_hz == FS_HZ
    np.testing.assert_allclose(eeg.data[: 256 - cut, 0], np.arange(cut, 256), atol=0.02)
    told = [m for m in eeg.markers if m.stream == "annotations"]
    assert [m.label for m in told] == ["Gesicht", "house"]
    places = [m.t_s * FS_HZ for m in told]
    assert places == pytest.approx([100 - cut, 200 - cut], abs=0.01)
    assert np.isnan(eeg.data[256 - cut :]).all()  # EDF fills its last second
    if name == "a.fif":
        (rise,) = (m for m in eeg.markers if m.stream == "STI 014")
        assert (rise.label, rise.t_s * FS_HZ) == ("7", 64 - cut)
        assert told[0].duration_s == 0.5
        assert eeg.warnings == ()


def test_a_folder_of_them_is_a_recording(tmp_path: Path) -> None:
    fif(made(), tmp_path / "first_eeg.fif")
    assert runs_of(tmp_path) == ("1",)
    run = open_recording(tmp_path, "1")
    assert run.modality == "eeg"
    assert [e.label for e in run.events] == ["7", "face", "house"]
