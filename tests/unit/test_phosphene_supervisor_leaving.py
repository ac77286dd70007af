from __future__ import annotations

import signal
from collections.abc import Callable

from phosphene.clock import FakeClock
from phosphene.messages import Beat
from phosphene.supervisor import NodeSpec
from phosphene.supervisor.child import Child
from phosphene.supervisor.leaving import STOP_TIMEOUT_S, Leaving


class Process(Child):
    """Closes, and ends, so long after it was told to stop; or only by force."""

    def __init__(
        self, name: str, clock: FakeClock, told: list[str], *, ends_s: float, yields_to: int = 9
    ) -> None:
        self.spec = NodeSpec(name, name)
        self._clock, self._told, self._ends_s, self._yields_to = clock, told, ends_s, yields_to

    @property
    def pid(self) -> int:
        return 1

    def exit_code(self) -> int | None:
        return 0 if self._clock.now() >= self._ends_s else None

    def signal(self, number: signal.Signals) -> None:
        self._told.append(f"{self.spec.name} {number.name}")
        if number == self._yields_to:
            self._ends_s = self._clock.now()

    def wait(self, timeout_s: float) -> bool:
        left_s = max(0.0, self._ends_s - self._clock.now())
        self._clock.advance(min(left_s, timeout_s))
        return self.exit_code() is not None


class Scene:
    def __init__(self) -> None:
        self.clock, self.told = FakeClock(), list[str]()
        self.closed: dict[str, float] = {}
        self.leaving = Leaving(
            self.clock, lambda: self.clock.advance(0.05), self.beat_of, self.told.append
        )

    def beat_of(self, name: str) -> Beat:
        state = "stopped" if self.clock.now() >= self.closed.get(name, 1e9) else "running"
        return Beat(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer=name, pid=1,
                    state=state, counts={})  # fmt: skip

    def process(self, name: str, **how: float) -> Process:
        return Process(name, self.clock, self.told, **how)  # type: ignore[arg-type]

    def took(self, what: Callable[[], None]) -> float:
        before = self.clock.now()
        what()
        return self.clock.now() - before


def test_nobody_waits_for_the_interpreter_of_a_node_that_has_closed() -> None:
    scene = Scene()
    scene.closed = {"a": 0.1, "b": 0.2}
    a, b = scene.process("a", ends_s=1.0), scene.process("b", ends_s=1.1)
    assert scene.took(lambda: scene.leaving.take(a.spec, a)) < 0.2
    assert scene.took(lambda: scene.leaving.take(b.spec, b)) < 0.2
    assert (a.exit_code(), b.exit_code()) == (None, None)
    scene.leaving.await_all()
    assert (a.exit_code(), b.exit_code()) == (0, 0)
    assert scene.clock.now() < 1.2
    assert scene.told == []


def test_a_node_that_never_closes_is_ended_by_force_before_the_next_is_told() -> None:
    scene = Scene()
    node = scene.process("a", ends_s=1e9)
    took = scene.took(lambda: scene.leaving.take(node.spec, node))
    assert scene.told == ["a SIGTERM", "a SIGKILL", "a had to be killed"]
    assert STOP_TIMEOUT_S <= took < STOP_TIMEOUT_S + 4.0
    assert node.exit_code() == 0


def test_a_node_that_closes_and_does_not_end_is_ended_by_force() -> None:
    scene = Scene()
    scene.closed = {"a": 0.0}
    node = scene.process("a", ends_s=1e9, yields_to=signal.SIGTERM)
    scene.leaving.take(node.spec, node)
    assert scene.told == []
    scene.leaving.await_all()
    assert scene.told == ["a SIGTERM"]
    assert node.exit_code() == 0


def test_a_tool_is_ended_at_once() -> None:
    scene = Scene()
    tool = scene.process("scanner", ends_s=1e9, yields_to=signal.SIGTERM)
    tool.spec = NodeSpec("scanner", "scanner", "tool")
    assert scene.took(lambda: scene.leaving.take(tool.spec, tool)) == 0.0
    assert scene.told == ["scanner SIGTERM"]
