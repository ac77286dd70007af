"""Pictures that come too late after the brain data are replaced by the card, in live runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.bus import Publisher
from phosphene.consent import Scope
from phosphene.gate.card import LATE, UNSURE, no_decode_card
from phosphene.gate.late import IN_TIME_FOR_S, Lateness, LateWatch
from phosphene.latency import SAMPLES_BUDGET_MS, SLOW_FOR_S, budget_ms
from phosphene.messages import Frame, Message, Quality, describe
from phosphene.plan import SINKS
from tests.unit.test_gate_node import Bench, make_plan

STAMP: dict[str, Any] = {"run": "r", "seq": 0, "t_sent": 0.0, "producer": "x"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def frame(percept: int, acquired_s: float, **changes: Any) -> Frame:
    facts: dict[str, Any] = {
        "t_due": 0, "t_rendered": 0, "late": False, "skipped": 0, "render_ms": 1.0,
        "state": "picture", "percept_index": 0, "confidence": 0.9, "age_s": 0.1, "t_percept": 0.0,
        "seed": 0, "model": "m",
    }  # fmt: skip
    return Frame(**STAMP, t_acquired=acquired_s, percept_seq=percept, **{**facts, **changes})


def volume(index: int, tr_s: float) -> Quality:
    return Quality(**STAMP, t_acquired=0.0, index=index, t_data=index * tr_s, values={})


def of_volumes(tr_s: float) -> Lateness:
    rule = Lateness("fmri")
    rule.quality(volume(0, tr_s))
    rule.quality(volume(1, tr_s))
    return rule


def shown(rule: Lateness, step_s: float, latencies_s: list[float]) -> list[bool]:
    """Return, for percepts at equal steps with these latencies, where the card is shown."""
    return [
        rule.frame(frame(k, k * step_s - late), k * step_s) for k, late in enumerate(latencies_s)
    ]


def test_after_five_seconds_above_the_budget_there_is_a_card_and_it_goes_again() -> None:
    assert (SLOW_FOR_S, IN_TIME_FOR_S) == (5.0, 5.0)
    found = shown(Lateness("eeg"), 1.0, [0.1] * 3 + [0.9] * 8 + [0.1] * 8)
    assert found == [False] * 8 + [True] * 8 + [False] * 3


def test_one_late_picture_among_others_and_the_budget_itself_make_no_card() -> None:
    budget_s = SAMPLES_BUDGET_MS / 1000
    assert not any(shown(Lateness("eeg"), 1.0, ([0.9] * 5 + [0.1]) * 4))
    assert not any(shown(Lateness("eeg"), 1.0, [budget_s - 1e-9] * 20))


def test_the_budget_of_volumes_is_one_tr_and_nobody_judges_before_it_is_known() -> None:
    assert budget_ms(2.0) == 2000.0
    assert budget_ms(None) == SAMPLES_BUDGET_MS
    assert not any(shown(Lateness("fmri"), 2.0, [9.0] * 20))
    assert not any(shown(of_volumes(2.0), 2.0, [1.9] * 20))
    assert shown(of_volumes(2.0), 2.0, [2.1] * 6) == [False] * 3 + [True] * 3


def test_a_lost_volume_does_not_change_the_tr() -> None:
    rule = of_volumes(2.0)
    rule.quality(volume(5, 2.0))
    rule.quality(volume(5, 9.0))
    assert rule.budget_ms == 2000.0


def test_a_slow_tr_needs_two_late_pictures() -> None:
    assert shown(of_volumes(10.0), 10.0, [11.0, 11.0, 1.0, 1.0]) == [False, True, True, False]


def test_a_picture_that_stands_is_measured_once() -> None:
    rule = Lateness("eeg")
    assert not any(rule.frame(frame(3, 0.0), t) for t in np.arange(0.1, 60.0, 0.5))
    assert not rule.frame(frame(-1, -50.0), 61.0), "without a percept there is nothing to be late"


def test_after_a_stop_it_is_measured_anew() -> None:
    rule = Lateness("eeg")
    shown(rule, 1.0, [0.9] * 5)
    rule.forget()
    assert not rule.frame(frame(99, 5.0), 6.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 2), min_size=1, max_size=30), st.floats(0.2, 4.0))
def test_the_card_is_there_only_where_five_seconds_were_late(
    latencies_s: list[float], step_s: float
) -> None:
    late = False
    for k, found in enumerate(shown(Lateness("eeg"), step_s, latencies_s)):
        slow = [1000 * s > SAMPLES_BUDGET_MS for s in latencies_s[: k + 1]]
        alike = next((n for n, s in enumerate(reversed(slow)) if s != slow[-1]), len(slow))
        if (alike - 1) * step_s >= 5.0 + 1e-6:
            late = slow[-1]
        elif (alike - 1) * step_s > 5.0 - 1e-6:
            late = found  # on the edge
        assert found == late


def test_coming_and_going_are_told_once() -> None:
    told, audited = list[str](), list[bool]()
    watch = LateWatch(Lateness("eeg"), told.append, audited.append)
    for k, late in enumerate([0.9] * 8 + [0.1] * 8):
        watch.holds(frame(k, k - late), float(k))
    assert audited == [True, False]
    assert told == [
        "pictures come 900 ms after the data, more than 500 ms: a card is shown in their place", "",
    ]  # fmt: skip


# ---- in the gate -----------------------------------------------------------------------------


class Chain(Bench):
    """The gate's bench with acquisition."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.acquisition = Publisher(self.zmq, self.context.endpoint("acquisition"))
        self.acquisition.wait_for_subscribers(b"quality", 1, 5)
        for index in (0, 1):
            self.acquisition.send(Message(volume(index, 1.0)))
            self.settle(self.gate._events.socket)

    def paint(self, percept: int, late_s: float, **changes: Any) -> None:
        """Have a frame judged a second after the last one."""
        self.clock.advance(1.0)
        self.beat()
        arrays = {"picture": self.painted(percept)}
        specs = describe(arrays, {"picture": ("height", "width", "colour")}, {})
        header = frame(percept, self.clock.now() - late_s, arrays=specs, **changes)
        self.renderer.send(Message(header, arrays))
        self.settle(self.gate._frames.socket)

    def close(self) -> None:
        self.acquisition.close()
        super().close()


