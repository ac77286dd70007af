"""Real EEG, decoded by what was fitted on other runs: chain, committee and graph in one process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from acquisition.prepare import prepare_eeg
from acquisition.sources.recording import EegRun, OpenOptions, open_recording
from decoder.dataset import Dataset
from decoder.metrics import auc
from decoder.model import LinearModel
from decoder.samples import learn_priors, make_samples
from decoder.settings import FitSettings
from decoder.targets import make_dataset
from phosphene.engine import OnnxEngine
from phosphene.session import AcquisitionSettings
from tests.benchmarks.evaluate_eeg import FREQUENCIES, N170, SSVEP, placed_markers

CLASSES = ("face", "house")


def dataset(folder: Path, settings: object) -> tuple[Dataset, FitSettings]:
    options = OpenOptions(labels={"1": "house", "2": "face"})
    runs = []
    for number, file in enumerate(sorted(folder.glob("*.csv"))):
        run = open_recording(file, None, options)
        assert isinstance(run, EegRun)
        events = tuple(structs.replace(event, run=str(number)) for event in run.events)
        runs.append(replace(run, run=str(number), events=events))
    prepared = prepare_eeg(runs, "p1", AcquisitionSettings.model_validate(settings))
    times_s = prepared.meta.times_s
    start = FitSettings(
        window=1, normaliser="none", period_s=times_s[-1] - times_s[0], channels=4,
        rate_hz=(len(times_s) - 1) / (times_s[-1] - times_s[0]),
    )  # fmt: skip
    return make_dataset(prepared, 0.0, start.period_s, None), start


def left_out(data: Dataset, settings: FitSettings) -> list[tuple[np.ndarray, np.ndarray]]:
    """Log odds of a face by the exported graph, and truth, for each run left out."""
    found = []
    for name in dict.fromkeys(data.groups.tolist()):
        train, test = np.flatnonzero(data.groups != name), np.flatnonzero(data.groups == name)
        training = data.select(train)
        if len(training.group_names) < 2:
            halves = np.where(np.arange(len(training)) < len(training) // 2, "a", "b")
            training = Dataset(training.responses, halves, training.times, labels=training.labels)
        samples = make_samples(training, settings, learn_priors(training, settings))
        model = LinearModel(CLASSES, np.eye(2, 5), (2, 3, 3)).fit(samples, settings)
        engine = OnnxEngine(model.export())
        log_p = [
            engine.run({"x": row[None]})["log_probabilities"][0] for row in data.responses[test]
        ]
        assert data.labels is not None
        odds = np.array(log_p)
        found.append((odds[:, 0] - odds[:, 1], data.labels[test] == "face"))
    return found


@pytest.mark.realdata
def test_faces_are_told_from_houses_in_left_out_runs(realdata: Path) -> None:
    data, start = dataset(realdata / "eeg" / "muse-n170", N170)
    found = left_out(data, start.model_copy(update={"committee": True}))
    scores = [auc(odds, truth) for odds, truth in found]
    print("left-out AUC", np.round(scores, 3), np.mean(scores))
    # Without the epochs that were rejected; a replay scores those, too.
    assert np.mean(scores) >= 0.73
    rng = np.random.default_rng(0)
    shuffled = [auc(odds, rng.permutation(truth)) for odds, truth in found for _ in range(20)]
    assert np.mean(shuffled) == pytest.approx(0.5, abs=0.03)


@pytest.mark.realdata
def test_flickers_are_told_apart_in_the_left_out_run(realdata: Path) -> None:
    data, start = dataset(realdata / "eeg" / "muse-ssvep", SSVEP)
    hz = tuple(FREQUENCIES.values())
    found = left_out(data, start.model_copy(update={"frequencies_hz": hz}))
    right = np.concatenate([(odds > 0) == truth for odds, truth in found])
    assert len(right) >= 60
    assert right.mean() >= 0.85


@pytest.mark.realdata
def test_rate_and_markers_of_a_real_xdf_file_are_right(realdata: Path) -> None:
    file = realdata / "eeg" / "xdf-g-usbamp" / "switch_example.xdf"
    rate_hz, distances, missing = placed_markers(file)
    assert rate_hz == pytest.approx(255.997, abs=0.01)
    assert (len(distances), missing) == (652, 0)
    assert distances.max() <= 1.0
