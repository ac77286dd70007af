"""Responses, design rows and physiological regressors."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.fmri.hrf import HRFS
from acquisition.fmri.physio import cardiac_phase, respiratory_phase, retroicor
from acquisition.fmri.regressors import DesignConfig, Regressors, Stimulus
from phosphene.errors import ConfigError

TR = 2.0


@pytest.mark.parametrize(("name", "peak_s"), [("glover", 5.1), ("spm", 5.0)])
def test_responses_peak_undershoot_and_integrate_to_one(name: str, peak_s: float) -> None:
    t = np.linspace(-1, 40, 4101)
    h = HRFS[name].value(t)  # type: ignore[index]
    assert t[h.argmax()] == pytest.approx(peak_s, abs=0.1)
    assert 8 < t[h.argmin()] < 18
    assert h[t <= 0].max() == 0
    assert h.sum() * 0.01 == pytest.approx(1.0, abs=1e-3)
    integral = HRFS[name].integral(t)  # type: ignore[index]
    np.testing.assert_allclose(np.cumsum(h) * 0.01, integral, atol=5e-3)


def test_a_block_is_a_sum_of_impulses() -> None:
    hrf = HRFS["glover"]
    block = hrf.response(9.0, np.array([2.0]), np.array([4.0]), np.ones(1))
    fine = np.arange(2.0, 6.0, 0.01)
    pulses = hrf.response(9.0, fine, np.zeros(len(fine)), np.full(len(fine), 0.01))
    assert block == pytest.approx(pulses, rel=1e-2)


def test_rows_know_nothing_of_what_comes_later() -> None:
    past = [Stimulus(3.0, "a", 4.0)]
    all_ = [*past, Stimulus(30.0, "b", 4.0), Stimulus(50.0, "a", 4.0)]
    one, other = (Regressors(DesignConfig(), TR) for _ in range(2))
    for k in range(14):
        np.testing.assert_array_equal(one.row(k, None, past), other.row(k, None, all_))
    assert len(other.row(16, None, all_)) == len(one.row(16, None, past)) + 1
    assert other.names[-2:] == ("a", "b")


def test_polynomials_span_the_same_whatever_the_length() -> None:
    rows = [
        np.array([Regressors(DesignConfig(motion=0, run_length_s=s), TR).row(k) for k in range(60)])
        for s in (None, 120.0, 900.0)
    ]
    for other in rows[1:]:
        fitted = rows[0] @ np.linalg.lstsq(rows[0], other, rcond=None)[0]
        np.testing.assert_allclose(fitted, other, atol=1e-8)


def test_cosines_need_an_announced_length_and_go_on_after_it() -> None:
    with pytest.raises(ConfigError, match="Announce the length"):
        DesignConfig(drift="cosine")
    design = Regressors(DesignConfig(drift="cosine", run_length_s=256.0, motion=0), TR)
    rows = np.array([design.row(k) for k in range(150)])
    assert rows.shape[1] == 1 + 4
    products = rows[:128].T @ rows[:128]
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-9)
    assert np.abs(rows[128:]).max() <= 1


def test_motion_comes_with_squares_and_the_volume_before() -> None:
    design = Regressors(DesignConfig(drift="none", motion=24), TR)
    first, second = np.arange(6.0), np.arange(6.0) + 1
    design.row(0, first)
    row = design.row(1, second)[1:]
    np.testing.assert_array_equal(row, np.r_[second, second**2, first, first**2])


def test_rest_is_no_condition_and_late_ones_share_a_column() -> None:
    design = Regressors(DesignConfig(drift="none", motion=0, most_conditions=2), TR)
    shown = [Stimulus(4.0 * k, name, 4.0) for k, name in enumerate(("rest", "a", "b", "c"))]
    row = design.row(10, None, shown)
    assert design.conditions == ("a", "b")
    alone = Regressors(DesignConfig(drift="none", motion=0), TR).row(10, None, shown)
    np.testing.assert_allclose(row, [1.0, alone[1], alone[2] + alone[3]])


def test_an_open_event_lasts_until_the_next() -> None:
    config = DesignConfig(drift="none", motion=0)
    live = [Stimulus(0.0, "a"), Stimulus(10.0, "rest"), Stimulus(20.0, "b")]
    told = [Stimulus(0.0, "a", 10.0), Stimulus(10.0, "rest", 10.0), Stimulus(20.0, "b")]
    one, other = Regressors(config, TR), Regressors(config, TR)
    for k in range(14):
        known = [s for s in live if s.onset_s <= (k + 1) * TR]
        np.testing.assert_allclose(one.row(k, None, known), other.row(k, None, told))


def test_wrong_settings_are_all_told() -> None:
    with pytest.raises(ConfigError, match="6 problem"):
        DesignConfig(
            hrf="boxcar",  # type: ignore[arg-type]
            drift_order=9,
            high_pass_s=0.0,
            motion=5,  # type: ignore[arg-type]
            physio=-1,
            sample_at=2.0,
        )


def test_the_heart_turns_once_per_beat_without_knowing_the_next() -> None:
    beats = np.arange(0, 20, 0.8)
    assert cardiac_phase(beats[:1], 5.0) is None
    assert cardiac_phase(beats, 8.2) == pytest.approx(2 * np.pi * 0.25, abs=1e-6)
    assert cardiac_phase(beats[beats < 8.1], 8.2) == cardiac_phase(beats, 8.2)
    assert cardiac_phase(beats[beats < 8.1], 12.0) == pytest.approx(2 * np.pi)


def test_breathing_follows_the_histogram_of_the_past() -> None:
    t = np.arange(0, 60, 0.05)
    belt = np.sin(2 * np.pi * t / 4)
    inwards, outwards = respiratory_phase(belt[:1191]), respiratory_phase(belt[:1151])
    assert inwards is not None
    assert outwards is not None
    assert inwards > 0 > outwards
    assert respiratory_phase(np.ones(50)) is None


def test_retroicor_takes_out_what_follows_the_heart() -> None:
    rng = np.random.default_rng(0)
    heart, breath = rng.uniform(0, 2 * np.pi, (2, 200))
    X = np.array([retroicor(c, r) for c, r in zip(heart, breath, strict=True)])
    assert X.shape[1] == 2 * 3 + 2 * 4 + 4
    wave = np.sin(2 * heart + 1) + np.cos(heart - breath)
    left = wave - X @ np.linalg.lstsq(X, wave, rcond=None)[0]
    assert np.abs(left).max() < 1e-9
    assert not retroicor(None, None).any()
