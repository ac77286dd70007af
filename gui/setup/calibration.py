"""Calibrates a person step by step: a fit for each number of runs, and what each one is worth.

Every point of the learning curve is a fit of its own, on the first two, three, ... runs, with its
own held-out score. No Qt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gui.texts import tr
from phosphene.bundle import Bundle
from phosphene.errors import BundleError
from phosphene.manifest import Score

__all__ = ["LEAST_RUNS", "Calibration", "Point"]

LEAST_RUNS = 2
"""One is held out."""


@dataclass(frozen=True)
class Point:
    """A decoder fitted on the first `runs` runs, and its held-out score; None has no score."""

    runs: int
    bundle: Path
    score: Score | None

    @property
    def words(self) -> str:
        """The score beside its chance, its control and how it was held out."""
        if self.score is None:
            return tr("{n} runs: no held-out score", n=self.runs)
        held = self.score
        return tr(
            "{n} runs: {name} {value} ({low} to {high}); chance {chance}, shuffled {shuffled}; "
            "{split}",
            n=self.runs, name=held.name, value=f"{held.value:.2f}", low=f"{held.low:.2f}",
            high=f"{held.high:.2f}", chance=f"{held.chance:.2f}",
            shuffled=f"{held.shuffled:.2f}", split=held.split,
        )  # fmt: skip

    @property
    def above_chance(self) -> bool:
        """Whether the whole interval of the score lies above chance."""
        return self.score is not None and self.score.low > self.score.chance


class Calibration:
    """The fits that are made and those that are still to make.

    Parameters
    ----------
    folder : Path
        Private folder for the decoders of single points.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources: tuple[Path, ...] = ()
        self.points: tuple[Point, ...] = ()
        self._fits = 0

    def take(self, sources: Sequence[Path]) -> None:
        """Take recordings, one for each run, in the order in which they were measured.

        Points stay as long as the runs that they were fitted on are the first ones still.
        """
        kept = [p for p in self.points if tuple(sources[: p.runs]) == self.sources[: p.runs]]
        self.points, self.sources = tuple(kept), tuple(sources)

    @property
    def next_runs(self) -> int | None:
        """On how many runs the next fit is made; None where there is nothing left to fit."""
        done = {point.runs for point in self.points}
        if len(self.sources) == 1:  # a recording that holds several runs
            return None if 1 in done else 1
        wanted = range(LEAST_RUNS, len(self.sources) + 1)
        return next((n for n in wanted if n not in done and n > max(done, default=0)), None)

    def command(self, runs: int, person: str, options: Sequence[str] = ()) -> list[str]:
        """Return the arguments of `phosphene` that fit on the first `runs` runs."""
        self._fits += 1
        out = self.folder / f"fit-{self._fits}"
        named = ["--person", person] if person else []
        return ["fit", *map(str, self.sources[:runs]), "--out", str(out), *named, *options]

    def fitted(self, runs: int) -> Point:
        """Take the decoder of the fit that has just ended.

        Raises
        ------
        BundleError
            If it has left none.
        """
        out = self.folder / f"fit-{self._fits}"
        metrics = Bundle.load(out).manifest.metrics
        point = Point(runs, out, metrics[0] if metrics else None)
        self.points = (*self.points, point)
        return point

    def keep(self, point: Point, goal: Path) -> Path:
        """Write a point's decoder to where it stays.

        Raises
        ------
        BundleError
            If there is something already, or it cannot be written.
        """
        try:
            return Bundle.load(point.bundle).write(goal)
        except OSError as error:
            raise BundleError(f"bundle {goal}: cannot be written ({error.strerror})") from error
