"""The clock of another machine, and its nodes as the supervisor knows them."""

from __future__ import annotations

import signal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.clock import FakeClock
from phosphene.errors import NodeError
from phosphene.messages import Beat, Reply
from phosphene.network.link import ConsoleLink
from phosphene.network.time import ConsoleClock, Exchange
from phosphene.network.watching import OneWayClock
from phosphene.supervisor.child import NodeSpec
from phosphene.supervisor.distant import Distant


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=8),
)
def test_the_difference_of_clocks_is_wrong_by_half_the_quickest_way_at_most(
    offset_s: float, ways: list[tuple[float, float]]
) -> None:
    exchange, now_s = Exchange(), 100.0
    for k, (there, back) in enumerate(ways):
        exchange.ask(str(k), now_s)
        stamp = now_s + there + offset_s
        now_s += there + back
        assert exchange.answer(str(k), stamp, now_s)
        now_s += 2.0
    most = min(there + back for there, back in ways) / 2
    assert exchange.uncertain_s() == pytest.approx(most, abs=1e-9)
    assert abs(exchange.offset_s() - offset_s) <= most + 1e-6


def test_answers_to_nothing_asked_are_ignored() -> None:
    exchange = Exchange()
    exchange.ask("a", 1.0)
    assert not exchange.answer("b", 5.0, 1.1)
    assert exchange.answer("a", 5.0, 1.1)
    assert not exchange.answer("a", 9.0, 1.2)
    assert exchange.answers == 1


@given(st.lists(st.floats(-1, 1), max_size=20))
def test_the_consoles_clock_never_runs_backwards(offsets: list[float]) -> None:
    own = FakeClock(50.0)
    clock = ConsoleClock(own)
    clock.start(-1000.0)
    assert clock.now() == pytest.approx(-950.0)
    shown = [clock.now()]
    for offset_s in offsets:
        clock.set(-1000.0 + offset_s)
        own.advance(0.1)
        shown.append(clock.now())
    assert shown == sorted(shown)
    clock.wait_until(shown[-1] + 1.0)
    assert clock.now() >= shown[-1] + 1.0 - 1e-9


class Wire:
    """A console that answers, or not, with a clock that is 1000 s ahead."""

    def __init__(self) -> None:
        self.own, self.answers, self.asked = FakeClock(7.0), True, list[str]()
        self.link = ConsoleLink(self.own, self.asked.append, self.hear)

    def hear(self, wait_s: float) -> None:
        self.own.advance(0.001)
        while self.asked and self.answers:
            stamp = self.own.now() + 1000.0
            self.link.answered(
                Reply(run="r", seq=0, t_acquired=stamp, t_sent=stamp, producer="supervisor",
                      id=self.asked.pop(), ok=True, text="")
            )  # fmt: skip
        self.own.advance(wait_s)


def test_a_node_elsewhere_lives_by_the_consoles_clock_and_ends_without_it() -> None:
    wire = Wire()
    wire.link.meet()
    assert wire.link.clock.now() == pytest.approx(wire.own.now() + 1000.0, abs=0.1)
    for _ in range(50):
        wire.own.advance(0.5)
        assert wire.link.turn()
    wire.answers = False
    turns = 0
    while wire.link.turn():
        wire.own.advance(0.5)
        turns += 1
        assert turns < 100
    assert 20 <= turns <= 40  # 10 to 20 s


def test_a_console_that_never_answers_is_told() -> None:
    wire = Wire()
    wire.answers = False
    with pytest.raises(NodeError, match="has not answered"):
        wire.link.meet(3.0)


@given(st.floats(-1e5, 1e5), st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_held_up_messages_are_old_for_an_observer(offset_s: float, delays: list[float]) -> None:
    clock, sent_s, now_s = OneWayClock(), 10.0, 10.0
    for delay_s in delays:
        sent_s += 0.1
        now_s = max(now_s, sent_s + delay_s)
        clock.hear(sent_s + offset_s, now_s)
    least = min(delays)
    assert clock.there_s(now_s) <= now_s + offset_s + 1e-6
    assert clock.there_s(now_s) >= now_s + offset_s - (max(delays) - least) - least - 1e-6


def beat(pid: int, state: Literal["ready", "running", "stopped"], note: str = "") -> Beat:
    return Beat(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="decoder", pid=pid,
                state=state, counts={}, note=note)  # fmt: skip


def test_a_node_elsewhere_is_gone_when_it_says_so_or_another_speaks_by_its_name() -> None:
    left = Distant(NodeSpec("decoder", "decoder", machine="gpu"))
    left.hear(None)
    assert (left.exit_code(), left.here) == (None, False)
    left.hear(beat(7, "ready"))
    left.signal(signal.SIGKILL)  # ends at this machine
    assert (left.exit_code(), left.here, left.pid) == (None, True, 7)
    left.hear(beat(7, "stopped", "no bundle"))
    assert (left.exit_code(), left.last_words()) == (0, "no bundle")
    assert "gpu has left" in left.how_it_fell()
    gone = Distant(NodeSpec("decoder", "decoder", machine="gpu"))
    gone.hear(beat(7, "running"))
    gone.hear(beat(8, "ready"))
    assert gone.exit_code() == 1
    assert "gpu is gone" in gone.how_it_fell()
    silent = Distant(NodeSpec("decoder", "decoder", machine="gpu"))
    silent.hear(beat(7, "running"))
    silent.kill()
    assert silent.exit_code() == 1
