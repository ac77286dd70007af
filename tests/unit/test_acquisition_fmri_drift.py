"""Drift that grows with the run: what responds is found however long the run lasts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from acquisition.fmri.glm import GlmConfig, RunningGlm
from acquisition.fmri.hrf import HRFS
from acquisition.fmri.regressors import DesignConfig, Regressors, Stimulus
from acquisition.fmri_maps import glm_config
from phosphene.session import FmriSettings

N, V, TR = 300, 120, 2.0
BLOCKS = [Stimulus(float(onset), "a", 20.0) for onset in range(20, 580, 40)]


@cache
def drifting(effect: float) -> np.ndarray:
    """AR(1) noise on drifts slower than 250 s, and a response to the blocks."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(N, V))
    for k in range(1, N):
        noise[k] += 0.3 * noise[k - 1]
    t_s = (np.arange(N) * TR)[:, None]
    drift = 3 * np.sin(2 * np.pi * t_s / rng.uniform(250, 500, V) + rng.uniform(0, 6, V))
    onsets, ones = np.array([s.onset_s for s in BLOCKS]), np.ones(len(BLOCKS))
    response = [
        HRFS["glover"].response((k + 0.5) * TR, onsets, 20 * ones, ones) for k in range(N)
    ]  # fmt: skip
    return np.asarray(1000 + noise + drift + effect * np.array(response)[:, None])


def t_values(config: GlmConfig, effect: float) -> np.ndarray:
    glm = RunningGlm(V, TR, config)
    for k, row in enumerate(drifting(effect)):
        glm.step(row, k, np.zeros(6), [s for s in BLOCKS if s.onset_s <= (k + 1) * TR])
    return glm.fit(["a"])[0].t


def test_the_usual_model_finds_what_cosines_of_a_known_length_find() -> None:
    usual = glm_config(FmriSettings(), 0.5)
    offline = glm_config(FmriSettings(run_length_s=N * TR), 0.5)
    cubic = glm_config(FmriSettings(drift_order=3), 0.5)
    found = {name: np.median(t_values(c, 0.6)) for name, c in
             {"usual": usual, "offline": offline, "cubic": cubic}.items()}  # fmt: skip
    assert found["usual"] > 0.95 * found["offline"]
    assert found["usual"] > 1.5 * found["cubic"], "a fixed order loses it to the drift"
    assert 0.8 < t_values(usual, 0.0).std() < 1.3, "and without a response it finds none"


def test_splines_are_the_same_whether_more_comes_or_not_and_span_every_cubic() -> None:
    config = DesignConfig(drift="spline", motion=0)
    short, long = Regressors(config, TR), Regressors(config, TR)
    rows = [short.row(k) for k in range(100)]
    for k, row in enumerate(rows):
        np.testing.assert_array_equal(row, long.row(k))
    assert len(rows[0]) == 4
    assert len(rows[-1]) == 4 + int(99 * TR / 64)
    assert len(long.row(10_000)) == 4 + int(10_000 * TR / 64), "it never ends"
    design = np.array([np.pad(row, (0, len(rows[-1]) - len(row))) for row in rows])
    cubic = np.vander(np.linspace(-1, 1, 100), 4)
    left = cubic - design @ np.linalg.lstsq(design, cubic, rcond=None)[0]
    assert np.abs(left).max() < 1e-9


def test_a_condition_keeps_its_column_between_splines() -> None:
    shown = [Stimulus(10.0, "a", 10.0), Stimulus(100.0, "b", 10.0)]
    design = Regressors(DesignConfig(drift="spline", motion=0), TR)
    for k in range(80):
        row = design.row(k, None, shown)
    assert design.names[4:] == ("a", "drift_4", "b", "drift_5")
    assert design.columns == (4, 6)
    plain = Regressors(DesignConfig(drift="none", motion=0), TR)
    np.testing.assert_array_equal(row[[4, 6]], plain.row(79, None, shown)[1:])


def test_settings_reach_the_model() -> None:
    asked = FmriSettings(hrf="spm", motion_regressors=24, noise="ols", high_pass_s=200.0)
    made = glm_config(asked, 0.25, 18)
    assert made.noise == "ols"
    assert made.design == DesignConfig(
        hrf="spm", drift="spline", drift_order=0, high_pass_s=200.0, motion=24, physio=18,
        sample_at=0.25,
    )  # fmt: skip
    with pytest.raises(ValidationError, match="name one of them"):
        FmriSettings(drift_order=3, run_length_s=600.0)
