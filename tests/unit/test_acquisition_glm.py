"""The incremental GLM against dense algebra on the same volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.fmri.ar1 import BINS, LaggedSums
from acquisition.fmri.glm import GlmConfig, RunningGlm, parse_contrast
from acquisition.fmri.hrf import HRFS
from acquisition.fmri.regressors import DesignConfig, Stimulus
from phosphene.errors import CausalityError, ConfigError, InputError

N, V, TR = 90, 24, 2.0
BLOCKS = tuple(Stimulus(10.0 + 30.0 * k, "face" if k % 2 else "house", 12.0) for k in range(6))


def simulated(seed: int = 0, rho: float = 0.4) -> np.ndarray:
    """AR(1) noise on a baseline; house (first half) and face (second half of voxels) responses."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((N, V))
    for k in range(1, N):
        noise[k] += rho * noise[k - 1]
    on = np.zeros((N, 2))
    for s in BLOCKS:
        since = (np.arange(N) + 0.5) * TR - s.onset_s
        rise = HRFS["glover"].integral(since) - HRFS["glover"].integral(since - 12.0)
        on[:, int(s.condition == "face")] += rise
    effect = np.repeat([[4.0, 0.0], [0.0, 4.0]], V // 2, axis=0)
    return (800 + 1.5 * noise + on @ effect.T).astype(np.float32)


def motions(seed: int = 1) -> np.ndarray:
    moved = np.cumsum(0.02 * np.random.default_rng(seed).standard_normal((N, 6)), 0)
    return moved - moved[0]


def dense(
    X: np.ndarray, Y: np.ndarray, first: Sequence[int], contrast: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """t of a contrast by whitening and solving, one voxel at a time; `first` rows begin chains."""
    linked = np.ones(len(X), bool)
    linked[list(first)] = False
    beta = np.linalg.pinv(X) @ Y
    e = Y - X @ beta
    pairs = np.flatnonzero(linked)
    rho = (e[pairs] * e[pairs - 1]).sum(0) / len(pairs) / ((e**2).sum(0) / len(e))
    rho = np.trunc(rho * BINS) / BINS
    t, dof = np.zeros(Y.shape[1]), len(X) - int(np.linalg.matrix_rank(X))
    for v in range(Y.shape[1]):
        W = np.eye(len(X))
        W[pairs, pairs - 1] = -rho[v]
        wx, wy = W @ X, W @ Y[:, v]
        b = np.linalg.pinv(wx) @ wy
        variance = ((wy - wx @ b) ** 2).sum() / dof
        t[v] = contrast @ b / np.sqrt(variance * contrast @ np.linalg.pinv(wx.T @ wx) @ contrast)
    return t, rho, dof


@pytest.mark.parametrize("upto", [40, N])
def test_at_any_volume_it_is_the_offline_fit_of_the_volumes_so_far(upto: int) -> None:
    rng = np.random.default_rng(5)
    X = np.c_[np.ones(N), rng.standard_normal((N, 4))]
    Y = simulated()
    sums = LaggedSums(V, 5)
    for x, y in zip(X[:upto], Y[:upto], strict=True):
        sums.add(x, y, linked=True)
    contrast = np.array([0.0, 1.0, -0.5, 0.0, 0.0])
    found = sums.fit(contrast[None])
    t, rho, dof = dense(X[:upto], Y[:upto].astype(float), [0], contrast)
    assert found.dof == dof
    np.testing.assert_allclose(found.rho, rho, atol=1e-6)
    np.testing.assert_allclose(found.t[0], t, rtol=1e-4, atol=1e-5)


@settings(max_examples=12, deadline=None)
@given(out=st.sets(st.integers(1, N - 2), max_size=12))
def test_left_out_volumes_break_the_chain_of_neighbours(out: set[int]) -> None:
    X = np.c_[np.ones(N), np.random.default_rng(2).standard_normal((N, 3))]
    Y = simulated(3)
    kept = [k for k in range(N) if k not in out]
    sums = LaggedSums(V, 4)
    for k in kept:
        sums.add(X[k], Y[k], linked=k - 1 not in out)
    first = [i for i, k in enumerate(kept) if k - 1 in out or i == 0]
    contrast = np.array([0.0, 1.0, 0.0, 0.0])
    t, _, dof = dense(X[kept], Y[kept].astype(float), first, contrast)
    found = sums.fit(contrast[None])
    assert found.dof == dof
    np.testing.assert_allclose(found.t[0], t, rtol=1e-3, atol=1e-4)


def run(
    data: np.ndarray,
    stimuli: Sequence[Stimulus] = BLOCKS,
    config: GlmConfig | None = None,
    out: Sequence[int] = (),
) -> RunningGlm:
    glm, moved = RunningGlm(V, TR, config), motions()
    for k, y in enumerate(data):
        glm.step(y, k, moved[k], stimuli, censor=k in out)
    return glm


def test_known_effects_are_found_where_they_are() -> None:
    house, face, difference = run(simulated()).fit(["house", "face", "face - house"])
    half = V // 2
    for one, mine in ((house, slice(0, half)), (face, slice(half, V))):
        others = np.delete(one.t, np.r_[mine])
        assert one.t[mine].min() > 3
        assert np.median(np.abs(others)) < 2
    assert difference.t[half:].min() > 2
    assert difference.t[:half].max() < -2
    assert house.ready
    assert house.effect[:half].mean() == pytest.approx(4.0, abs=0.5)
    shuffled = tuple(
        Stimulus(s.onset_s + 17, ("face", "house")[k % 3 == 0], s.duration_s)
        for k, s in enumerate(BLOCKS)
    )
    chance = run(simulated(rho=0.0)[::-1], shuffled).fit(["face - house"])[0]
    assert np.abs(chance.t).mean() < np.abs(difference.t).mean() / 2


def test_nothing_later_matters_and_bits_repeat() -> None:
    data, upto = simulated(), 50
    other = data.copy()
    other[upto:] *= 1.5
    later = tuple(s for s in BLOCKS if s.onset_s < upto * TR)
    a, b = run(data[:upto]), run(data[:upto], later)
    c = run(other)
    whole = run(data)
    assert a.fit()[0].t.tobytes() == b.fit()[0].t.tobytes()
    assert whole.fit()[0].t.tobytes() == run(data).fit()[0].t.tobytes()
    assert whole.fit()[0].t.tobytes() != c.fit()[0].t.tobytes()


def test_reading_in_between_changes_nothing() -> None:
    data, moved = simulated(), motions()
    asked = RunningGlm(V, TR)
    for k, y in enumerate(data):
        asked.step(y, k, moved[k], BLOCKS)
        if k % 20 == 3:
            asked.fit()
    assert asked.fit()[0].t.tobytes() == run(data).fit()[0].t.tobytes()


def test_conditions_turn_up_as_they_come() -> None:
    data = simulated()
    named = GlmConfig(DesignConfig(conditions=("house", "face")))
    free, fixed = run(data).fit(), run(data, config=named).fit()
    assert [m.contrast for m in free] == ["house", "face"]
    for one, other in zip(free, fixed, strict=True):
        np.testing.assert_allclose(one.t, other.t, rtol=1e-5, atol=1e-6)
    early = run(data[:20])
    assert early.conditions == ("house",)
    assert not early.fit(["face"])[0].ready
    assert not early.fit(["face"])[0].t.any()


def test_spikes_are_left_out() -> None:
    data = simulated()
    spoiled = data.copy()
    spoiled[[30, 31, 60]] += 200
    clean, kept = run(data, out=(30, 31, 60)), run(spoiled, out=(30, 31, 60))
    assert kept.censored == 3
    assert kept.volumes == N - 3
    assert clean.fit()[0].t.tobytes() == kept.fit()[0].t.tobytes()
    assert np.abs(run(spoiled).fit()[0].t).max() < np.abs(kept.fit()[0].t).max()


def test_maps_are_not_ready_until_the_volumes_tell() -> None:
    glm, moved, ready = RunningGlm(V, TR), motions(), []
    assert glm.fit(["house"]) == []
    for k, y in enumerate(simulated()[:40]):
        glm.step(y, k, moved[k], BLOCKS)
        ready.append(bool(glm.fit(["house"])[0].ready))
    # constant, drift, motion and two conditions, the second of which has just begun, are 12 columns
    assert ready.index(True) == 12 + 10 - 1
    assert all(ready[ready.index(True) :])


def test_noise_models_and_flat_voxels() -> None:
    data = simulated()
    data[:, 0] = 500.0
    for noise in ("ar1", "pooled", "ols"):
        found = run(data, config=GlmConfig(noise=noise)).fit(["house"])[0]
        assert np.isfinite(found.t).all()
        assert found.t[0] == 0
        assert found.t.dtype == np.float32
    assert len(np.unique(run(data)._sums.fit(np.eye(12)[-1:], "pooled").rho)) == 1


def test_a_prior_is_ridge_regression_in_units_of_the_noise() -> None:
    X = np.c_[np.ones(N), np.random.default_rng(4).standard_normal((N, 3))]
    Y, sd = simulated(4), np.array([np.inf, np.inf, 0.05, 0.05])
    sums = LaggedSums(V, 4)
    for x, y in zip(X, Y, strict=True):
        sums.add(x, y, linked=True)
    found = sums.fit(np.eye(4)[1:], "ols", prior_sd=sd)
    off = Y.astype(float) - Y[0]
    ridge = np.linalg.solve(X.T @ X + np.diag(1 / sd**2), X.T @ off)
    np.testing.assert_allclose(found.effect, ridge[1:], rtol=1e-4, atol=1e-5)


def test_what_cannot_be_is_refused() -> None:
    glm = run(simulated()[:5])
    with pytest.raises(CausalityError, match="above 4"):
        glm.step(np.zeros(V, np.float32), 4)
    with pytest.raises(InputError, match="finite"):
        glm.step(np.full(V, np.nan, np.float32), 5)
    with pytest.raises(InputError, match="one mask"):
        glm.step(np.zeros(V + 1, np.float32), 5)
    with pytest.raises(ConfigError, match="2 problem"):
        GlmConfig(noise="ar9", least_dof=0)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="face - house"):
        parse_contrast("face - face")


def test_contrasts_are_read() -> None:
    assert parse_contrast("face - house") == {"face": 1.0, "house": -1.0}
    assert parse_contrast("0.5 * a-b + 0.5*c") == {"a-b": 0.5, "c": 0.5}
