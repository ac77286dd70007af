"""From a measurement to a number from 0 to 1: baseline, smoothing, limits. Pure and causal."""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass

from phosphene.session_protocol import ShapeSettings

__all__ = ["Baseline", "Limits", "Scaled", "Smoother"]


class Baseline:
    """Mean of what was measured at rest.

    Parameters
    ----------
    kind : str
        ``none``, ``first`` rest block, ``last`` rest block, or ``running`` over all rest so far.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._sums: dict[int, tuple[float, int]] = {}

    def add(self, block: int, measured: float) -> None:
        """Take in a measurement at rest; `block` is the number of its block."""
        total, count = self._sums.get(block, (0.0, 0))
        self._sums[block] = (total + measured, count + 1)

    def value(self) -> float | None:
        """Return the baseline as far as it is known; None before any rest, and for ``none``."""
        if self._kind == "none" or not self._sums:
            return None
        if self._kind == "running":
            total = math.fsum(s for s, _ in self._sums.values())
            return total / sum(n for _, n in self._sums.values())
        at = min(self._sums) if self._kind == "first" else max(self._sums)
        total, count = self._sums[at]
        return total / count


class Smoother:
    """Exponential smoothing by time, not by count: more samples of the same change nothing.

    Between samples t0 and t1 the value approaches the newer one with the time constant, so the
    weight of what was before is exp(-(t1 - t0) / constant).

    Parameters
    ----------
    constant_s : float
        Time constant in seconds; 0 takes each value as it is.
    """

    def __init__(self, constant_s: float) -> None:
        self._constant_s = constant_s
        self._held: tuple[int, float, float] | None = None

    def add(self, block: int, t_s: float, value: float) -> float:
        """Take in a value of a block at a time in seconds; a new block begins anew."""
        if self._held is not None and self._held[0] == block and self._constant_s > 0:
            _, before_s, before = self._held
            kept = math.exp(-max(0.0, t_s - before_s) / self._constant_s)
            value = value + kept * (before - value)
        self._held = (block, t_s, value)
        return value


@dataclass(frozen=True)
class Scaled:
    """A value within its limits.

    Attributes
    ----------
    score : float
        From 0 to 1.
    clipped : int
        -1 where it lay below the limits, 1 above, else 0.
    """

    score: float
    clipped: int


LEAST_SPREAD = 1e-12
"""Percentiles nearer to each other than this are no limits: all values were the same."""


class Limits:
    """Limits, fixed or percentiles of the values so far.

    Parameters
    ----------
    settings : ShapeSettings
        How.
    own : tuple of float
        Of the score, for settings without limits.
    """

    def __init__(self, settings: ShapeSettings, own: tuple[float, float]) -> None:
        self._fixed = settings.limits or own
        self._settings = settings
        self._past: list[float] = []

    def now(self) -> tuple[float, float]:
        """Return the limits that the next value meets."""
        if not self._settings.running or len(self._past) < self._settings.least:
            return self._fixed
        low, high = (_percentile(self._past, q) for q in self._settings.percentiles)
        return (low, high) if high - low > LEAST_SPREAD else self._fixed

    def scale(self, value: float) -> Scaled:
        """Return a value as a score; nothing is learned from it."""
        low, high = self.now()
        share = (value - low) / (high - low)
        clipped = -1 if share < 0 else 1 if share > 1 else 0
        share = min(1.0, max(0.0, share))
        return Scaled(share if self._settings.direction == "up" else 1.0 - share, clipped)

    def learn(self, value: float) -> None:
        """Let a value count for the limits of those after it."""
        if self._settings.running:
            insort(self._past, value)


def _percentile(ordered: list[float], q: float) -> float:
    """Return a percentile by linear interpolation between the two nearest (Hyndman and Fan 7)."""
    at = (len(ordered) - 1) * q / 100.0
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])
