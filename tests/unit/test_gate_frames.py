"""At full speed a slow process costs time, not frames; nothing passes meanwhile either."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from phosphene.consent import Scope
from phosphene.messages import Frame, Message, describe
from phosphene.neutral import neutral_picture
from phosphene.plan import SINKS
from renderer.neutral import neutral_frame
from tests.unit.test_gate_node import Bench, bench, make_plan


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def fates(b: Bench) -> dict[str, int]:
    names = ("frames_seen", "frames_passed", "frames_blanked", "frames_unwatched")
    return {name.removeprefix("frames_"): b.gate.counts()[name] for name in names}


def send(
    b: Bench,
    array: np.ndarray,
    name: str = "picture",
    confidence: float = 0.9,
    state: Literal["picture", "neutral"] = "picture",
) -> np.ndarray:
    """Send a frame as a renderer would that is wrong in one way."""
    arrays = {name: array}
    specs = describe(arrays, {name: ("height", "width", "colour")[: array.ndim]}, {})
    header = Frame(
        **b.stamp("renderer"), arrays=specs, t_due=0, t_rendered=0, late=False, skipped=0,
        render_ms=1.0, state=state, percept_seq=1, percept_index=1, confidence=confidence,
        age_s=0.1, t_percept=0.0, seed=1, model="m",
    )  # fmt: skip
    b.renderer.send(Message(header, arrays))
    b.settle(b.gate._frames.socket)
    return array


def test_at_full_speed_a_frame_waits_while_a_bond_is_lost(folder: Path) -> None:
    with bench(folder, frozenset(Scope), speed=None) as b:
        b.beat()
        b.clock.advance(0.8)
        picture = b.frame()
        frames, view = b.seen("self")
        assert (frames, view.passing) == ([], False)
        assert fates(b) == {"seen": 0, "passed": 0, "blanked": 0, "unwatched": 0}
        b.beat()
        b.gate.step()
        frames, view = b.seen("self")
        assert view.passing
        assert np.array_equal(frames[0].arrays["picture"], picture)
        assert fates(b) == {"seen": 1, "passed": 1, "blanked": 0, "unwatched": 0}


def test_what_still_waits_at_the_end_is_counted_and_shown_to_nobody(folder: Path) -> None:
    b = Bench(make_plan(folder, frozenset(Scope), speed=None))
    try:
        b.beat()
        b.clock.advance(0.8)
        b.frame()
        views = b.views["self"]
        b.gate.close()
        assert fates(b) == {"seen": 1, "passed": 0, "blanked": 1, "unwatched": 0}
        while views.socket.poll(200):
            assert not any(isinstance(m.header, Frame) for m in views.receive())
    finally:
        b.close()


def test_in_real_time_a_frame_of_a_lost_bond_is_gone(folder: Path) -> None:
    with bench(folder, frozenset(Scope), speed=1.0) as b:
        b.beat()
        b.clock.advance(0.8)
        b.frame()
        assert fates(b) == {"seen": 1, "passed": 0, "blanked": 1, "unwatched": 0}


def test_at_full_speed_the_first_frame_waits_for_a_window_to_listen(folder: Path) -> None:
    with bench(folder, frozenset(Scope), speed=None) as b:
        b.beat()
        b.gate._watched = False
        listening = {name: door.watched for name, door in b.gate._doors.items()}
        for door in b.gate._doors.values():
            door.watched = lambda: False  # type: ignore[method-assign]
        b.frame()
        assert fates(b)["seen"] == 0
        for name, door in b.gate._doors.items():
            door.watched = listening[name]  # type: ignore[method-assign]
        b.gate.step()
        assert fates(b) == {"seen": 1, "passed": 1, "blanked": 0, "unwatched": 0}


@pytest.mark.parametrize("confidence", [float("nan"), float("-inf"), 0.1])
def test_a_confidence_that_is_not_enough_or_no_number_gives_the_card(
    folder: Path, confidence: float
) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.gate._showing._least = 0.5
        b.beat()
        given = send(b, b.painted(1), confidence=confidence)
        (frame,), _view = b.seen("self")
        assert frame.header.state == "neutral"
        assert not np.array_equal(frame.arrays["picture"], given)


@pytest.mark.parametrize(
    ("shape", "name"), [((0, 64, 3), "picture"), ((64, 64), "picture"), ((8, 8, 3), "other")]
)
def test_a_frame_that_holds_no_picture_is_counted_and_the_gate_goes_on(
    folder: Path, shape: tuple[int, ...], name: str
) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        send(b, np.zeros(shape, np.uint8), name=name)
        assert (fates(b)["seen"], b.gate.counts()["malformed"]) == (0, 1)
        b.frame(2)
        assert [m.header.seed for m in b.seen("self")[0]] == [2]


@pytest.mark.parametrize("side", [(64, 64), (64, 48), (1, 1)])
def test_what_the_renderer_calls_neutral_is_the_gates_own_neutral_frame_for_everybody(
    folder: Path, side: tuple[int, int]
) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        own = neutral_picture(*side)
        leaked = np.random.default_rng(1).integers(0, 256, (*side, 3), dtype=np.uint8)
        nearly = own.copy()
        nearly[-1, -1, -1] ^= 1
        for count, picture in enumerate((leaked, nearly), start=1):
            send(b, picture, state="neutral", confidence=0.0)
            assert b.gate.counts()["frames_not_neutral"] == count
            for sink in SINKS:
                (frame,), _view = b.seen(sink)
                assert frame.header.state == "neutral"
                assert np.array_equal(frame.arrays["picture"], own)
        kept = b.recorded(Frame)
        assert [np.array_equal(m.arrays["picture"], own) for m in kept] == [True, True]
        assert "calls neutral what is not" in b.context.note


def test_an_honest_neutral_frame_passes_unchanged_each_time(folder: Path) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        shown = []
        for _ in range(5):
            send(b, neutral_picture(64, 64), state="neutral", confidence=0.0)
            shown += b.seen("self")[0]
        assert len(shown) == 5
        assert all(np.array_equal(m.arrays["picture"], neutral_picture(64, 64)) for m in shown)
        counts = b.gate.counts()
        assert (counts["frames_passed"], counts["frames_carded"]) == (5, 0)
        assert counts["frames_not_neutral"] == 0


def test_the_renderers_neutral_frame_is_the_one_that_the_gate_knows() -> None:
    for side in (64, 100, 256, 1024):
        assert np.array_equal(neutral_frame(side), neutral_picture(side, side))
