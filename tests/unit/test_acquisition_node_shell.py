from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from acquisition.errors import StreamAbsentError
from acquisition.intake import Opener
from acquisition.progress import Progress
from acquisition.streams import awaited
from phosphene.errors import InputError, NodeError
from phosphene.messages import Command
from phosphene.session import SourceSettings
from tests.unit.acquisition_node_bench import (
    Benches,
    FakeInlet,
    FakeVolumes,
    benches,
    indices,
)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    return benches(tmp_path, monkeypatch)


def test_until_a_stream_is_found_it_says_so_and_takes_nothing(
    bench: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeInlet, "there", False)
    with bench() as b:
        b.volume(0)
        b.node.step()
        assert b.context.note in ("no LSL stream yet", "waiting for the bridge")
        assert b["volumes"] == 0
        due_s = b.node.due_s()
        assert due_s is not None
        assert due_s > b.clock.now(), "it must not spin while it looks"
        monkeypatch.setattr(FakeInlet, "there", True)
        b.opened()
        b.work()
        assert b["volumes"] == 1
        assert b.context.note == ""
    assert b.volumes.closed
    assert b.markers.closed


def test_before_the_first_volume_nothing_is_wrong(bench: Benches) -> None:
    with bench() as b:
        plan = b.context.plan
        source = SourceSettings(kind="folder", path=Path("x"), source_ids=("pulses",))
        session = plan.session.model_copy(update={"source": source})
        live = awaited(plan.model_copy(update={"session": session}))
        assert live == {0: "waiting for the bridge", 2: "waiting for the first volume"}
        assert awaited(plan) == {0: "waiting for the bridge", 1: "waiting for the recording"}
        assert awaited(plan.model_copy(update={"nodes": ("acquisition",)})) == {}


@pytest.mark.parametrize("error", [StreamAbsentError, InputError])
def test_only_a_stream_that_is_not_there_yet_is_waited_for(error: type[InputError]) -> None:
    tried = threading.Event()

    class Closed:
        def open(self, timeout_s: float = 5.0) -> object:
            tried.set()
            raise error("no LSL stream")

        def close(self) -> None:
            pass

    opener = Opener([Closed()], {0: "waiting for the first volume"})
    assert tried.wait(5)
    opener.close()
    absent = error is StreamAbsentError
    assert opener.trouble == ("waiting for the first volume" if absent else "no LSL stream")


def test_a_stream_that_comes_late_is_no_news_and_one_that_does_not_is_told() -> None:
    tried, told = 0, list[str]()
    missed = threading.Event()

    class Missing:
        def open(self, timeout_s: float = 5.0) -> object:
            nonlocal tried
            tried += 1
            told.append(opener.trouble if tried > 1 else "looking for the stream")
            if tried == 7:
                missed.set()
            ready.wait(5)
            raise StreamAbsentError("no LSL stream")

        def close(self) -> None:
            pass

    ready = threading.Event()
    opener = Opener([Missing()])
    ready.set()
    assert missed.wait(5)
    opener.close()
    assert told[:7] == ["looking for the stream"] * 5 + ["no LSL stream"] * 2


def test_a_long_preparation_is_told_while_it_lasts(
    bench: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = []

    def prepare(beat: Callable[[], object]) -> None:
        for _ in range(4):
            beat()
            notes.append(b.context.note)
            b.clock.advance(1.0)

    with bench() as b:
        monkeypatch.setattr(b.node._take, "prepare", prepare)
        b.node.prepare()
        assert notes[:3] == ["", "", ""]
        assert "compiling for this machine, once" in notes[3]
        assert b.context.note == ""


def test_what_a_restarted_bridge_repeats_is_taken_once(bench: Benches) -> None:
    with bench() as b:
        b.marker(0, "face", 0.5)
        b.volume(0, 1)
        b.work()
        b.marker(0, "face", 0.5)
        b.marker(1, "house", 4.5)
        b.volume(1, 2)
        b.work()
        assert (b["events"], b["duplicates"], b["volumes"], b["repeated"]) == (2, 1, 3, 1)
        assert indices(b.published()) == [0, 1, 2]


def test_volumes_that_never_came_are_counted(bench: Benches) -> None:
    with bench() as b:
        b.volume(0, 3)
        b.work()
        assert (b["volumes"], b["volumes_lost"]) == (2, 2)


def test_a_marker_without_a_time_is_counted_and_not_published(bench: Benches) -> None:
    with bench() as b:
        b.marker(0, "face", None)
        b.work()
        assert (b["markers_late"], b["events"]) == (1, 0)
        assert b.published() == []


def test_a_process_that_starts_again_goes_on_where_the_other_came_to(
    bench: Benches, tmp_path: Path
) -> None:
    with bench() as b:
        b.volume(0, 1, 2)
        b.work()
    with Progress(tmp_path / "ph-t" / "acquisition.progress") as kept:
        assert kept.count == 3
    with bench() as b:
        b.volume(2, 3)
        b.work()
        assert (b["volumes"], b["repeated"], b["volumes_lost"]) == (1, 1, 0)
        assert indices(b.published()) == [3]
        assert set(b.told("volumes")) <= {3, 4}, "the bridge is never told less than before"


def test_a_stream_that_is_lost_is_told_until_the_run_has_ended(bench: Benches) -> None:
    with bench() as b:
        b.markers.link.connected, b.markers.link.trouble = False, "the source is gone"
        b.volume(0)
        b.work()
        assert b.context.note == "markers phosphene-r-markers: the source is gone"
        b.end(0, 1)
        b.work()
        assert b.context.note == ""


def test_it_obeys_go_and_no_other_command(bench: Benches) -> None:
    def command(action: str) -> Command:
        stamp = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0}
        return Command(**stamp, producer="supervisor", id="1", action=action)  # type: ignore[arg-type]

    with bench() as b:
        assert b.node.command(command("go")) == "listening"
        with pytest.raises(NodeError, match="'dance'"):
            b.node.command(command("dance"))


def test_a_stream_for_another_mask_is_told(bench: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as b:
        for told, own, said in (("a", "b", True), ("a", "a", False), ("", "b", False)):
            layout = replace(FakeVolumes.layout, mask_hash=told * 64)
            monkeypatch.setattr(b.volumes, "layout", layout, raising=False)
            monkeypatch.setattr(b.node, "_mask_hash", own * 64)
            b.work()
            assert ("the stream is for mask aaaaaaaaaaaa" in b.context.note) is said
