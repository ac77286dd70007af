"""The console's clock, read from another machine.

Machines count their time from different starts and at slightly different rates. A node elsewhere
asks the console for its time every two seconds over the control socket; of the last answers the
one that was quickest tells the difference best, since half of its way is all that can be wrong.
"""

from __future__ import annotations

from collections import deque

from phosphene.clock import Clock

__all__ = ["ASK_S", "ConsoleClock", "Exchange"]

ASK_S = 2.0
_KEPT = 8


class ConsoleClock:
    """A clock that shows another machine's time and never runs backwards.

    Parameters
    ----------
    own : Clock
        This machine's clock.

    Attributes
    ----------
    offset_s : float
        The other clock minus this one, in seconds.
    """

    def __init__(self, own: Clock) -> None:
        self.own = own
        self.offset_s = 0.0
        self._last_s = float("-inf")

    def now(self) -> float:
        """Return the other machine's time in seconds."""
        self._last_s = max(self._last_s, self.own.now() + self.offset_s)
        return self._last_s

    def wait_until(self, due_s: float) -> None:
        """Return once it is `due_s` seconds there."""
        while self.now() < due_s:
            self.own.wait_until(due_s - self.offset_s)

    def set(self, offset_s: float) -> None:
        """Set the difference; the first time from scratch, later without a step back."""
        self.offset_s = offset_s

    def start(self, offset_s: float) -> None:
        """Set the first difference: what was shown before was no time of the other machine."""
        self.offset_s, self._last_s = offset_s, float("-inf")


class Exchange:
    """Questions for the time and their answers; pure, with times handed in.

    Attributes
    ----------
    unanswered : int
        Questions since the last answer.
    """

    def __init__(self) -> None:
        self.unanswered = 0
        self._asked_s: dict[str, float] = {}
        self._known: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    @property
    def answers(self) -> int:
        """How many answers are known, at most eight."""
        return len(self._known)

    def ask(self, number: str, now_s: float) -> None:
        """Note that a question leaves now, on this machine's clock."""
        self.unanswered += 1
        if self.unanswered == 1:
            self._asked_s.clear()
        self._asked_s[number] = now_s

    def answer(self, number: str, there_s: float, now_s: float) -> bool:
        """Take in an answer; return False when nothing was asked by this number."""
        asked_s = self._asked_s.pop(number, None)
        if asked_s is None:
            return False
        self.unanswered = 0
        self._known.append((now_s - asked_s, there_s - (asked_s + now_s) / 2))
        return True

    def offset_s(self) -> float:
        """Return the other clock minus this one, from the quickest of the last answers."""
        return min(self._known)[1]

    def uncertain_s(self) -> float:
        """Return how much that may be wrong at most, in seconds, drift left aside."""
        return min(self._known)[0] / 2
