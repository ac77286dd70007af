"""Traces as pixels: lowest and highest value of each column, so that no spike gets lost. No Qt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["EMPTY", "HATCH", "draw_traces", "envelope", "hatch", "nice"]

Rows = npt.NDArray[np.float32]
Canvas = npt.NDArray[np.uint8]
EMPTY, HATCH = 0, 1
_HATCH_PX = 6


def envelope(rows: Rows, per_bin: int) -> tuple[Rows, Rows]:
    """Return lowest and highest value of each bin.

    Parameters
    ----------
    rows : ndarray of float32 (n, channels)
        Samples; n is a multiple of `per_bin`.
    per_bin : int
        Samples in a bin.

    Returns
    -------
    ndarray, ndarray of float32 (n / per_bin, channels)
        NaN where a sample of the bin is missing.
    """
    bins = rows.reshape(-1, per_bin, rows.shape[1])
    return bins.min(axis=1), bins.max(axis=1)


def nice(value: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not above `value`."""
    if not (np.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(f * power for f in (1.0, 2.0, 5.0) if f * power <= value * (1 + 1e-9)))


def hatch(canvas: Canvas, left: int, right: int, top: int, bottom: int) -> None:
    """Shade a box with stripes: seen without colours, too."""
    left, right = max(0, left), min(canvas.shape[1], right)
    top, bottom = max(0, top), min(canvas.shape[0], bottom)
    if right <= left or bottom <= top:
        return
    stripes = np.add.outer(np.arange(top, bottom), np.arange(left, right)) % _HATCH_PX == 0
    canvas[top:bottom, left:right][stripes] = HATCH


def draw_traces(
    canvas: Canvas,
    low: Rows,
    high: Rows,
    uv_per_px: float,
    colours: npt.NDArray[np.uint8],
) -> None:
    """Draw one trace per channel, each within a row of the same height, the first at the top.

    Parameters
    ----------
    canvas : ndarray of uint8 (height, width)
        Indices of colours; drawn into, the newest bin in the last column.
    low, high : ndarray of float32 (bins, channels)
        From `envelope`; one bin is one column.
    uv_per_px : float
        Microvolts of a pixel.
    colours : ndarray of uint8 (channels,)
        What is written for each channel.
    """
    height, width = canvas.shape
    low, high = low[-width:], high[-width:]
    n_bins, n_channels = low.shape
    if not (n_bins and n_channels):
        return
    row_px = height / n_channels
    columns = width - n_bins + np.arange(n_bins)
    for k in range(n_channels):
        middle = (k + 0.5) * row_px
        # Cut off at the edges of its row: no channel paints over another.
        first = round(k * row_px)
        last = max(first + 1, min(height, round((k + 1) * row_px)))
        known = np.isfinite(low[:, k]) & np.isfinite(high[:, k])
        y = [np.where(known, middle - v / uv_per_px, 0.0) for v in (high[:, k], low[:, k])]
        top, bottom = (np.clip(np.rint(v), first, last - 1).astype(np.intp) for v in y)
        _join(top, bottom, known)
        edges = np.zeros((last - first + 1, n_bins), np.int8)
        at = np.arange(n_bins)[known]
        edges[top[known] - first, at] = 1
        edges[bottom[known] + 1 - first, at] -= 1
        painted = np.add.accumulate(edges, axis=0, dtype=np.int8)[:-1] > 0
        canvas[first:last, columns[0] :][painted] = colours[k]


def _join(
    top: npt.NDArray[np.intp], bottom: npt.NDArray[np.intp], known: npt.NDArray[np.bool_]
) -> None:
    """Lengthen each column until it meets the one before it."""
    before_top, before_bottom = top[:-1].copy(), bottom[:-1].copy()
    both = known[1:] & known[:-1]
    top[1:] = np.where(both, np.minimum(top[1:], before_bottom), top[1:])
    bottom[1:] = np.where(both, np.maximum(bottom[1:], before_top), bottom[1:])
