"""Who may see what, now: the gate's decision, pure and with time injected.

Everything is denied until something allows it. In this order a sink is blanked by the participant,
by the operator (blank, pause), by a lost bond, by data that do not come, between blocks, by missing
consent, by its own abstraction level, and by the blocks of a protocol that shows no pictures now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from phosphene.consent import Consent, Scope, why_not
from phosphene.gate.dates import LatestDate
from phosphene.gate.latch import StopLatch
from phosphene.gate.silence import Silence
from phosphene.gate.task import TaskWindow
from phosphene.messages import Phase

__all__ = ["DECODE_SCOPES", "RECORDER_SINK", "STREAM_SINK", "GatePolicy", "Verdict"]

RECORDER_SINK = "recorder"
STREAM_SINK = "stream"
PAUSED = "paused by the operator"
BETWEEN_BLOCKS = "between blocks of the protocol"
ALIVE = frozenset({"ready", "running", "done"})
SINK_SCOPES = {
    "self": Scope.VIEW_SELF,
    "operator": Scope.VIEW_OPERATOR,
    "observer": Scope.VIEW_OBSERVER,
    RECORDER_SINK: Scope.RECORD_IMAGES,
    STREAM_SINK: Scope.STREAM_RESULTS,
}
DECODE_SCOPES = frozenset(SINK_SCOPES.values()) - {Scope.STREAM_RESULTS}
"""Decoding serves pictures; without any of these scopes nothing is decoded, unless results are
streamed and may be."""


@dataclass(frozen=True)
class Verdict:
    """What one sink gets at one moment.

    Attributes
    ----------
    passing : bool
        Whether frames may pass.
    level : int
        Abstraction level of what passes; 0 when nothing does.
    reason : str
        Why not, in words; empty when frames pass.
    """

    passing: bool
    level: int
    reason: str = ""

    @classmethod
    def blank(cls, reason: str) -> Verdict:
        """Return a verdict that lets nothing pass."""
        return cls(passing=False, level=0, reason=reason)


@dataclass(frozen=True)
class _Bond:
    state: str
    seen_s: float


class Blocks(Protocol):
    """What a protocol says; see `phosphene.gate.blocks.BlockRule`."""

    def decodes(self, now_s: float) -> bool:
        """Return whether anything is to be decoded."""
        ...

    def no_picture(self, sink: str, now_s: float) -> str:
        """Return in words why a sink gets no picture; empty where it may."""
        ...


class GatePolicy:
    """The gate's state and rules.

    Parameters
    ----------
    peers : sequence of str
        Nodes whose sign of life is required, all of them.
    bond_s : float
        A sign of life older than this many seconds breaks the bond.
    person : str
        Pseudonym of the person whose data it is.
    consent : Consent or None
        What that person allows; None allows nothing.
    levels : mapping of str to int
        Abstraction level of each sink.
    blanked : str or None
        Reason of an operator's blank that already holds at the start.
    paused : bool
        Whether an operator's pause already holds at the start.
    latch : StopLatch or None
        The participant's stop; None: nobody has a device, and nothing is waited for.
    task : TaskWindow or None
        Blocks that events begin, outside of which nothing is decoded or shown; None: always.
    dates : LatestDate or None
        Holds the date against being set back; None: of this process alone.

    Attributes
    ----------
    blocks : Blocks or None
        The protocol of a neurofeedback run.
    silence : Silence or None
        Watches whether data come; None: they may stay away.
    latest : Callable
        Returns, of the present date and time, the latest that was seen.
    """

    def __init__(
        self,
        peers: Sequence[str],
        bond_s: float,
        person: str,
        consent: Consent | None,
        levels: Mapping[str, int],
        blanked: str | None = None,
        latch: StopLatch | None = None,
        task: TaskWindow | None = None,
        dates: LatestDate | None = None,
        *,
        paused: bool = False,
    ) -> None:
        self._peers = tuple(dict.fromkeys(peers))
        self._bond_s = bond_s
        self._person, self._consent = person, consent
        self._levels = dict(levels)
        self._bonds: dict[str, _Bond] = {}
        self.latest = (dates or LatestDate()).of
        self.blanked = blanked
        self.paused = paused
        self.withdrawn = ""
        self.latch = latch or StopLatch(demanded=False)
        self.task = task
        self.blocks: Blocks | None = None
        self.silence: Silence | None = None

    def beat(self, node: str, state: str, sent_s: float, now_s: float) -> None:
        """Take in a sign of life.

        Parameters
        ----------
        node : str
            Who sent it; others than the peers are ignored.
        state : str
            State of the node; only ready, running and done hold the bond.
        sent_s, now_s : float
            When it was sent and the present, on the shared clock, in seconds. The time of sending
            counts, so that beats which waited in a queue revive nobody.
        """
        if not math.isfinite(sent_s):
            return  # it would never grow old
        known = self._bonds.get(node)
        sent_s = min(sent_s, now_s)
        if node in self._peers and (known is None or sent_s >= known.seen_s):
            self._bonds[node] = _Bond(state, sent_s)

    def blank(self, reason: str) -> None:
        """Blank every sink until `unblank`."""
        self.blanked = reason

    def withdraw(self, reason: str) -> None:
        """Take the consent back: nothing is decoded or shown any more, and nobody undoes that."""
        self.withdrawn = reason

    def unblank(self) -> None:
        """Take the operator's blank back; all other rules stay."""
        self.blanked = None

    @property
    def phase(self) -> Phase:
        """How far the run is, by what people have asked for."""
        if self.withdrawn or self.latch.phase == "stopped":
            return "stopped"
        if self.latch.phase == "armed":
            return "armed"
        if self.blanked is not None:
            return "blanked"
        return "paused" if self.paused else "running"

    def bonded(self, node: str, now_s: float) -> bool:
        """Return whether the bond of one peer holds."""
        return node in self._peers and not self._broken(node, now_s)

    def verdict(self, sink: str, now_s: float, wall: datetime) -> Verdict:
        """Decide whether pictures reach a sink; for ``stream``, whether results do.

        Parameters and return value are those of `covered`; besides, a protocol has its say.
        """
        found = self.covered(sink, now_s, wall)
        if found.passing and self.blocks is not None:
            why = self.blocks.no_picture(sink, now_s)
            return Verdict.blank(why) if why else found
        return found

    def covered(self, sink: str, now_s: float, wall: datetime) -> Verdict:
        """Decide whether anything at all may reach a sink: pictures, scores, instructions.

        Parameters
        ----------
        sink : str
            ``self``, ``operator``, ``observer``, ``recorder`` or ``stream``.
        now_s : float
            Present time on the shared clock, in seconds.
        wall : datetime
            Present date and time, with zone; consent expires by it.

        Returns
        -------
        Verdict
        """
        if self.withdrawn:
            return Verdict.blank(self.withdrawn)
        if why := self.latch.why():
            return Verdict.blank(why)
        if self.blanked is not None:
            return Verdict.blank(self.blanked)
        if self.paused:
            return Verdict.blank(PAUSED)
        if lost := self.lost_bonds(now_s):
            return Verdict.blank(lost)
        if self.silence is not None and (why := self.silence.why(sink, now_s)):
            return Verdict.blank(why)
        if self.task is not None and not self.task.inside(now_s):
            return Verdict.blank(BETWEEN_BLOCKS)
        if sink not in SINK_SCOPES:
            return Verdict.blank(f"there is no sink {sink!r}")
        denied = why_not(self._consent, SINK_SCOPES[sink], self._person, self.latest(wall))
        if denied is not None:
            return Verdict.blank(denied)
        level = self._levels.get(sink, 0)
        if level == 0:
            return Verdict.blank("the abstraction level of this view is 0 (blank)")
        return Verdict(passing=True, level=level)

    def lost_bonds(self, now_s: float) -> str:
        """Return in words which bonds are missing; empty when all hold."""
        problems: dict[str, list[str]] = {}
        for node in self._peers:
            if why := self._broken(node, now_s):
                problems.setdefault(why, []).append(node)
        return "; ".join(f"{', '.join(nodes)}: {why}" for why, nodes in problems.items())

    def scopes(self, wall: datetime) -> tuple[str, ...]:
        """Return the scopes that hold now, in the order of `Scope`."""
        wall = self.latest(wall)
        if self.withdrawn:
            return ()
        return tuple(
            s.value for s in Scope if why_not(self._consent, s, self._person, wall) is None
        )

    def may_decode(self, wall: datetime, now_s: float) -> tuple[bool, str]:
        """Return whether decoding is allowed, and the reason in words when it is not.

        Bonds and blanks do not matter here: decoding goes on behind a blank view. The participant's
        stop does, and so do a pause and the blocks of the protocol.
        """
        if why := self.withdrawn or self.latch.why() or (PAUSED if self.paused else ""):
            return False, f"nothing is decoded: {why}"
        if self.task is not None and not self.task.inside(now_s):
            return False, f"nothing is decoded: {BETWEEN_BLOCKS}"
        if self.blocks is not None and not self.blocks.decodes(now_s):
            return False, "nothing is decoded: no block of the protocol is running"
        wall = self.latest(wall)
        streamed = {Scope.STREAM_RESULTS} if self._levels.get(STREAM_SINK) else set()
        scopes = DECODE_SCOPES | streamed
        refusals = [why_not(self._consent, s, self._person, wall) for s in scopes]
        if None in refusals:
            return True, ""
        first = str(refusals[0])
        if len(set(refusals)) > 1:
            first = "the consent includes neither viewing nor recording of pictures"
        return False, f"nothing is decoded: {first}"

    def _broken(self, node: str, now_s: float) -> str:
        bond = self._bonds.get(node)
        if bond is None:
            return "not ready yet"
        if bond.state not in ALIVE:
            return bond.state
        if now_s - bond.seen_s > self._bond_s:
            return f"no sign of life for more than {self._bond_s:g} s"
        return ""
