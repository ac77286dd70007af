"""How late a picture may be after the brain data behind it: one measure for gate and window."""

from __future__ import annotations

__all__ = ["SAMPLES_BUDGET_MS", "SLOW_FOR_S", "budget_ms"]

SAMPLES_BUDGET_MS = 500.0
SLOW_FOR_S = 5.0
"""Pictures that have been late for so long are no longer shown, and an alarm is told."""


def budget_ms(tr_s: float | None) -> float:
    """Return the latency that is no reason to worry, in milliseconds.

    Parameters
    ----------
    tr_s : float or None
        Time between two volumes in seconds; None for samples, or before it is known.
    """
    return 1000.0 * tr_s if tr_s else SAMPLES_BUDGET_MS
