"""What observers wait for: nothing leaves before release and delay, nor because a run ends."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.gate.hold import HoldQueue
from phosphene.messages import Beat, Frame, Grant, Message
from tests.unit.test_gate_orders import folder, later, made

__all__ = ["folder"]


@given(
    steps=st.lists(st.tuples(st.sampled_from(["put", "release", "clear", "wait"]),
                             st.floats(0, 20)), max_size=30),
    manual=st.booleans(),
)  # fmt: skip
@settings(max_examples=60)
def test_nothing_leaves_before_its_release_and_delay_or_out_of_order(
    steps: list[tuple[str, float]], manual: bool
) -> None:
    queue, now = HoldQueue(30.0, manual=manual), 0.0
    came: dict[int, float] = {}
    released: dict[int, float] = {}
    gone: list[int] = []
    names = itertools.count()
    for what, lasts_s in steps:
        now += lasts_s
        if what == "put":
            name = next(names)
            came[name] = now
            queue.put(Message(name, {"picture": np.zeros(3, np.uint8)}), now)  # type: ignore[arg-type]
        elif what == "release":
            released = dict.fromkeys(came, now) | released
            queue.release(now)
        elif what == "clear":
            came = {}
            queue.clear()
        for message in queue.due(now):
            name = int(message.header)  # type: ignore[call-overload]
            assert name in came
            assert now - came[name] >= 30.0 - 1e-9
            assert not manual or now - released[name] >= 30.0 - 1e-9
            gone.append(name)
    assert gone == sorted(set(gone))


@pytest.mark.parametrize("release", ["manual", "delay"])
def test_the_end_of_a_run_releases_nothing(folder: Path, release: str) -> None:
    b = made(folder, gate={"observer_release": release, "observer_delay_s": 2})
    try:
        b.beat()
        b.frame(1)
        later(b, 1)
        b.frame(2)
        b.context.stopping = True
        b.gate.close()
        while b.views["observer"].socket.poll(200):
            found = [m.header for m in b.views["observer"].receive()]
            assert not any(isinstance(header, Frame) for header in found)
        counts = b.gate.counts()
        assert (counts["frames_held"], counts["frames_unreleased"]) == (0, 2)
    finally:
        b.close()


def test_a_press_that_waits_when_the_run_ends_keeps_what_is_withheld_off_the_disk(
    folder: Path,
) -> None:
    b = made(folder, mode="live", stop={"keyboard": "/dev/null", "withhold_s": 2})
    try:
        b.beat()
        b.frame(1)
        beat = Beat(**b.stamp("stop"), pid=5, state="running", counts={"presses": 1})
        b.bonds.send(Message(beat))
        assert b.gate._bonds.socket.poll(2000)
        b.context.stopping = True
        b.gate.close()
        kept = []
        while b.records.socket.poll(200):
            kept += [m.header for m in b.records.receive()]
        assert not any(isinstance(header, Frame) for header in kept)
        assert any(isinstance(h, Grant) and h.phase == "stopped" for h in kept)
    finally:
        b.close()


def test_a_full_queue_loses_its_oldest_frames() -> None:
    queue = HoldQueue(1.0, manual=False, most_bytes=10)
    for _ in range(4):
        queue.put(Message(None, {"picture": np.zeros(4, np.uint8)}), 0.0)  # type: ignore[arg-type]
    assert (len(queue), queue.dropped) == (2, 2)
