"""A node's link to the console of its run, where that is another machine."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from phosphene.clock import Clock
from phosphene.errors import NodeError
from phosphene.messages import Reply
from phosphene.network.time import ASK_S, ConsoleClock, Exchange

__all__ = ["ConsoleLink"]

MEET_S = 60.0
_FIRST_ANSWERS = 5
_PATIENCE = 6


class ConsoleLink:
    """Keeps the console's time, and notices that the console is gone.

    Parameters
    ----------
    own : Clock
        This machine's clock.
    ask : Callable
        Sends a question for the time by its number.
    hear : Callable
        Takes in what has arrived, waiting at most so many seconds; answers come to `answered`.

    Attributes
    ----------
    clock : ConsoleClock
        The console's time.
    """

    def __init__(
        self, own: Clock, ask: Callable[[str], None], hear: Callable[[float], None]
    ) -> None:
        self.clock = ConsoleClock(own)
        self._own, self._ask_for, self._hear = own, ask, hear
        self._exchange = Exchange()
        self._asked_s = float("-inf")

    @property
    def uncertain_s(self) -> float:
        """How much the time may be wrong at most, in seconds."""
        return self._exchange.uncertain_s()

    def meet(self, most_s: float = MEET_S) -> None:
        """Wait for the console and take over its time.

        Raises
        ------
        NodeError
            If it does not answer within `most_s` seconds.
        """
        deadline_s = self._own.now() + most_s
        while self._exchange.answers < _FIRST_ANSWERS:
            if self._own.now() > deadline_s:
                raise NodeError(
                    f"the console has not answered for {most_s:g} s; look whether the run goes on, "
                    "at address and ports, and whether the plan is this run's"
                )
            if self._own.now() - self._asked_s >= (0.0 if not self._exchange.unanswered else 0.5):
                self._ask()
            self._hear(0.1)
        self.clock.start(self._exchange.offset_s())

    def turn(self) -> bool:
        """Ask when it is time to; return False once the console is taken to be gone."""
        self._hear(0.0)
        if self._own.now() - self._asked_s >= ASK_S:
            self._ask()
        return self._exchange.unanswered <= _PATIENCE

    def answered(self, reply: Reply) -> None:
        """Take in an answer."""
        if self._exchange.answer(reply.id, reply.t_sent, self._own.now()):
            self.clock.set(self._exchange.offset_s())

    def _ask(self) -> None:
        number = uuid.uuid4().hex
        self._asked_s = self._own.now()
        self._exchange.ask(number, self._asked_s)
        self._ask_for(number)
