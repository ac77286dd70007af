"""The page of the window's benchmark, from figures alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Figures", "Goal", "goals", "page"]

MOST_PERCENT, MOST_P99_MS, MOST_BLANK_MS = 15.0, 25.0, 100.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """What was measured; by ``plain`` and ``stalled``, in milliseconds."""

    where: str
    when: str
    load: tuple[float, float]
    seconds: float
    cost_percent: float
    bare_percent: float
    pictures_ms: dict[str, Floats]
    excess_ms: Floats
    blanks_ms: dict[str, Floats]
    sent: dict[str, int]


@dataclass(frozen=True)
class Goal:
    """One figure beside what it must be."""

    words: str
    most: float
    measured: float
    unit: str

    @property
    def reached(self) -> bool:
        """Whether it is at most what it must be."""
        return self.measured <= self.most

    def row(self) -> str:
        """Return its line of the table."""
        verdict = "yes" if self.reached else "**no**"
        unit = self.unit
        return (
            f"| {self.words} | <= {self.most:g} {unit} | {self.measured:.1f} {unit} | {verdict} |"
        )


def goals(found: Figures) -> list[Goal]:
    """Return the figures that have a goal."""
    late = {kind: _percentile(ms, 99) for kind, ms in found.pictures_ms.items()}
    blank = float(np.max(found.blanks_ms["plain"]))
    return [
        Goal("processor time of the window", MOST_PERCENT, found.cost_percent, "% of a core"),
        Goal("send to paint, 99th percentile", MOST_P99_MS, late["plain"], "ms"),
        Goal("the same with a stall of 400 ms each second", MOST_P99_MS, late["stalled"], "ms"),
        Goal("blank to paint, longest", MOST_BLANK_MS, blank, "ms"),
    ]


HEAD = """# Benchmarks: the operator's window

`make bench-gui` measures this in five minutes and writes this page. {where}.
Load of the machine at the start and at the end: {before:.1f} and {after:.1f}. {when}.

The window (`python -m gui`, offscreen) is a process of its own. Another process plays gate,
acquisition and decoder: frames of 512x512 pixels, 30 a second, to the operator's and to the
participant's view (47 MB/s in all), the gate's word ten times a second; each second a volume with
quality figures, six regions, a percept and a t-map of 64x64x24 voxels; beats of seven nodes. All
plots are on and hold four minutes of data.

| | must | measured | reached |
|---|---|---|---|
"""

DELAYS = """
## From sent to painted

A frame carries the moment it was sent in its first pixels. It counts as painted when Qt's event
loop goes on after the paint event. *Stalled*: the window's thread sleeps for 400 ms once a second,
at no fixed phase of the frames. A frame that was sent during a stall waits for its end, and only
the newest of them is painted: it can be as old as the distance of two frames (33 ms). *Beyond the
stall* counts from the end of the stall for those.

| | painted of sent | median | 95 % | 99 % | longest |
|---|---|---|---|---|---|
"""

BLANKS = """
## From the gate's word to a blank window

The gate tells that nothing passes; the card in the picture's place is painted.

| | blanks | median | 95 % | 99 % | longest |
|---|---|---|---|---|---|
"""

END = """
A window that stands still cannot paint. After a participant's stop the gate ends it
([how](how-to/participant-stop.md)).
"""


def page(found: Figures) -> str:
    """Return the page."""
    before, after = found.load
    lines = [HEAD.format(where=found.where, when=found.when, before=before, after=after).rstrip()]
    lines += [goal.row() for goal in goals(found)]
    bare = f"{found.bare_percent:.1f} % of a core"
    lines.append(f"\nWithout frames, with everything else, the window takes {bare}.")
    lines.append(DELAYS.rstrip())
    for kind, ms in found.pictures_ms.items():
        lines.append(_row(kind, f"{len(ms)} of {found.sent[kind]}", ms))
    lines.append(_row("stalled, beyond the stall", "", found.excess_ms))
    lines.append(BLANKS.rstrip())
    lines += [_row(kind, str(len(ms)), ms) for kind, ms in found.blanks_ms.items()]
    return "\n".join(lines) + "\n" + END


def _row(name: str, count: str, ms: Floats) -> str:
    figures = [_percentile(ms, 50), _percentile(ms, 95), _percentile(ms, 99), float(np.max(ms))]
    return f"| {name} | {count} | " + " | ".join(f"{f:.1f} ms" for f in figures) + " |"


def _percentile(values: Floats, share: float) -> float:
    return float(np.percentile(values, share))