@pytest.fixture
def chain(folder: Path) -> Iterator[Callable[[str], Chain]]:
    made: list[Chain] = []

    def begin(mode: str) -> Chain:
        audit = folder / "audit"
        made.append(Chain(make_plan(folder, frozenset(Scope), mode=mode, audit=audit)))
        # Whether data come is another rule.
        made[-1].gate.policy.silence = None
        return made[-1]

    yield begin
    for one in made:
        one.close()


def cards(b: Chain, sink: str) -> list[str]:
    """Return why cards were shown to a sink since the last call; 'picture' for each picture."""
    found = []
    for message in b.seen(sink)[0]:
        picture = message.arrays["picture"]
        is_card = np.array_equal(picture, no_decode_card(*picture.shape[:2]))
        assert is_card == (message.header.state == "neutral")
        found.append(message.header.card if is_card else "picture")
    return found


def test_in_a_live_run_late_pictures_become_cards_for_everybody(
    chain: Callable[[str], Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    b = chain("live")
    audited: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(b.gate._diary, "_put", lambda what, **f: audited.append((what, f)))
    for k in range(8):
        b.paint(k, 1.5)
    assert cards(b, "operator") == ["picture"] * 5 + [LATE] * 3
    assert cards(b, "self") == ["picture"] * 5 + [""] * 3, "a card without words"
    assert cards(b, "observer") == ["picture"] * 5 + [""] * 3
    assert {m.header.state for m in b.recorded(Frame)[-3:]} == {"neutral"}
    assert "pictures come 1500 ms after the data" in b.context.note
    for k in range(8, 16):
        b.paint(k, 0.2)
    assert cards(b, "operator") == [LATE] * 5 + ["picture"] * 3
    assert b.context.note == ""
    told = [facts["shows"] for what, facts in audited if what == "late pictures"]
    assert told == ["card", "pictures"]
    assert b.gate.counts()["frames_carded"] == 8


def test_replays_may_be_as_late_as_they_like(chain: Callable[[str], Chain]) -> None:
    b = chain("replay")
    for k in range(9):
        b.paint(k, 30.0)
    assert cards(b, "operator") == ["picture"] * 9


def test_a_card_for_want_of_confidence_says_so_to_the_operator_alone(
    chain: Callable[[str], Chain],
) -> None:
    b = chain("replay")
    b.paint(0, 0.1, confidence=0.0, card="from the renderer")
    b.paint(1, 0.1, card="from the renderer")
    assert cards(b, "operator") == [UNSURE, "picture"]
    assert {sink: cards(b, sink) for sink in SINKS if sink != "operator"} == {
        "self": ["", "picture"], "observer": ["", "picture"],
    }  # fmt: skip
