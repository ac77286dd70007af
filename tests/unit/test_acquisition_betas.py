"""Single-trial betas against a model of each event's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.fmri.betas import Beta, BetaConfig, RunningBetas
from acquisition.fmri.hrf import HRFS
from acquisition.fmri.regressors import DesignConfig, Stimulus
from phosphene.errors import CausalityError, ConfigError, InputError

N, V, TR = 80, 20, 2.0
SHOWN = tuple(Stimulus(9.0 + 7.5 * k, "ab"[k % 2], 2.0) for k in range(18))
PLAIN = BetaConfig(
    delay_s=9.0, noise="ols", nuisance_sd=np.inf, design=DesignConfig(drift_order=1, motion=0)
)


def responses(seed: int = 0, size: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Data with an own response to each event; returns it with the events' true patterns."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 10, (len(SHOWN), V))
    t = (np.arange(N) + 0.5) * TR
    shape = np.stack([
        HRFS["glover"].integral(t - s.onset_s) - HRFS["glover"].integral(t - s.onset_s - 2.0)
        for s in SHOWN
    ])  # fmt: skip
    data = 1000 + size * rng.standard_normal((N, V)) + shape.T @ true + 0.05 * t[:, None]
    return data.astype(np.float32), true


def run(
    data: np.ndarray,
    config: BetaConfig = PLAIN,
    shown: Sequence[Stimulus] = SHOWN,
    out: Sequence[int] = (),
) -> list[Beta]:
    betas, found = RunningBetas(V, TR, config), []
    for k, y in enumerate(data):
        known = [s for s in shown if s.onset_s <= (k + 1) * TR]
        if k not in out:
            found += betas.step(y, k, None, known)
    return found


def separate(data: np.ndarray, event: int, upto: int) -> np.ndarray:
    """LSS by the book: one regressor for the event, one for the others, on the volumes so far."""
    t = (np.arange(upto) + 0.5) * TR
    column = [
        HRFS["glover"].integral(t - s.onset_s) - HRFS["glover"].integral(t - s.onset_s - 2.0)
        for s in SHOWN
    ]
    others = np.sum([c for k, c in enumerate(column) if k != event], axis=0)
    X = np.c_[column[event], others, np.ones(upto), t]
    beta = np.linalg.lstsq(X, data[:upto].astype(float), rcond=None)[0][0]
    return 100 * beta / data[:upto].mean(0, dtype=float)


def test_each_beta_is_its_own_model_of_the_volumes_so_far() -> None:
    data, _ = responses()
    found = run(data)
    assert [b.number for b in found] == list(range(len(found)))
    for b in found[1:]:
        assert b.ready
        assert (b.index + 0.5) * TR - b.onset_s >= 9.0 > (b.index - 0.5) * TR - b.onset_s
        np.testing.assert_allclose(b.x, separate(data, b.number, b.index + 1), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("method", ["lss", "mean"])
def test_patterns_are_those_of_their_events(method: str) -> None:
    data, true = responses()
    config = replace(PLAIN, method=method, noise="ar1")
    found = [b for b in run(data, config) if b.ready][2:]
    own = [np.corrcoef(b.x, true[b.number])[0, 1] for b in found]
    other = [np.corrcoef(b.x, true[b.number - 3])[0, 1] for b in found if b.number >= 3]
    assert np.mean(own) > 0.6
    assert abs(np.mean(other)) < 0.3


@settings(max_examples=8, deadline=None)
@given(upto=st.integers(20, N - 1), seed=st.integers(0, 3))
def test_nothing_later_matters(upto: int, seed: int) -> None:
    data, _ = responses(seed)
    other = data.copy()
    other[upto:] *= 3
    a, b = run(data, replace(PLAIN, noise="ar1")), run(other, replace(PLAIN, noise="ar1"))
    same = [one.x.tobytes() == two.x.tobytes() for one, two in zip(a, b, strict=True)]
    assert all(s for s, beta in zip(same, a, strict=True) if beta.index < upto)
    assert not any(s for s, beta in zip(same, a, strict=True) if beta.index >= upto)


def test_events_may_be_known_long_before() -> None:
    data, _ = responses()
    betas, all_at_once = RunningBetas(V, TR, PLAIN), []
    for k, y in enumerate(data):
        all_at_once += betas.step(y, k, None, SHOWN)
    told = run(data)
    assert [b.x.tobytes() for b in told] == [b.x.tobytes() for b in all_at_once]


def test_a_lost_volume_delays_a_beta_and_a_spike_teaches_nothing() -> None:
    data, _ = responses()
    whole = run(data)
    lost = run(data, out=(whole[5].index,))
    assert lost[5].index == whole[5].index + 1
    assert lost[5].ready
    spoiled = data.copy()
    spoiled[30] += 300

    def censored(rows: np.ndarray) -> list[bytes]:
        betas, found = RunningBetas(V, TR, PLAIN), []
        for k, y in enumerate(rows):
            found += betas.step(y, k, None, SHOWN, censor=k == 30)
        return [b.x.tobytes() for b in found]

    assert censored(data) == censored(spoiled)


def test_a_prior_on_nuisance_steadies_the_first_betas() -> None:
    data, true = responses(size=8.0)
    drifting = replace(PLAIN, design=DesignConfig(drift_order=3, motion=0), least_dof=1)
    early = {}
    for sd in (1.0, np.inf):
        found = [b for b in run(data, replace(drifting, nuisance_sd=sd)) if 0 < b.number < 4]
        early[sd] = np.mean([(b.x - true[b.number] / 10) ** 2 for b in found])
    assert early[1.0] < early[np.inf] / 1.5


def test_only_what_is_asked_for_gets_a_beta() -> None:
    data, _ = responses()
    only_a = run(data, replace(PLAIN, conditions=("a",)))
    assert {b.condition for b in only_a} == {"a"}
    with_rest = [*SHOWN[:4], Stimulus(SHOWN[4].onset_s, "rest", 5.0)]
    assert len(run(data, shown=with_rest)) == 4


def test_the_first_events_are_not_ready_and_say_so() -> None:
    data, _ = responses()
    strict = run(data, replace(PLAIN, least_dof=20))
    ready = [b.ready for b in strict]
    assert not ready[0]
    assert all(ready[ready.index(True) :])
    assert not strict[0].x.any()


def test_numbers_go_on_after_a_restart_and_late_events_are_counted() -> None:
    data, _ = responses()
    betas = RunningBetas(V, TR, PLAIN, first_number=7)
    found = []
    for k, y in enumerate(data[:30]):
        found += betas.step(y, k, None, SHOWN[:1] if k > 8 else ())
    assert [b.number for b in found] == [7]
    assert betas.late == 1


def test_wrong_settings_and_volumes_are_refused() -> None:
    with pytest.raises(ConfigError, match="6 problem"):
        BetaConfig(
            delay_s=0.0,
            method="best",  # type: ignore[arg-type]
            window_s=0.0,
            noise="ar2",  # type: ignore[arg-type]
            nuisance_sd=0.0,
            least_dof=0,
        )
    betas = RunningBetas(V, TR, PLAIN)
    betas.step(np.ones(V, np.float32), 3)
    with pytest.raises(CausalityError):
        betas.step(np.ones(V, np.float32), 3)
    with pytest.raises(InputError):
        betas.step(np.full(V, np.inf, np.float32), 4)
