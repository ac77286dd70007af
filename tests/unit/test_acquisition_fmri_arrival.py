"""The repetition time as volumes really come, and who is late."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.fmri.arrival import Arrivals


def test_the_measured_time_is_the_median_interval_over_gaps() -> None:
    arrivals = Arrivals()
    indices = [k for k in range(40) if k not in (7, 8, 20)]
    rng = np.random.default_rng(0)
    found = [arrivals.step(k, 1000.0 + 1.978 * k + rng.uniform(0, 0.02)) for k in indices]
    assert np.isnan(found[2].tr_measured_s)
    assert found[-1].tr_measured_s == pytest.approx(1.978, abs=0.005)
    assert arrivals.late == 0
    assert all(0 <= a.lag_ms < 100 for a in found[5:])


def test_late_volumes_are_counted_once_each() -> None:
    arrivals = Arrivals()
    late = {12: 0.9, 25: 1.4}
    found = [arrivals.step(k, 50.0 + 2.0 * k + late.get(k, 0.01)) for k in range(30)]
    assert arrivals.late == 1, "1.4 s of 2 s is late, 0.9 s is not"
    assert found[25].lag_ms == pytest.approx(1390, abs=20)
    assert found[26].lag_ms == pytest.approx(0, abs=20)


def test_a_faster_replay_measures_the_scanners_time() -> None:
    arrivals = Arrivals(speed=10.0)
    for k in range(20):
        last = arrivals.step(k, 3.0 + 0.2 * k)
    assert last.tr_measured_s == pytest.approx(2.0)


def test_a_scanner_that_differs_from_its_announcement_is_not_late() -> None:
    arrivals = Arrivals()
    for k in range(600):
        last = arrivals.step(k, 1.978 * k)
    assert arrivals.late == 0
    assert last.lag_ms < 1
