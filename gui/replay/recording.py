"""One recording as the replay panel holds it: times and figures, no pictures. No Qt."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gui.seen import Block, Timeline
from phosphene.messages import RunStart, RunStop
from phosphene.recorder.access import Place

__all__ = ["Decoded", "Mark", "Painted", "Recording", "Spell", "Step"]

EPS_S = 1e-6
MOST_EVENTS = 1_000_000
T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One volume, epoch or block: its number, its end in seconds, and its quality figures."""

    index: int
    t_s: float
    values: dict[str, float]


@dataclass(frozen=True)
class Mark:
    """Something that happened at `t_s` seconds; `own` when the operator set it during the run."""

    t_s: float
    label: str
    own: bool = False


@dataclass(frozen=True)
class Spell:
    """A view was blank from `start_s` to `end_s`, and why."""

    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True)
class Decoded:
    """One percept without its arrays.

    Attributes
    ----------
    index : int
        Volume or epoch.
    t_s, seen_s : float
        End of its data, and when it was seen, in seconds on the recording's axis.
    sent_s : float
        Time of sending; frames know it by that.
    label : str
        Decoded label; empty where there is none.
    confidence : float
        From 0 to 1.
    """

    index: int
    t_s: float
    seen_s: float
    sent_s: float
    label: str
    confidence: float


@dataclass(frozen=True)
class Painted:
    """One recorded frame: when it was on show, from which percept, and where its picture lies."""

    t_s: float
    percept_sent_s: float
    neutral: bool
    level: int
    part: int
    place: Place


@dataclass
class Recording:
    """What was read of a run's files.

    Attributes
    ----------
    where : Path
        What was asked for.
    parts : list of Path
        Its files, in order.
    start, stop : RunStart, RunStop or None
        Its documents.
    held : frozenset of str or None
        Scopes of the last recorded grant; None: no grant was recorded.
    steps, decoded, marks, painted : list
        In the order of the recording's axis.
    truth : Timeline
        What was shown when.
    blocks : list of Block
        The same as bands, without rest.
    blank : dict of str to list of Spell
        By view: ``operator``, ``self``, ``observer``.
    damage : list of str
        What could not be read.
    end_s : float
        Its end on its own axis, in seconds.
    """

    where: Path
    parts: list[Path]
    start: RunStart | None = None
    stop: RunStop | None = None
    held: frozenset[str] | None = None
    steps: list[Step] = field(default_factory=list)
    decoded: list[Decoded] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    painted: list[Painted] = field(default_factory=list)
    truth: Timeline = field(default_factory=lambda: Timeline(most=MOST_EVENTS))
    blocks: list[Block] = field(default_factory=list)
    blank: dict[str, list[Spell]] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    end_s: float = 0.0

    @property
    def facts(self) -> dict[str, str]:
        """Facts of the start document."""
        return {} if self.start is None else self.start.facts

    def step_at(self, t_s: float) -> int:
        """Return the place of the newest step at `t_s`; -1 before the first."""
        return bisect_right(self.steps, t_s + EPS_S, key=lambda step: step.t_s) - 1

    def step_of(self, t_s: float, by: int) -> float:
        """Return the time of the step `by` steps from the one at `t_s`, at most an end's."""
        if not self.steps:
            return t_s
        wanted = self.step_at(t_s) + by
        return self.steps[max(0, min(wanted, len(self.steps) - 1))].t_s

    def decoded_at(self, t_s: float) -> Decoded | None:
        """Return the newest percept at `t_s`."""
        return _last(self.decoded, bisect_right(self.decoded, t_s + EPS_S, key=lambda d: d.t_s))

    def painted_at(self, t_s: float) -> Painted | None:
        """Return the frame on show at `t_s`."""
        return _last(self.painted, bisect_right(self.painted, t_s + EPS_S, key=lambda p: p.t_s))

    def percept_of(self, painted: Painted) -> Decoded | None:
        """Return the percept that a frame shows."""
        return self._by_sent().get(painted.percept_sent_s)

    def blank_at(self, view: str, t_s: float) -> Spell | None:
        """Return why a view was blank at `t_s`; None where it was not."""
        spells = self.blank.get(view, [])
        found = _last(spells, bisect_right(spells, t_s + EPS_S, key=lambda s: s.start_s))
        return found if found is not None and t_s < found.end_s + EPS_S else None

    def series(self, name: str) -> tuple[list[float], list[float]]:
        """Return times and values of a quality figure."""
        known = [(step.t_s, step.values[name]) for step in self.steps if name in step.values]
        return [t for t, _ in known], [v for _, v in known]

    def _by_sent(self) -> dict[float, Decoded]:
        if len(self._sent) != len(self.decoded):
            self._sent = {d.sent_s: d for d in self.decoded}
        return self._sent

    _sent: dict[float, Decoded] = field(default_factory=dict, repr=False)


def _last(items: Sequence[T], end: int) -> T | None:
    return items[end - 1] if end else None
