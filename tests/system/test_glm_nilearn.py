"""The incremental GLM against nilearn's offline first-level fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from acquisition.fmri.glm import GlmConfig, RunningGlm
from acquisition.fmri.regressors import DesignConfig, Stimulus

N, V, TR = 140, 300, 2.0


@pytest.mark.parametrize("drift", ["polynomial", "cosine"])
def test_the_last_map_is_nilearns(drift: str) -> None:
    first_level = pytest.importorskip("nilearn.glm.first_level")
    contrasts, pandas = pytest.importorskip("nilearn.glm.contrasts"), pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    onsets = np.arange(12.0, 260.0, 22.0) + rng.uniform(0, 3, 12)
    names = np.where(np.arange(12) % 2, "a", "b")
    motion = np.cumsum(0.03 * rng.standard_normal((N, 6)), 0)
    motion -= motion[0]
    noise = rng.standard_normal((N, V))
    for k in range(1, N):
        noise[k] += np.linspace(0, 0.8, V) * noise[k - 1]
    data = (900 + 5 * noise + 3 * motion[:, :1]).astype(np.float32)

    events = pandas.DataFrame({"onset": onsets, "duration": 6.0, "trial_type": names})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = first_level.make_first_level_design_matrix(
            (np.arange(N) + 0.5) * TR, events, hrf_model="glover", drift_model=drift,
            drift_order=3, high_pass=1 / 128, add_regs=motion,
            add_reg_names=[f"m{k}" for k in range(6)],
        )  # fmt: skip
    # what the brain does follows the design, so that the map is not noise alone
    response = design[["a", "b"]].to_numpy() @ rng.normal(0, 6, (2, V))
    data = (data + response).astype(np.float32)
    labels, results = first_level.run_glm(data.astype(float), design.to_numpy(), "ar1")
    weights = (design.columns == "a").astype(float) - (design.columns == "b")
    offline = contrasts.compute_contrast(labels, results, weights, stat_type="t").stat()

    length_s = N * TR if drift == "cosine" else None
    config = DesignConfig(drift=drift, run_length_s=length_s)  # type: ignore[arg-type]
    glm = RunningGlm(V, TR, GlmConfig(config))
    shown = [Stimulus(float(t), str(name), 6.0) for t, name in zip(onsets, names, strict=True)]
    for k, y in enumerate(data):
        known = [s for s in shown if s.onset_s <= (k + 1) * TR]
        glm.step(y, k, motion[k], known)
    online = glm.fit(["a - b"])[0]
    assert np.corrcoef(online.t, offline)[0, 1] > 0.999
    np.testing.assert_allclose(online.t, offline, rtol=0.05, atol=0.15)
    assert online.dof == N - design.shape[1]


def test_splines_find_under_strong_drift_what_nilearns_cosines_find() -> None:
    first_level = pytest.importorskip("nilearn.glm.first_level")
    contrasts, pandas = pytest.importorskip("nilearn.glm.contrasts"), pytest.importorskip("pandas")
    n, rng = 300, np.random.default_rng(1)
    t_s = (np.arange(n) + 0.5) * TR
    onsets = np.arange(20.0, 580.0, 40.0)
    events = pandas.DataFrame({"onset": onsets, "duration": 20.0, "trial_type": "a"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = first_level.make_first_level_design_matrix(
            t_s, events, hrf_model="glover", drift_model="cosine", high_pass=1 / 128
        )
    noise = rng.standard_normal((n, V))
    for k in range(1, n):
        noise[k] += 0.3 * noise[k - 1]
    drift = 3 * np.sin(2 * np.pi * t_s[:, None] / rng.uniform(250, 500, V) + rng.uniform(0, 6, V))
    response = design[["a"]].to_numpy() @ np.linspace(0, 1.2, V)[None]
    data = 1000 + noise + drift + response
    labels, results = first_level.run_glm(data, design.to_numpy(), "ar1")
    weights = (design.columns == "a").astype(float)
    offline = contrasts.compute_contrast(labels, results, weights, stat_type="t").stat()
    found = {}
    for kind in ("spline", "polynomial"):
        glm = RunningGlm(V, TR, GlmConfig(DesignConfig(drift=kind, motion=0)))
        shown = [Stimulus(float(t), "a", 20.0) for t in onsets]
        for k, y in enumerate(data):
            glm.step(y, k, None, shown)
        found[kind] = glm.fit(["a"])[0].t
    assert np.corrcoef(found["spline"], offline)[0, 1] > 0.98
    slope = np.polyfit(offline, found["spline"], 1)[0]
    assert 0.95 < slope < 1.1
    assert np.polyfit(offline, found["polynomial"], 1)[0] < 0.7, "a fixed order does not"
