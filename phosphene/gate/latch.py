"""The participant's stop as the gate keeps it: tested, begun, stopped, confirmed; pure.

``armed`` -> (test press, then start) -> ``running`` -> (press) -> ``stopped`` -> (confirmed with
the participant) -> ``running``, behind an operator's blank that has to be taken back as well.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from phosphene.errors import NodeError, problem

__all__ = ["StopLatch", "StopMemory"]

STOPPED = "the participant pressed stop"


class StopMemory(msgspec.Struct, frozen=True):
    """What of the stop outlives a restart of the gate.

    Attributes
    ----------
    pid, presses : int
        Process of the stop device, and how often it had been pressed by then.
    tested : bool
        Whether one press has been seen before the run.
    begun : bool
        Whether the run has begun.
    stopped : bool
        Whether the participant has stopped it.
    """

    pid: int = 0
    presses: int = 0
    tested: bool = False
    begun: bool = False
    stopped: bool = False


class StopLatch:
    """State of the participant's stop.

    Parameters
    ----------
    demanded : bool
        True: nothing begins before one press was tested.
    start : str
        ``press``: the test press begins the run; ``operator``: `begin` has to be called.
    memory : StopMemory
        What an earlier process of the gate knew.

    Attributes
    ----------
    memory : StopMemory
        What a later process of the gate has to know.
    """

    def __init__(
        self,
        *,
        demanded: bool,
        start: Literal["press", "operator"] = "press",
        memory: StopMemory | None = None,
    ) -> None:
        self._demanded, self._start = demanded, start
        self.memory = memory or StopMemory(begun=not demanded)

    @property
    def phase(self) -> Literal["armed", "running", "stopped"]:
        """How far the run is."""
        if self.memory.stopped:
            return "stopped"
        return "running" if self.memory.begun else "armed"

    def hear(self, pid: int, presses: int) -> Literal["", "tested", "stopped"]:
        """Take in how often the device says that it has been pressed.

        Parameters
        ----------
        pid : int
            Process of the device; a new one counts from 0.
        presses : int
            Presses so far.

        Returns
        -------
        str
            What this has changed, if anything: the first press of an armed run is its test, every
            other one stops.
        """
        memory = self.memory
        new = presses - (memory.presses if pid == memory.pid else 0)
        if new <= 0:
            self._set(pid=pid, presses=max(presses, memory.presses if pid == memory.pid else 0))
            return ""
        self._set(pid=pid, presses=presses)
        if self._demanded and not memory.tested and not memory.begun:
            self._set(tested=True, begun=self._start == "press")
            if new == 1:
                return "tested"
        return self.stop()

    def stop(self) -> Literal["", "stopped"]:
        """Stop, from wherever that is asked; return what this has changed."""
        if self.memory.stopped:
            return ""
        self._set(stopped=True)
        return "stopped"

    def begin(self) -> None:
        """Begin an armed run.

        Raises
        ------
        NodeError
            If the stop device has not been tested, or the participant has stopped.
        """
        if self._demanded and not self.memory.tested:
            what = "Ask the participant to press it once."
            raise NodeError(problem("stop device", "not pressed yet", "one test press", what))
        if self.memory.stopped:
            raise NodeError(problem("run", STOPPED, "a run that goes on", "confirm it first."))
        self._set(begun=True)

    def confirm(self, person: str, given: str, agreed: str) -> None:
        """Go on after a stop because the participant agrees.

        Parameters
        ----------
        person : str
            Pseudonym of the person of this session.
        given : str
            Pseudonym as the operator has entered it, to show that it is no slip of a key.
        agreed : str
            ``yes``: the participant was asked and agrees to go on.

        Raises
        ------
        NodeError
            If there is nothing to confirm, or one of both is not so.
        """
        if not self.memory.stopped:
            raise NodeError("confirm: the participant has not pressed stop")
        if given != person:
            what = "Enter the participant's pseudonym again."
            raise NodeError(problem("person", given, "that of this session", what))
        if agreed != "yes":
            raise NodeError(problem("agreed", agreed, "yes", "Ask the participant first."))
        # A device that was pressed has been tested, too.
        self._set(stopped=False, tested=True)

    def why(self) -> str:
        """Return in words why nothing may be decoded or shown; empty where this allows it."""
        if self.memory.stopped:
            return STOPPED
        if self.memory.begun:
            return ""
        if self._demanded and not self.memory.tested:
            return "armed: the stop device has not been pressed for a test"
        return "armed: waiting for the operator's start"

    def _set(self, **changes: object) -> None:
        self.memory = msgspec.structs.replace(self.memory, **changes)
