from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import NodeError
from phosphene.gate.latch import StopLatch, StopMemory
from phosphene.gate.memory import GateMemory
from phosphene.gate.task import TaskWindow


def test_an_armed_run_begins_only_after_a_test_press() -> None:
    latch = StopLatch(demanded=True, start="operator")
    assert "test" in latch.why()
    with pytest.raises(NodeError, match="test press"):
        latch.begin()
    assert latch.hear(7, 0) == ""
    assert latch.hear(7, 1) == "tested"
    assert latch.phase == "armed"
    assert "start" in latch.why()
    latch.begin()
    assert (latch.phase, latch.why()) == ("running", "")
    assert latch.hear(7, 1) == ""
    assert latch.hear(7, 2) == "stopped"


def test_the_test_press_itself_begins_where_that_is_set() -> None:
    latch = StopLatch(demanded=True, start="press")
    assert latch.hear(7, 1) == "tested"
    assert latch.phase == "running"


def test_a_second_press_before_the_start_stops_as_well() -> None:
    latch = StopLatch(demanded=True, start="press")
    assert latch.hear(7, 2) == "stopped"
    assert latch.phase == "stopped"


def test_without_a_demanded_device_nothing_is_waited_for_and_the_first_press_stops() -> None:
    latch = StopLatch(demanded=False)
    assert latch.why() == ""
    assert latch.hear(7, 1) == "stopped"


def test_only_the_right_pseudonym_and_an_agreement_confirm() -> None:
    latch = StopLatch(demanded=False)
    with pytest.raises(NodeError, match="not pressed"):
        latch.confirm("p01", "p01", "yes")
    latch.stop()
    for given_person, agreed in (("p02", "yes"), ("p01", "no"), ("p01", ""), ("", "yes")):
        with pytest.raises(NodeError):
            latch.confirm("p01", given_person, agreed)
        assert latch.why()
    latch.confirm("p01", "p01", "yes")
    assert latch.why() == ""


@given(
    beats=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4)), max_size=12),
    cut=st.integers(0, 12),
)
def test_a_stop_holds_whatever_comes_and_a_restart_of_the_gate_changes_nothing(
    beats: list[tuple[int, int]], cut: int
) -> None:
    one = StopLatch(demanded=True, start="press")
    other = StopLatch(demanded=True, start="press")
    stopped = False
    for index, (pid, presses) in enumerate(beats):
        one.hear(pid, presses)
        if index == cut:
            other = StopLatch(demanded=True, start="press", memory=other.memory)
        other.hear(pid, presses)
        assert one.memory == other.memory
        stopped = stopped or one.phase == "stopped"
        assert (one.phase == "stopped") == stopped


def test_a_new_process_of_the_device_counts_from_zero() -> None:
    latch = StopLatch(demanded=True, start="press")
    latch.hear(7, 1)
    assert latch.hear(8, 0) == ""
    assert latch.phase == "running"
    assert latch.hear(8, 1) == "stopped"


def test_the_memory_of_the_gate_survives_and_a_damaged_one_counts_as_pressed(
    tmp_path: Path,
) -> None:
    memory = GateMemory(tmp_path)
    assert (memory.fell, memory.stop(), memory.blanked()) == (False, None, None)
    kept = StopMemory(pid=7, presses=2, tested=True, begun=True)
    memory.keep_stop(kept)
    memory.blank("F8")
    again = GateMemory(tmp_path)
    assert (again.fell, again.stop(), again.blanked()) == (True, kept, "F8")
    again.blank(None)
    assert (tmp_path / "stop.json").stat().st_mode & 0o077 == 0
    (tmp_path / "stop.json").write_bytes(b"\xff{")
    third = GateMemory(tmp_path)
    assert (third.fell, third.blanked()) == (True, None)
    damaged = third.stop()
    assert damaged is not None
    assert damaged.stopped


def test_blocks_open_and_close_by_labels_durations_and_at_the_longest() -> None:
    task = TaskWindow(("imagine",), ("rest",), 30.0)
    assert not task.inside(0.0)
    task.event("other", 5.0, 0.0)
    assert not task.inside(0.0)
    task.event("imagine", 5.0, 1.0)
    assert task.inside(5.9)
    assert not task.inside(6.0)
    task.event("imagine", None, 10.0)
    assert task.inside(39.9)
    assert not task.inside(40.0)
    task.open(None, 50.0)
    task.event("rest", None, 51.0)
    assert not task.inside(51.0)
