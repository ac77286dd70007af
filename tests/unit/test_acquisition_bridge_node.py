from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquisition.bridge.timeline import ChunkItem, Item, VolumeItem
from acquisition.fmri.volume import Volume
from acquisition.progress import Progress
from phosphene.errors import NodeError
from phosphene.messages import Command
from tests.unit.acquisition_bridge_bench import (
    EEG,
    FMRI,
    TR_S,
    Benches,
    FakeMarkers,
    FakeVolumes,
    benches,
    run_of,
)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    return benches(tmp_path, monkeypatch)


def test_nothing_flows_before_go_and_before_somebody_listens(
    bench: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(run_of(2)) as b:
        b.bridge.step()
        assert b.context.note == "", "without go nobody is waited for"
        monkeypatch.setattr(FakeMarkers, "reader", False)
        b.go()
        b.bridge.step()
        assert b.context.note == "", "an ordinary start is no news"
        b.clock.advance(5.0)
        b.bridge.step()
        assert "to the markers, and answer" in b.context.note
        monkeypatch.setattr(FakeMarkers, "reader", True)
        b.bridge.step()
        assert "listen and answer" in b.context.note
        assert b.new() == []
        assert b.bridge.due_s() is None
        b.credit(volumes=0)
        assert b.context.note == ""
        assert b.new()[:2] == ["volume 0", "volume 1"]


def test_nothing_is_offered_before_the_layout_is_known(bench: Benches) -> None:
    with bench(run_of(1)) as b:
        b.source.layout_now = None
        b.go()
        b.credit(volumes=0)
        assert b.new() == []
        b.source.layout_now = FMRI
        b.bridge.step()
        # What gave credit before there was a stream has to do so again.
        b.credit(volumes=0)
        assert "volume 0" in b.new()


def test_at_full_speed_eight_volumes_are_on_their_way(bench: Benches) -> None:
    with bench(run_of(20)) as b:
        b.go()
        b.credit(volumes=0)
        assert b.new() == [f"volume {k}" for k in range(8)]
        b.credit(volumes=3)
        assert b.new() == ["volume 8", "volume 9", "volume 10"]
        b.credit(volumes=3)
        b.credit(volumes=2)
        assert b.new() == [], "credits are absolute: one that is repeated or late moves nothing"
        b.credit(volumes=11)
        assert b["volumes_pushed"] == 19


def test_at_full_speed_a_volume_waits_until_its_markers_have_arrived(bench: Benches) -> None:
    with bench(run_of(3, 0.0, 0.5, 4.0)) as b:
        b.go()
        b.credit(volumes=0)
        assert b.new() == ["marker 0 e0", "marker 1 e0.5"]
        b.credit(markers=1)
        assert b.new() == []
        b.credit(markers=2)
        assert b.new() == ["volume 0", "volume 1", "marker 2 e4"]
        b.credit(markers=3)
        assert b.new() == ["volume 2", "marker 3 end"]


def test_at_full_speed_it_is_done_when_all_was_consumed(bench: Benches) -> None:
    with bench(run_of(2)) as b:
        assert not b.bridge.done()
        b.go()
        assert not b.bridge.done(), "nothing has flowed yet"
        b.credit(volumes=0)
        assert b.new() == ["volume 0", "volume 1", "marker 0 end"]
        assert not b.bridge.done()
        b.clock.advance(60.0)
        assert not b.bridge.done(), "however long it takes"
        b.credit(volumes=2)
        assert not b.bridge.done(), "the end marker is still on its way"
        b.credit(markers=1)
        assert b.bridge.done()
        assert (b["volumes_pushed"], b["markers_pushed"], b["repeated"]) == (2, 1, 0)


def test_in_real_time_every_item_is_pushed_when_it_is_due(bench: Benches) -> None:
    with bench(run_of(3, 1.0), speed=2.0) as b:
        b.go()
        b.credit(volumes=0)
        assert b.bridge.due_s() == 100.0 + 1.0 / 2
        assert b.new() == []
        b.clock.advance(0.5)
        b.bridge.step()
        assert b.new() == ["marker 0 e1"]
        assert b.bridge.due_s() == 100.0 + TR_S / 2
        b.clock.advance(0.499)  # 1 ms early: it waits exactly
        b.bridge.step()
        assert b.new() == ["volume 0"]
        assert b.clock.now() == 101.0
        b.clock.advance(1.5)  # half a period late: the next is not put off
        b.bridge.step()
        assert b.new() == ["volume 1"]
        assert b.bridge.due_s() == 103.0


def test_in_real_time_the_end_is_not_held_up_for_ever(bench: Benches) -> None:
    with bench(run_of(1), speed=1.0) as b:
        b.go()
        b.credit(volumes=0)
        b.clock.advance(10.0)
        b.bridge.step()
        assert b.new() == ["volume 0", "marker 0 end"]
        assert not b.bridge.done()
        b.clock.advance(2.5)
        assert not b.bridge.done()
        b.clock.advance(0.5)
        assert b.bridge.done()


def test_a_new_acquisition_is_sent_again_what_the_old_one_had_not_consumed(
    bench: Benches,
) -> None:
    with bench(run_of(20, 0.0)) as b:
        b.go()
        b.credit(volumes=0, markers=1)
        b.credit(volumes=2)
        assert b.new() == ["marker 0 e0", *(f"volume {k}" for k in range(10))]
        b.credit(epoch="2", volumes=5)
        assert b.new() == [f"volume {k}" for k in (*range(5, 10), *range(10, 13))]
        assert b["repeated"] == 5
        assert b["unacknowledged"] == 0


def test_in_real_time_nothing_is_sent_again_only_counted(bench: Benches) -> None:
    with bench(run_of(20), speed=1.0) as b:
        b.go()
        b.credit(volumes=0)
        b.clock.advance(4 * TR_S)
        b.bridge.step()
        assert b.new() == [f"volume {k}" for k in range(4)]
        b.credit(epoch="2", volumes=1)
        assert b.new() == []
        assert (b["unacknowledged"], b["repeated"]) == (3, 0)


@pytest.mark.parametrize(("speed", "reached"), [(None, 3), (1.0, 6)])
def test_a_bridge_that_starts_again_goes_on_after_what_is_safe(
    bench: Benches, tmp_path: Path, speed: float | None, reached: int
) -> None:
    """At full speed only what was consumed is behind it, in real time all that was pushed."""
    with bench(run_of(20), speed=speed) as b:
        b.go()
        b.credit(volumes=0)
        b.clock.advance(6 * TR_S)
        b.bridge.step()
        b.credit(volumes=3)
    with Progress(tmp_path / "ph-t" / "bridge.progress") as kept:
        assert (kept.count, kept.t0_s) == (reached, 100.0)
    with bench(run_of(20, first=reached), speed=speed) as b:
        b.go()
        b.credit(volumes=3)
        b.clock.advance(7 * TR_S)
        b.bridge.step()
        pushed = b.new()
        assert pushed[0] == f"volume {reached}"
        assert pushed[-1] == ("volume 10" if speed is None else "volume 6")


def test_eeg_is_counted_in_samples(bench: Benches) -> None:
    items: list[Item] = [
        ChunkItem((k + 1) * 0.5, 50 * k, np.zeros((50, 2), np.float32)) for k in range(6)
    ]
    with bench(items, EEG) as b:
        b.go()
        b.credit(samples=0)
        # Two seconds may be outstanding.
        assert b.new() == ["samples 0+50", "samples 50+50", "samples 100+50", "samples 150+50"]
        b.credit(samples=1)
        assert b.new() == ["samples 200+50"]
        b.credit(samples=250)
        b.credit(samples=300)
        assert b["samples_pushed"] == 300
        assert b.bridge.done()


def test_without_an_acquisition_nobody_is_asked(bench: Benches) -> None:
    with bench(run_of(20), asks=False) as b:
        b.go()
        assert len(b.new()) == 21
        assert b.bridge.done()


def test_what_the_source_leaves_out_is_told(bench: Benches) -> None:
    with bench(run_of(1)) as b:
        b.source.complaints_now = ["b.dcm is foreign", "a.dcm is cut off"]
        b.bridge.step()
        assert "a.dcm is cut off" in b.context.note
        assert b.context._untold == ["b.dcm is foreign", "a.dcm is cut off"], "for the next beat"


def test_an_item_that_does_not_fit_the_stream_ends_the_node(bench: Benches) -> None:
    items = [ChunkItem(1.0, 0, np.zeros((5, 2), np.float32))]
    with bench(items, FMRI, asks=False) as b, pytest.raises(NodeError, match="ChunkItem"):
        b.go()


def test_it_obeys_go_and_no_other_command(bench: Benches) -> None:
    stamp = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0}
    with bench(run_of(1)) as b, pytest.raises(NodeError, match="'dance'"):
        b.bridge.command(Command(**stamp, producer="s", id="1", action="dance"))  # type: ignore[arg-type]


def test_a_volume_is_stamped_with_its_arrival_and_takes_its_header_time_along(
    bench: Benches,
) -> None:
    blank = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), 0, TR_S)
    arrived = replace(blank, arrived_s=90.0, header_s=1.5)
    replayed = replace(blank, index=1)
    items: list[Item] = [VolumeItem(TR_S, arrived), VolumeItem(2 * TR_S, replayed)]
    FakeVolumes.stamps.clear()
    with bench(items, asks=False) as b:
        b.go()
    assert FakeVolumes.stamps == [(90.0, {"header_s": 1.5}), (None, {})]
