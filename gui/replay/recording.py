"""One recording as the replay panel holds it: times and figures, no pictures. No Qt."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from gui.seen import Block, Timeline
from phosphene.messages import RunStart, RunStop
from phosphene.recorder.access import Place

__all__ = ["Decoded", "Mark", "Painted", "Recording", "Spell", "Step", "Unit"]

EPS_S = 1e-6
MOST_EVENTS = 1_000_000
T = TypeVar("T")
Unit = Literal["volume", "epoch", "second"]


@dataclass(frozen=True)
class Step:
    """One volume, epoch or second: its number, its end in seconds, and its quality figures."""

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
    """One recorded frame: when it was on show, from which percept, and where its picture lies.

    Attributes
    ----------
    t_s : float
        When it was on show, in seconds.
    percept_sent_s : float
        Its percept, by the time of sending; negative where there is none.
    neutral : bool
        Whether it is the neutral picture.
    level : int
        Abstraction level that it was recorded at.
    part : int
        File of the recording.
    place : Place
        Where in the file its picture lies.
    nearest_sent_s : float
        The percept that its picture is nearest to: on the way from one to the next the one before,
        as long as less than half of the way is gone.
    """

    t_s: float
    percept_sent_s: float
    neutral: bool
    level: int
    part: int
    place: Place
    nearest_sent_s: float


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
    unit : str
        What a step is: ``volume``, ``epoch``, or ``second`` in EEG without epochs.
    seconds : list of Step
        Figures of each second of EEG that has epochs.
    truth : Timeline
        What was shown when.
    blocks : list of Block
        The same as bands, without rest.
    blank : dict of str to list of Spell
        By view: ``operator``, ``self``, ``observer``.
    damage : list of str
        What could not be read.
    least : float
        Confidence below which no picture was made; the highest, where it was changed.
    end_s : float
        Its end on its own axis, in seconds.
    """

    where: Path
    parts: list[Path]
    start: RunStart | None = None
    stop: RunStop | None = None
    held: frozenset[str] | None = None
    steps: list[Step] = field(default_factory=list)
    unit: Unit = "volume"
    seconds: list[Step] = field(default_factory=list)
    decoded: list[Decoded] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    painted: list[Painted] = field(default_factory=list)
    truth: Timeline = field(default_factory=lambda: Timeline(most=MOST_EVENTS))
    blocks: list[Block] = field(default_factory=list)
    blank: dict[str, list[Spell]] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    least: float = 1.0
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

    def percept_of(self, painted: Painted, *, playing: bool = False) -> Decoded | None:
        """Return the percept that a frame shows; while it plays, the one it is nearest to."""
        sent_s = painted.nearest_sent_s if playing else painted.percept_sent_s
        return self._by_sent().get(sent_s)

    def settled(self, painted: Painted) -> Painted:
        """Return the last frame of the percept of `painted`, as far as the operator had one.

        A picture turns into the next one little by little: the first frame of a percept may still
        be the picture of the one before. Neutral frames are no such way, and stand for themselves.
        """
        if painted.neutral or painted.percept_sent_s < 0:
            return painted
        return self._last_painted().get(painted.percept_sent_s, painted)

    def values_at(self, t_s: float) -> dict[str, float]:
        """Return the newest quality figures at `t_s`: of the step, and of the second."""
        steps = [_last(of, bisect_right(of, t_s + EPS_S, key=lambda step: step.t_s))
                 for of in (self.seconds, self.steps)]  # fmt: skip
        return {name: v for step in steps if step is not None for name, v in step.values.items()}

    def blank_at(self, view: str, t_s: float) -> Spell | None:
        """Return why a view was blank at `t_s`; None where it was not."""
        spells = self.blank.get(view, [])
        found = _last(spells, bisect_right(spells, t_s + EPS_S, key=lambda s: s.start_s))
        return found if found is not None and t_s < found.end_s + EPS_S else None

    def series(self, name: str) -> tuple[list[float], list[float]]:
        """Return times and values of a quality figure."""
        of = [*self.steps, *self.seconds]
        known = sorted((step.t_s, step.values[name]) for step in of if name in step.values)
        return [t for t, _ in known], [v for _, v in known]

    def _by_sent(self) -> dict[float, Decoded]:
        if len(self._sent) != len(self.decoded):
            self._sent = {d.sent_s: d for d in self.decoded}
        return self._sent

    def _last_painted(self) -> dict[float, Painted]:
        if self._last_of is None:
            self._last_of = {
                painted.percept_sent_s: painted for painted in self.painted
                if not painted.neutral and self.blank_at("operator", painted.t_s) is None
            }  # fmt: skip
        return self._last_of

    _sent: dict[float, Decoded] = field(default_factory=dict, repr=False)
    _last_of: dict[float, Painted] | None = field(default=None, repr=False)


def _last(items: Sequence[T], end: int) -> T | None:
    return items[end - 1] if end else None
