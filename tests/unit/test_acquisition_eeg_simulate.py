from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import pytest

from acquisition.eeg.config import EegConfig
from acquisition.eeg.core import EegCore, EegStep
from acquisition.simulate.eeg import (
    EegParticipant,
    EegSimConfig,
    flashes,
    picture_features,
    simulate_eeg,
)
from acquisition.sources.eeg import EegMarker, EegRecording, read_eeg
from acquisition.sources.xdf_write import write_xdf
from phosphene.errors import ConfigError
from phosphene.stimuli import Programme, Scene, embed, make_programme

CONFIG = EegSimConfig(participant_seed=4)
SILENT = replace(
    CONFIG, pink_uv=0, alpha_uv=0, sensor_uv=0, hum_uv=0, blink_uv=0, offset_uv=0, run_seed=9
)


def programme(seed: int, n: int) -> Programme:
    return make_programme(seed, n, clip_s=0.5, rest_s=0.5, lead_in_s=3.0)


@lru_cache(maxsize=4)
def epochs(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Epochs of one run with what was seen: (n, features), (n, C_DIM)."""
    made = simulate_eeg(programme(seed, n), replace(CONFIG, run_seed=seed))
    core = EegCore(EegConfig(fs_hz=made.fs_hz, channel_names=made.channel_names))
    for marker in made.markers:
        core.marker(marker.t_s, marker.label)
    steps = core.push(made.data, 0)
    seen = [embed(scene_of(made.markers[step.index])) for step in steps]
    return np.stack([step.features.ravel() for step in steps]), np.stack(seen)


def scene_of(marker: EegMarker) -> Scene:
    return msgspec.json.decode(marker.detail, type=Scene)


def ridge(X: np.ndarray, Y: np.ndarray, penalty: float = 200.0) -> tuple[np.ndarray, np.ndarray]:
    centre, spread = X.mean(axis=0), X.std(axis=0)
    Z = (X - centre) / spread
    weights = Z.T @ np.linalg.solve(Z @ Z.T + penalty * np.eye(len(Z)), Y - Y.mean(axis=0))
    weights = weights / spread[:, np.newaxis]
    return weights, Y.mean(axis=0) - centre @ weights


def two_way(predicted: np.ndarray, true: np.ndarray) -> float:
    """How often a prediction correlates more with its own target than with another; chance 0.5."""
    p = predicted - predicted.mean(axis=1, keepdims=True)
    t = true - true.mean(axis=1, keepdims=True)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    t /= np.linalg.norm(t, axis=1, keepdims=True)
    r = p @ t.T
    own = np.diag(r)[:, np.newaxis]
    return float((own > r).sum() / (len(r) * (len(r) - 1)))


def test_single_epochs_identify_the_picture_seen() -> None:
    X, Y = epochs(1, 300)
    T, C = epochs(2, 80)
    weights, shift = ridge(X, Y)
    accuracy = two_way(T @ weights + shift, C)
    rng = np.random.default_rng(0)
    shuffled = []
    for _ in range(5):
        w, b = ridge(X, Y[rng.permutation(len(Y))])
        shuffled.append(two_way(T @ w + b, C))
    assert 0.80 < accuracy < 0.92
    assert np.mean(shuffled) == pytest.approx(0.5, abs=0.06)


def test_the_response_is_the_kernels_times_the_features() -> None:
    shown = programme(3, 4)
    made = simulate_eeg(shown, SILENT)
    person = EegParticipant(SILENT)
    for flash, marker in zip(flashes(shown, 1.0), made.markers, strict=True):
        begin = round(flash.t_s * made.fs_hz)
        expected = np.tensordot(picture_features(flash.scene), person.kernels, axes=1)
        got = made.data[begin : begin + len(expected)]
        np.testing.assert_allclose(got, expected[: len(got)], atol=1e-4)
        assert scene_of(marker) == flash.scene
        assert marker.label == flash.scene.category
    assert np.abs(made.data[: round(2.9 * made.fs_hz)]).max() == 0


def test_early_responses_are_low_level_and_late_ones_semantic() -> None:
    person = EegParticipant(CONFIG)
    power = np.square(person.kernels).sum(axis=2)
    times_s = np.arange(power.shape[1]) / CONFIG.fs_hz
    centre_s = (power * times_s).sum(axis=1) / power.sum(axis=1)
    assert 0.08 < centre_s[1:49].mean() < 0.20
    assert 0.25 < centre_s[49:].mean() < 0.35
    assert (power[:, -1] < 1e-3 * power.max(axis=1)).all()


def test_person_and_run_have_their_own_seeds() -> None:
    shown = programme(5, 3)
    first = simulate_eeg(shown, CONFIG)
    np.testing.assert_array_equal(first.data, simulate_eeg(shown, CONFIG).data)
    other_run = replace(CONFIG, run_seed=1)
    assert not np.array_equal(first.data, simulate_eeg(shown, other_run).data)
    same = EegParticipant(other_run).kernels
    np.testing.assert_array_equal(EegParticipant(CONFIG).kernels, same)
    other = EegParticipant(replace(CONFIG, participant_seed=5)).kernels
    assert np.abs(np.corrcoef(other.ravel(), same.ravel())[0, 1]) < 0.2


def test_long_blocks_flash_again_and_again() -> None:
    shown = make_programme(1, 2, clip_s=3.5, rest_s=2.0, lead_in_s=1.0)
    listed = flashes(shown, 1.0)
    assert [f.t_s for f in listed] == [1.0, 2.0, 3.0, 6.5, 7.5, 8.5]
    assert listed[1].scene == shown.scene_at(2.0)


def test_strengths_are_checked() -> None:
    with pytest.raises(ConfigError, match="2 problem"):
        EegSimConfig(fs_hz=0, pink_uv=-1)


def test_a_recording_survives_the_file(tmp_path: Path) -> None:
    made = simulate_eeg(programme(6, 10), CONFIG, "person & run")
    path = tmp_path / "run.xdf"
    write_xdf(made, path)
    back = read_eeg(path)
    np.testing.assert_array_equal(back.data, made.data)
    assert back.channel_names == made.channel_names
    assert back.fs_hz == 250.0
    assert back.warnings == ()
    assert [(m.label, m.detail, m.duration_s) for m in back.markers] == [
        (m.label, m.detail, m.duration_s) for m in made.markers
    ]
    assert [m.t_s for m in back.markers] == pytest.approx([m.t_s for m in made.markers], abs=1e-6)
    assert steps_of(back)[3].features == pytest.approx(steps_of(made)[3].features)


def steps_of(recording: EegRecording) -> list[EegStep]:
    core = EegCore(EegConfig(fs_hz=recording.fs_hz, channel_names=recording.channel_names))
    for marker in recording.markers:
        core.marker(marker.t_s, marker.label)
    return core.push(recording.data, 0)
