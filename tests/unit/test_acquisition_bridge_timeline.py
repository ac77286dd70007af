from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from acquisition.bridge.timeline import (
    ChunkItem,
    Item,
    MarkerItem,
    VolumeItem,
    chunk_items,
    programme_events,
    volume_items,
)
from acquisition.fmri.volume import Volume
from acquisition.sources.eeg import EegRecording
from phosphene.dataset import TimedEvent
from phosphene.stimuli import Clip, make_programme

TR_S = 0.7


def volume(index: int) -> Volume:
    return Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), index, TR_S)


def events(times: Sequence[float]) -> list[TimedEvent]:
    return [TimedEvent(run="1", t_s=t, duration_s=1.0, label=f"e{t}") for t in sorted(times)]


def eeg(count: int, fs_hz: float = 100.0) -> EegRecording:
    data = np.arange(count, dtype=np.float32)[:, None]
    return EegRecording("x", data, fs_hz, ("a",))


def numbers(items: Sequence[Item]) -> list[int]:
    return [item.number for item in items if isinstance(item, MarkerItem)]


@given(st.lists(st.floats(0, 10, allow_nan=False), max_size=20), st.integers(1, 12))
def test_every_marker_precedes_the_volume_of_its_time(times: list[float], count: int) -> None:
    items = list(volume_items(map(volume, range(count)), events(times), TR_S))
    assert numbers(items) == list(range(len(times) + 1))
    due = [item.t_s for item in items[:-1]]
    assert due == sorted(due)
    for place, item in enumerate(items):
        if isinstance(item, VolumeItem):
            assert item.t_s == (item.volume.index + 1) * TR_S
            later = [m.t_s for m in items[place:] if isinstance(m, MarkerItem) and m.label]
            assert all(t >= item.t_s - 1e-6 for t in later)
    end = items[-1]
    assert isinstance(end, MarkerItem)
    assert end.more == {"end": True, "volumes": count, "next": count}


def test_the_marker_at_the_start_of_a_volume_belongs_to_it_whatever_rounding_says() -> None:
    shown = events([k * TR_S for k in range(12)])
    items = list(volume_items(map(volume, range(12)), shown, TR_S))
    kinds = "".join("m" if isinstance(item, MarkerItem) else "v" for item in items)
    assert kinds == "mv" * 12 + "m"


@given(st.lists(st.floats(0, 8, allow_nan=False), max_size=20), st.integers(0, 10))
def test_a_resumed_run_repeats_no_volume_and_misses_no_marker(
    times: list[float], begin: int
) -> None:
    whole = list(volume_items(map(volume, range(10)), events(times), TR_S))
    resumed = list(volume_items(map(volume, range(10)), events(times), TR_S, begin))
    kept = [i.volume.index for i in resumed if isinstance(i, VolumeItem)]
    assert kept == list(range(begin, 10))
    before = [i for i in whole if isinstance(i, VolumeItem) and i.volume.index < begin]
    known = numbers(whole[: whole.index(before[-1])]) if before else []
    assert set(numbers(resumed)) | set(known) == set(numbers(whole))


@given(
    st.lists(st.floats(0, 3, allow_nan=False), max_size=20),
    st.floats(0.001, 0.5),
    st.integers(0, 299),
)
def test_chunks_cover_every_sample_once_after_its_markers(
    times: list[float], chunk_s: float, begin: int
) -> None:
    items = list(chunk_items(eeg(300), events(times), chunk_s, begin))
    chunks = [item for item in items if isinstance(item, ChunkItem)]
    np.testing.assert_array_equal(
        np.concatenate([c.samples[:, 0] for c in chunks]), np.arange(begin, 300)
    )
    for place, item in enumerate(items):
        if isinstance(item, ChunkItem):
            later = [m.t_s for m in items[place:] if isinstance(m, MarkerItem) and m.label]
            assert all(t > (item.first_index + len(item.samples) - 1) / 100 for t in later)


def test_a_programme_becomes_events_that_tell_the_whole_clip() -> None:
    programme = make_programme(5, 3, 6.0, 2.0, 6.0)
    shown = programme_events(programme, "run")
    assert [e.t_s for e in shown] == [6.0, 14.0, 22.0]
    for event, block in zip(shown, programme.blocks, strict=True):
        assert msgspec.json.decode(event.detail, type=Clip) == block.clip
        assert event.label == block.clip.start.category
        assert event.duration_s == block.duration_s
