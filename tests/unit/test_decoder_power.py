"""Power at the frequencies of flickers: found at any phase, in the graph as in the model."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.committee import Layout
from decoder.dataset import Dataset
from decoder.linear_fit import fit_linear
from decoder.model import LinearModel
from decoder.power import log_power, waves
from decoder.samples import learn_priors, make_samples
from decoder.settings import FitSettings
from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError

CHANNELS, TIMES, RATE_HZ = 3, 100, 50.0
CLASSES = ("face", "house")
LAYOUT = Layout(CHANNELS, RATE_HZ)
SETTINGS = FitSettings(
    window=1, normaliser="none", period_s=2.0, channels=CHANNELS, rate_hz=RATE_HZ, folds=3,
    frequencies_hz=(8.0, 12.0),
)  # fmt: skip


def flickers(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, n)
    t = np.arange(TIMES) / RATE_HZ
    phase = rng.uniform(0, 2 * np.pi, n)[:, None]
    wave = np.sin(2 * np.pi * np.where(codes == 0, 8.0, 12.0)[:, None] * t + phase)
    X = rng.normal(0, 3.0, (n, CHANNELS, TIMES))
    X += wave[:, None, :] * np.array([0.2, 1.0, 0.6])[:, None]
    groups = np.array([f"r{k % 4}" for k in range(n)])
    order = np.argsort(groups, kind="stable")
    return Dataset(
        X.reshape(n, -1).astype(np.float32)[order], groups[order], np.arange(float(n)),
        labels=np.array(CLASSES)[codes][order],
    )  # fmt: skip


def fitted(data: Dataset) -> LinearModel:
    samples = make_samples(data, SETTINGS, learn_priors(data, SETTINGS))
    return fit_linear(LinearModel(CLASSES, np.eye(2, 5), (2, 3, 3)), samples, SETTINGS)


def test_power_is_that_of_a_wave_at_any_phase() -> None:
    cosines, sines = waves(LAYOUT, CHANNELS * TIMES, (8.0, 12.0))
    t = np.arange(TIMES) / RATE_HZ
    for phase in (0.0, 0.7, 2.5):
        x = np.zeros((1, CHANNELS, TIMES))
        x[0, 1] = 5.0 * np.sin(2 * np.pi * 12.0 * t + phase)
        power = np.exp(log_power(x.reshape(1, -1), cosines, sines)).reshape(CHANNELS, 2)
        np.testing.assert_allclose(power, [[0, 0], [0, 25.0], [0, 0]], atol=1e-5)


def test_flickers_of_unseen_rows_are_told_apart_and_the_graph_agrees() -> None:
    model = fitted(flickers(80, 0)).calibrated(1.3, 0.9, 0.1)
    test = flickers(60, 1)
    found = model.predict(test.responses)
    right = np.array(CLASSES)[found.log_probabilities.argmax(axis=1)] == test.labels
    assert right.mean() > 0.85
    engine = OnnxEngine(model.export())
    for k in range(10):
        result = engine.run({"x": test.responses[[k]]})
        np.testing.assert_allclose(
            result["log_probabilities"][0], found.log_probabilities[k], atol=1e-3
        )


def test_a_channel_without_signal_stays_finite() -> None:
    model = fitted(flickers(80, 0))
    assert np.isfinite(model.predict(np.zeros((1, CHANNELS * TIMES))).log_probabilities).all()


@pytest.mark.parametrize("wrong", [(8.0,), (8.0, 30.0), (8.0, 8.2), (0.0, 8.0)])
def test_frequencies_must_be_carried_and_resolved(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="frequencies"):
        waves(LAYOUT, CHANNELS * TIMES, wrong)
