"""Slice times that the first volume does not tell, live and in a replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquisition.bridge.sources import LiveVolumes
from acquisition.bridge.timeline import VolumeItem
from acquisition.fmri.volume import Volume
from acquisition.sources.recording import FmriRecording, open_recording
from phosphene.errors import ConfigError
from phosphene.plan import Plan
from phosphene.session import Session

TIMES = (0.0, 0.5)


def volume(index: int, times: tuple[float, ...] | None) -> Volume:
    data = np.full((2, 2, 2), index, np.float32)
    return Volume(data, np.eye(4), index, 1.0, slice_times_s=times)


class Feed:
    """Hands out what has come."""

    def __init__(self) -> None:
        self.come: list[Volume] = []

    def take(self) -> Iterator[Volume]:
        while self.come:
            yield self.come.pop(0)

    def counts(self) -> Mapping[str, int]:
        return {}

    def complaints(self) -> Sequence[str]:
        return ()

    def close(self) -> None:
        pass


def live(tmp_path: Path, slice_timing: str) -> tuple[LiveVolumes, Feed]:
    session = {
        "person": "t", "modality": "fmri", "source": {"kind": "folder", "path": tmp_path},
        "acquisition": {"fmri": {"slice_timing": slice_timing}},
    }  # fmt: skip
    plan = Plan(run="r", folder=tmp_path, mode="live", session=Session.model_validate(session))
    feed = Feed()
    return LiveVolumes(plan, 0, feed), feed


def told(source: LiveVolumes) -> tuple[float, ...] | None:
    layout = source.layout()
    assert layout is not None
    return layout.slice_times_s


def taken(source: LiveVolumes) -> list[int]:
    found = []
    while source.peek() is not None:
        item = source.take()
        assert isinstance(item, VolumeItem)
        found.append(item.volume.index)
    return found


@pytest.mark.parametrize("second", [TIMES, None])
def test_the_first_volume_waits_for_the_second_ones_times(
    tmp_path: Path, second: tuple[float, ...] | None
) -> None:
    source, feed = live(tmp_path, "linear")
    feed.come.append(volume(0, None))
    assert source.layout() is None
    assert source.peek() is None
    feed.come.append(volume(1, second))
    assert told(source) == second
    assert taken(source) == [0, 1]
    feed.come.append(volume(2, TIMES))
    assert taken(source) == [2]
    assert told(source) == second


@pytest.mark.parametrize(("timing", "first"), [("off", None), ("linear", TIMES)])
def test_nothing_waits_where_that_tells_nothing(
    tmp_path: Path, timing: str, first: tuple[float, ...] | None
) -> None:
    source, feed = live(tmp_path, timing)
    feed.come.append(volume(0, first))
    assert told(source) == first
    assert taken(source) == [0]


@pytest.mark.realdata
def test_a_replay_of_a_real_scan_has_them_from_the_first_volume_on(realdata: Path) -> None:
    recording = open_recording(realdata / "fmri" / "three-vendors" / "GE_env")
    assert isinstance(recording, FmriRecording)
    assert recording.slice_times_s is not None
    assert recording.slice_times_s[1] == pytest.approx(0.5)
    assert {v.slice_times_s for v in recording.volumes()} == {recording.slice_times_s}


def test_volumes_without_a_tr_are_a_matter_of_configuration(tmp_path: Path) -> None:
    source, feed = live(tmp_path, "off")
    feed.come.append(replace(volume(0, None), tr_s=0.0))
    with pytest.raises(ConfigError, match=r"set acquisition\.fmri\.tr_s"):
        source.layout()
