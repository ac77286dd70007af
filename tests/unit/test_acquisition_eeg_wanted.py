"""How many samples may gather before somebody has to look: never more than the next step needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.eeg.config import EegConfig, EpochConfig, FilterConfig, WindowConfig
from acquisition.eeg.core import EegCore

FS_HZ = 100.0


def core(**changes: object) -> EegCore:
    values: dict[str, object] = {
        "fs_hz": FS_HZ, "channel_names": ("a", "b"), "feature_rate_max_hz": 25.0,
        "filter": FilterConfig(low_hz=1.0, high_hz=20.0, notch_hz=()), "epoch": None,
        "window": WindowConfig(length_s=0.4, hop_s=0.13),
    }  # fmt: skip
    return EegCore(EegConfig.from_mapping(values | changes))


@settings(max_examples=25, deadline=None)
@given(most=st.integers(1, 60), epoch_s=st.floats(0.0, 3.0))
def test_waiting_for_what_is_wanted_delays_no_step(most: int, epoch_s: float) -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(0, 20, (400, 2))
    gathering, single = (core(epoch=EpochConfig(start_s=-0.1, stop_s=0.3)) for _ in range(2))
    due: dict[str, int] = {}
    for made in (gathering, single):
        made.marker(epoch_s, "face")
    for k in range(400):
        for step in single.push(data[k : k + 1], k):
            due[f"{step.kind}{step.index}"] = k + 1
    at, found = 0, {}
    while at < 400:
        assert gathering.wanted is not None
        count = min(most, gathering.wanted, 400 - at)
        for step in gathering.push(data[at : at + count], at):
            found[f"{step.kind}{step.index}"] = at + count
        at += count
    assert found == due


def test_where_nothing_is_planned_nothing_is_wanted() -> None:
    made = core(window=None, epoch=EpochConfig(start_s=0.0, stop_s=0.5))
    assert made.wanted is None
    made.marker(1.0, "face")
    assert made.wanted == pytest.approx(148, abs=4)
