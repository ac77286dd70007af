"""What stamps and samples of a renderer say: rate, lateness, evenness, lag, growth of memory.

Pure: numbers in, figures out. Times are seconds of one clock; figures are in milliseconds where
their names say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LATE_PERIODS", "Stamp", "evenness", "first_shown", "growth", "spread_ms", "timing"]

LATE_PERIODS = 0.5
"""A frame that is out this many periods after its due time, or later, counts as late."""
SETTLE_SHARE = 0.1
"""Share of a run, at its begin, in which memory may still grow."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stamp:
    """One frame: when it was due, when it was out, and which percept it shows (-1: none).

    `percept_s` is when that percept was sent.
    """

    due_s: float
    out_s: float
    percept: int = -1
    percept_s: float = 0.0
    neutral: bool = False


def spread_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile, largest and number; all but the number in milliseconds."""
    if not seconds:
        return {"p50": float("nan"), "p99": float("nan"), "most": float("nan"), "n": 0}
    p50, p99, most = 1e3 * np.percentile(np.asarray(seconds), [50, 99, 100])
    return {"p50": float(p50), "p99": float(p99), "most": float(most), "n": len(seconds)}


def timing(seconds: Sequence[float], cpu_s: float) -> dict[str, Any]:
    """Figures of frames painted one after the other: their times, frames per second, processor.

    Frames per second is the number of frames divided by the whole time, not by the median.
    """
    whole_s = float(np.sum(seconds))
    return {
        **spread_ms(seconds),
        "per_s": len(seconds) / whole_s,
        "cpu_ms": 1e3 * cpu_s / len(seconds),
    }


def evenness(stamps: Sequence[Stamp], fps: float) -> dict[str, Any]:
    """Judge a stretch of frames by the times at which they were due.

    Parameters
    ----------
    stamps : sequence of Stamp
        Of successive frames, at least two.
    fps : float
        The rate that was asked for, in frames per second.

    Returns
    -------
    dict
        ``per_s`` frames shown per second of due time; ``due`` and ``shown`` frames; ``skipped``;
        ``late_share`` of due frames that were skipped or out half a period late; ``off_ms``, the
        distance of each frame from its due time; ``interval_ms``, the distance of each interval
        between two frames from the period (a skipped frame makes one of a whole period).
    """
    due_s = np.array([stamp.due_s for stamp in stamps])
    out_s = np.array([stamp.out_s for stamp in stamps])
    due = round((due_s[-1] - due_s[0]) * fps) + 1
    late = int((out_s - due_s > LATE_PERIODS / fps).sum())
    skipped = due - len(stamps)
    return {
        "seconds": float(due / fps),
        "due": due,
        "shown": len(stamps),
        "skipped": skipped,
        "late": late,
        "per_s": len(stamps) * fps / due,
        "late_share": (late + skipped) / due,
        "off_ms": spread_ms(np.abs(out_s - due_s).tolist()),
        "interval_ms": spread_ms(np.abs(np.diff(out_s) - 1.0 / fps).tolist()),
        "neutral": sum(stamp.neutral for stamp in stamps),
    }


def first_shown(stamps: Sequence[Stamp], fps: float) -> dict[str, Any]:
    """Time from the sending of each percept to the first frame that shows it.

    The first percept among the stamps is left out: it may have been on show before them.

    Returns
    -------
    dict
        ``p50``, ``p99``, ``most`` in milliseconds, ``n`` percepts, ``p99_periods`` in frame
        intervals, and ``never``, the percepts in between that no frame has shown.
    """
    first: dict[int, float] = {}
    before = next((stamp.percept for stamp in stamps if stamp.percept >= 0), -1)
    for stamp in stamps:
        if stamp.percept > before and not stamp.neutral:
            first.setdefault(stamp.percept, stamp.out_s - stamp.percept_s)
    figures = spread_ms(list(first.values()))
    never = max(first, default=before) - before - len(first)
    return {**figures, "p99_periods": figures["p99"] * fps / 1e3, "never": never}


def growth(frames: Sequence[float], mib: Sequence[float]) -> dict[str, float]:
    """Growth of memory after the first tenth of a run.

    The slope is the median of the slopes between all pairs of samples (Theil 1950, Sen 1968), so
    that single jumps of the allocator do not make it.

    Parameters
    ----------
    frames, mib : sequence of float
        Frames made so far and resident memory in MiB, at each sample.

    Returns
    -------
    dict
        ``slope`` in MiB per 1,000 frames; ``grown``, the median of the last tenth minus that of
        the first tenth after settling, and ``first``, ``most``, ``last``, all in MiB; ``frames``.
    """
    at, held = np.asarray(frames, float), np.asarray(mib, float)
    settled = at >= at[0] + SETTLE_SHARE * (at[-1] - at[0])
    x, y = at[settled], held[settled]
    i, j = np.triu_indices(len(x), 1)
    slope = float(np.median((y[j] - y[i]) / (x[j] - x[i])))
    part = max(1, len(y) // 10)
    return {
        "slope": 1000.0 * slope,
        "grown": float(np.median(y[-part:]) - np.median(y[:part])),
        "first": float(y[0]),
        "most": float(y.max()),
        "last": float(y[-1]),
        "frames": float(at[-1]),
        "samples": float(len(y)),
    }
