"""What a run's protocol gave: each block's measurement and score, as figures and as a plot."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from phosphene.feedback.learning import block_rows, summary_of
from phosphene.feedback.record import About, Row, score_files, unpack
from phosphene.seal.opening import is_sealed, is_unlocked, open_recording

__all__ = ["SEALED", "feedback_of", "figure", "scores_of", "section"]

SEALED = "the scores of this run are sealed; phosphene unblind --scores FILE --summary opens them"
_SIZE_IN = (10.0, 3.2)
_COLOURS = {"rest": "#888888", "regulate": "#2a7f62", "task": "#b07d2b", "feedback": "#3b6ea5"}


def scores_of(folder: Path, run: str) -> tuple[About, list[Row]] | None:
    """Read the scores beside a recording; None where there are none, or they stay closed.

    Sealed ones are read where they were unlocked, but never those of a double-blind run: only
    ``phosphene unblind`` opens these, and says so in the audit log.

    Parameters
    ----------
    folder : Path
        Where the recording lies.
    run : str
        Identifier.
    """
    sealed = [
        path
        for path in score_files(folder, run, sealed=True)
        if is_sealed(path) and is_unlocked(path)
    ]
    parts = []
    for path in (*score_files(folder, run), *sealed):
        with open_recording(path) as file:
            parts.append(unpack(file.read()))
    if not parts or (parts[0][0].assignment and sealed):
        return None
    return parts[0][0], [row for _, rows in parts for row in rows]


def feedback_of(folder: Path, run: str) -> dict[str, Any] | None:
    """Sum up the scores of a run for the report.

    Returns
    -------
    dict or None
        ``score``, ``unit``, ``blocks`` (see `phosphene.feedback.learning.block_rows`) and
        ``summary`` (see `phosphene.feedback.learning.summary_of`); ``reason`` alone while they are
        sealed; None where there are none.
    """
    found = scores_of(folder, run)
    if found is None:
        sealed = score_files(folder, run, sealed=True)
        return {"reason": SEALED} if sealed else None
    about, rows = found
    return {
        "score": about.score,
        "unit": about.unit,
        "blocks": block_rows(about, rows),
        "summary": summary_of(about, rows),
    }


def figure(told: Mapping[str, Any] | None) -> Figure | None:
    """Draw the measurement of each block in order, rest and regulation in their colours.

    Parameters
    ----------
    told : mapping or None
        Made by `feedback_of`.
    """
    if told is None or not any(b["value"] is not None for b in told.get("blocks", ())):
        return None
    made = Figure(figsize=_SIZE_IN, dpi=100)
    made.subplots_adjust(0.09, 0.16, 0.99, 0.88)
    ax = made.add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    kinds = list(dict.fromkeys(b["kind"] for b in told["blocks"]))
    for kind in kinds:
        known = [b for b in told["blocks"] if b["kind"] == kind and b["value"] is not None]
        x, y = [b["block"] + 1 for b in known], [b["value"] for b in known]
        colour = _COLOURS.get(kind, "#444444")
        ax.plot(x, y, "o-", color=colour, lw=1, ms=5, label=f"{kind} ({len(known)})")
        if y:
            ax.axhline(float(np.mean(y)), color=colour, lw=0.8, ls="--", alpha=0.6)
    unit = "" if told["unit"] == "1" else f", {told['unit']}"
    ax.set_ylabel(f"{told['score']}{unit}")
    ax.set_xlabel("block (dashed: mean of its kind)")
    ax.set_xlim(0.5, len(told["blocks"]) + 0.5)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(kinds), frameon=False, fontsize=8)
    return made


def _cell(value: float | None) -> str:
    return f"<td class=n>{'-' if value is None else f'{value:.3f}'}</td>"


def _row(block: Mapping[str, Any]) -> str:
    figures = "".join(_cell(block[name]) for name in ("value", "own", "shown"))
    return (
        f"<tr><td class=n>{block['block'] + 1}</td><td>{escape(block['kind'])}</td>"
        f"<td>{escape(block['condition'])}</td><td class=n>{block['onset_s']:.1f}</td>"
        f"<td class=n>{block['n']}</td>{figures}</tr>"
    )


def _reached(name: str, told: Mapping[str, Any]) -> str:
    if "reason" in told:
        return f"<p class=why>{escape(name)}: {escape(told['reason'])}</p>"
    return (
        f"<p>{escape(name)}: <b>{told['value']:.3f}</b> (chance {told['chance']:g}, shuffled "
        f"{told['shuffled']:.3f}, 97.5 % {told['shuffled_high']:.3f}, p {told['p']:.4f}, n "
        f"{told['n']}); {escape(told['rule'])}</p>"
    )


def section(told: Mapping[str, Any], image: str) -> str:
    """Return the report's section.

    Parameters
    ----------
    told : mapping
        Made by `feedback_of`.
    image : str
        The plot as HTML.
    """
    if "reason" in told:
        return f"<h2>Feedback</h2><p class=why>{escape(told['reason'])}</p>"
    head = "".join(f"<th>{h}</th>" for h in ("block", "kind", "condition", "from, s", "n",
                                             "measured", "own score", "shown"))  # fmt: skip
    summary = told["summary"]
    reached = "".join(_reached(name, summary[name]) for name in ("regulation", "learning"))
    return (
        f"<h2>Feedback</h2>{reached}{image}"
        f"<table><tr>{head}</tr>{''.join(_row(b) for b in told['blocks'])}</table>"
        "<small>Measured: mean of what was measured of the block, the delay of the score taken "
        "off. Scores: mean of those while it ran, 0 to 1. Split: "
        f"{escape(summary['split'])}.</small>"
    )
