"""What the nodes say of themselves in their beats: alive or not, notes, counters. No Qt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gui.notes import is_news
from phosphene.messages import Beat

__all__ = ["SUPERVISOR", "WARNED", "Health", "Peer", "Peers"]

SUPERVISOR = "supervisor"
_SILENT_S = 1.5
"""The gate passes beats on at least twice a second."""
_SETTLED_S = 1.0
"""What a node tells so long after the first data is no longer about how the run starts."""
WARNED = "▲ "
"""Begins the lines of the log that are warnings."""

Health = Literal["unknown", "starting", "fine", "noted", "silent", "ended"]


@dataclass(frozen=True)
class Peer:
    """One node as its beats tell.

    Attributes
    ----------
    name : str
        Name of the node.
    health : str
        ``unknown`` (never heard), ``starting`` (or still telling what it said when data began),
        ``fine``, ``noted`` (it works but has something to tell), ``silent`` (no sign of life) or
        ``ended``.
    note : str
        What it has to tell and the operator has not acknowledged.
    silent_s : float
        Seconds since its newest beat was sent.
    restarts : int
        How often its process was replaced.
    """

    name: str
    health: Health
    note: str = ""
    silent_s: float = 0.0
    restarts: int = 0


class _Known:
    """The newest beat of one node, and what its earlier processes had counted."""

    def __init__(self, beat: Beat) -> None:
        self.beat = beat
        self.seen = ""
        self.restarts = 0
        self._before: Counter[str] = Counter()

    def take(self, beat: Beat) -> None:
        if beat.pid != self.beat.pid:
            self.restarts += 1
            self._before.update(self.beat.counts)
        self.beat = beat

    def count(self, name: str) -> int:
        return self._before[name] + self.beat.counts.get(name, 0)


class Peers:
    """Follows the beats of all nodes of a run.

    Parameters
    ----------
    names : sequence of str
        Nodes of the run.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [*names, SUPERVISOR]
        self._known: dict[str, _Known] = {}
        self._begun_s: float | None = None

    def begin(self, t_sent: float) -> None:
        """Note when data were sent (LSL clock, seconds): the first time counts."""
        if self._begun_s is None:
            self._begun_s = t_sent

    def on_beat(self, beat: Beat) -> list[str]:
        """Take in a beat; return lines for the log: each sentence, and a new note.

        Those that warn begin with `WARNED`; what is said while the run starts is no warning yet.
        """
        known = self._known.get(beat.producer)
        before = "" if known is None else known.beat.note
        if known is None:
            self._known[beat.producer] = _Known(beat)
        else:
            known.take(beat)
        lines = list(beat.sentences)
        if beat.note and _same(beat.note) != _same(before) and beat.note not in lines:
            lines.append(beat.note)
        settled = self._settled(beat)
        return [
            f"{WARNED if settled and not is_news(line) else ''}{beat.producer}: {line}"
            for line in lines
        ]

    def peers(self, now_s: float) -> list[Peer]:
        """Return every node of the run as it is at `now_s` (LSL clock, seconds)."""
        return [self._peer(name, now_s) for name in self._names]

    def acknowledge(self) -> None:
        """Note that the operator has seen what the nodes have to tell now."""
        for known in self._known.values():
            known.seen = known.beat.note

    def count(self, node: str, *names: str) -> int:
        """Return the sum of counters of a node, those of its earlier processes included."""
        known = self._known.get(node)
        return 0 if known is None else sum(known.count(name) for name in names)

    def works(self, node: str) -> bool:
        """Return whether a node has been told to go, as its newest beat has it."""
        known = self._known.get(node)
        return known is not None and known.beat.state == "running"

    def newest(self, node: str, name: str) -> int | None:
        """Return one counter as the present process of a node tells it, None where it does not."""
        known = self._known.get(node)
        return None if known is None else known.beat.counts.get(name)

    def _peer(self, name: str, now_s: float) -> Peer:
        known = self._known.get(name)
        if known is None:
            return Peer(name, "unknown")
        beat = known.beat
        silent_s = max(0.0, now_s - beat.t_sent)
        told = _same(beat.note) == _same(known.seen) or is_news(beat.note)
        note = "" if told else beat.note
        health = _health(beat, silent_s, note, settled=self._settled(beat))
        return Peer(name, health, note, silent_s, known.restarts)

    def _settled(self, beat: Beat) -> bool:
        """Tell whether a beat was sent well after the first data."""
        return self._begun_s is not None and beat.t_sent > self._begun_s + _SETTLED_S


def _same(note: str) -> str:
    """Return a note without the seconds that it counts: it goes on being the same note."""
    return re.sub(r"\d+(?= s\b)", "#", note)


def _health(beat: Beat, silent_s: float, note: str, *, settled: bool) -> Health:
    if beat.state in ("done", "stopped"):
        return "ended"
    if silent_s > _SILENT_S:
        return "silent"
    if beat.state in ("starting", "ready"):
        return "starting"
    if not note:
        return "fine"
    return "noted" if settled else "starting"
