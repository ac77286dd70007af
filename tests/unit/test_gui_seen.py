from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gui.seen import Block, Timeline
from phosphene.messages import Event
from phosphene.stimuli import sample_clip


def event(t_s: float, label: str = "", detail: str = "") -> Event:
    return Event(
        run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition",
        t_data=t_s, label=label, stream="stimuli", detail=detail,
    )  # fmt: skip


def test_a_clip_is_shown_as_it_was_at_that_time_and_ends() -> None:
    clip = sample_clip(3, duration_s=6.0, category="cat")
    timeline = Timeline()
    timeline.add(event(10.0, detail=msgspec.json.encode(clip).decode()))
    seen = timeline.at(12.5)
    assert (seen.kind, seen.label) == ("scene", "cat")
    assert seen.scene == clip.scene_at(2.5)
    assert timeline.at(9.9).kind == "rest"
    assert timeline.at(16.0).kind == "rest"


def test_a_still_scene_lasts_until_the_next_event() -> None:
    scene = sample_clip(4).start
    timeline = Timeline()
    timeline.add(event(0.0, detail=msgspec.json.encode(scene).decode()))
    timeline.add(event(5.0, label="rest"))
    assert timeline.at(4.9).scene == scene
    assert timeline.at(5.0).kind == "rest"


def test_a_label_lasts_as_long_as_its_detail_says() -> None:
    timeline = Timeline()
    assert timeline.at(0.0).kind == "unknown"
    timeline.add(event(12.0, label="house", detail='{"duration_s": 24.0}'))
    timeline.add(event(60.0, label="shoe"))
    assert timeline.at(35.9).label == "house"
    assert timeline.at(36.0).kind == "rest"
    assert timeline.at(900.0).label == "shoe"


def test_an_unreadable_detail_leaves_the_label() -> None:
    timeline = Timeline()
    for k, detail in enumerate(("{", "[1]", '{"category": "cat"}', "null")):
        timeline.add(event(float(k), label=f"m{k}", detail=detail))
        assert timeline.at(k + 0.5).label == f"m{k}"


def test_blocks_leave_out_rest_and_the_future() -> None:
    timeline = Timeline()
    for t_s, label in ((0.0, "rest"), (4.0, "face"), (8.0, "rest"), (12.0, "cat"), (30.0, "shoe")):
        timeline.add(event(t_s, label))
    assert timeline.blocks(20.0, most=5) == [Block(4.0, 8.0, "face"), Block(12.0, 20.0, "cat")]
    assert timeline.blocks(20.0, most=1) == [Block(12.0, 20.0, "cat")]


@given(st.lists(st.integers(0, 100), unique=True, min_size=1, max_size=20), st.randoms())
def test_the_order_of_arrival_does_not_matter(times: list[int], shuffler: random.Random) -> None:
    ordered, mixed = Timeline(), Timeline()
    for t in sorted(times):
        ordered.add(event(float(t), f"m{t}"))
    shuffler.shuffle(times)
    for t in times:
        mixed.add(event(float(t), f"m{t}"))
    assert all(ordered.at(t + 0.5) == mixed.at(t + 0.5) for t in range(100))


def test_the_past_is_bounded() -> None:
    timeline = Timeline(most=10)
    for t in range(100):
        timeline.add(event(float(t), f"m{t}"))
    assert timeline.at(99.0).label == "m99"
    assert len(timeline.blocks(1000.0, most=50)) == 10
