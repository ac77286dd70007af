"""Put time-stamped samples on an even grid, so that sample number and data time agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError

__all__ = ["Grid", "even_grid", "on_grid"]

_LONGEST_FILL = 4  # filled samples per real one; beyond, the file is more hole than data


@dataclass(frozen=True, slots=True)
class Grid:
    """Where samples lie.

    Attributes
    ----------
    fs_hz : float
        Rate of the grid in hertz.
    effective_hz : float
        Rate measured within the unbroken stretches, in hertz.
    positions : ndarray of int64, shape (n_samples,)
        Number of each sample on the grid, strictly increasing from 0.
    notes : list of str
        Warnings.
    """

    fs_hz: float
    effective_hz: float
    positions: npt.NDArray[np.int64]
    notes: list[str]

    def time_of(self, stamp_s: float, stamps: npt.NDArray[np.float64]) -> float:
        """Convert a time stamp to data time in seconds, between the nearest samples."""
        first, last = float(stamps[0]), float(stamps[-1])
        if stamp_s < first:
            return (stamp_s - first) * self.effective_hz / self.fs_hz
        if stamp_s > last:
            beyond = (stamp_s - last) * self.effective_hz
            return (float(self.positions[-1]) + beyond) / self.fs_hz
        return float(np.interp(stamp_s, stamps, self.positions)) / self.fs_hz


def even_grid(
    stamps: npt.NDArray[np.float64], segments: Sequence[tuple[int, int]], nominal_hz: float
) -> Grid:
    """Give every sample of a recording its number.

    Parameters
    ----------
    stamps : ndarray of shape (n_samples,)
        Times in seconds, even within each segment.
    segments : sequence of (int, int)
        First and last sample of each unbroken stretch.
    nominal_hz : float
        Declared rate in hertz. It counts unless the measured one differs by more than 1 %.

    Returns
    -------
    Grid
        Samples follow each other without a hole inside a segment; between segments the hole is as
        long as the time stamps say, and never negative.
    """
    counts = sum(last - first for first, last in segments)
    span_s = sum(float(stamps[last] - stamps[first]) for first, last in segments)
    effective_hz = counts / span_s if span_s > 0 else nominal_hz
    fs_hz, notes = nominal_hz, []
    if nominal_hz <= 0 or abs(effective_hz / nominal_hz - 1) > 0.01:
        fs_hz = effective_hz
        notes.append(
            f"declared {nominal_hz:g} Hz, measured {effective_hz:.4f} Hz; the latter counts"
        )
    positions = np.empty(len(stamps), dtype=np.int64)
    next_position = 0
    for number, (first, last) in enumerate(segments):
        if number:
            step_s = float(stamps[first] - stamps[first - 1])
            hole = max(0, round(step_s * effective_hz) - 1)
            notes.append(
                f"break of {step_s:.3f} s after sample {first - 1}; {hole} samples missing"
            )
            next_position += hole
        positions[first : last + 1] = next_position + np.arange(last + 1 - first)
        next_position += last + 1 - first
    return Grid(fs_hz, effective_hz, positions, notes)


def on_grid(values: npt.NDArray[np.float32], grid: Grid) -> npt.NDArray[np.float32]:
    """Spread rows over the grid, NaN where there is no sample.

    Raises
    ------
    InputError
        When most of the grid would be empty.
    """
    n_grid = int(grid.positions[-1]) + 1
    if n_grid > (1 + _LONGEST_FILL) * len(values):
        raise InputError(
            f"{n_grid - len(values)} samples are missing beside {len(values)} that are there; "
            "cut the recording at its breaks"
        )
    spread = np.full((n_grid, values.shape[1]), np.nan, dtype=np.float32)
    spread[grid.positions] = values
    return spread
