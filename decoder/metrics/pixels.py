"""Pixel by pixel: correlation, mean squared error and PSNR of each picture with its own truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.metrics.checks import need_items, need_pictures

__all__ = ["BEST_PSNR_DB", "mse", "pix_corr", "psnr"]

Array = npt.NDArray[Any]
BEST_PSNR_DB = 100.0
"""What equal pictures count as, instead of infinity, so that means and intervals exist."""


def pix_corr(decoded: Array, true: Array) -> Array:
    """Pearson correlation of each decoded picture with its own, over pixels and channels.

    Its level without information is not 0, as pictures share a mean: read it beside the shuffled
    control.

    Parameters
    ----------
    decoded, true : array (n, height, width, channels)

    Returns
    -------
    array (n,)
        0 where a picture is constant.
    """
    need_items(decoded, true, 1)
    a, b = _centred(decoded), _centred(true)
    norm = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    dot = np.einsum("ij,ij->i", a, b)
    return np.asarray(np.divide(dot, norm, out=np.zeros(len(a)), where=norm > 1e-9))


def mse(decoded: Array, true: Array) -> Array:
    """Mean squared error of pixels on the scale 0 to 1 (black to white). Less is better.

    Parameters
    ----------
    decoded, true : array of uint8 (n, height, width, channels)

    Returns
    -------
    array (n,)
    """
    need_pictures(decoded, true)
    return np.array([_error(d, t) for d, t in zip(decoded, true, strict=True)])


def psnr(decoded: Array, true: Array) -> Array:
    """Peak signal-to-noise ratio in dB: 10 log10(1 / mse), the peak being white.

    Parameters
    ----------
    decoded, true : array of uint8 (n, height, width, channels)

    Returns
    -------
    array (n,)
        `BEST_PSNR_DB` for equal pictures.
    """
    floor = 10 ** (-BEST_PSNR_DB / 10)
    return np.asarray(-10 * np.log10(np.maximum(mse(decoded, true), floor)))


def _error(a: Array, b: Array) -> float:
    difference = (a.astype(np.float64) - b.astype(np.float64)) / 255
    return float(np.square(difference).mean())


def _centred(x: Array) -> Array:
    flat = x.reshape(len(x), -1).astype(np.float64)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True))
