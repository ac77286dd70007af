"""One line of the page of decoding and reconstruction, with everything that stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from phosphene.manifest import Score
from phosphene.metrics import Scored

__all__ = ["Line", "NotMeasuredError", "of_score"]

Direction = Literal["at least", "at most"]


class NotMeasuredError(Exception):
    """Why a part of the page could not be measured; the page tells it."""


@dataclass(frozen=True)
class Line:
    """One figure.

    Attributes
    ----------
    data, figure : str
        Of what, and which figure; how many rows.
    measured : str
        With its 95 % interval where it has one.
    required : str
        What was asked for, "" where nothing was.
    reached : bool or None
        None where nothing was asked for.
    baseline : str
        The best of before, ours or published.
    beside : str
        Chance and shuffled control.
    split : str
        How rows were held out.
    """

    data: str
    figure: str
    measured: str
    required: str = ""
    reached: bool | None = None
    baseline: str = ""
    beside: str = ""
    split: str = ""

    def cells(self) -> list[str]:
        """Return the cells of the table."""
        mark = {None: "", True: "yes", False: "**no**"}[self.reached]
        return [
            self.data, self.figure, self.measured, self.required, mark, self.baseline, self.beside,
            self.split,
        ]  # fmt: skip


HEAD = (
    "data", "figure", "measured [95 %]", "required", "reached", "baseline", "chance; shuffled",
    "split",
)  # fmt: skip


def of_score(
    data: str,
    figure: str,
    score: Scored | Score,
    *,
    least: float | None = None,
    most: float | None = None,
    baseline: str = "",
    digits: int = 3,
    over: str = "",
    caveat: str = "",
) -> Line:
    """Make a line of a score.

    It is judged on the figure itself, not on the rounded one that is shown.

    Parameters
    ----------
    data, figure : str
        As in `Line`.
    score : Scored or Score
        With interval and control.
    least, most : float, optional
        What was asked for.
    baseline : str
        As in `Line`.
    digits : int
        Behind the point.
    over : str
        What the interval resamples, told beside the split.
    caveat : str
        What else a reader has to know of the split.

    Returns
    -------
    Line
    """

    def number(value: float) -> str:
        return f"{value:.{digits}f}"

    required, reached = "", None
    if least is not None:
        required, reached = f"at least {least:g}", score.value >= least
    if most is not None:
        required, reached = f"at most {most:g}", score.value <= most
    return Line(
        data=data,
        figure=f"{figure}, n = {score.n}",
        measured=f"{number(score.value)} [{number(score.low)}, {number(score.high)}]",
        required=required,
        reached=reached,
        baseline=baseline,
        beside=f"{number(score.chance)}; {number(score.shuffled)}",
        split="; ".join(filter(None, (score.split, caveat, over and f"interval over {over}"))),
    )


def as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a table of Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]
