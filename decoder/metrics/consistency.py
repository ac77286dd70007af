"""Temporal consistency: how alike a classifier or encoder finds consecutive frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["consecutive_correlation"]

Array = npt.NDArray[Any]


def consecutive_correlation(features: Array, clips: Array) -> tuple[Array, Array]:
    """Pearson correlation of each frame's features with those of the next frame of its clip.

    With CLIP features this is the "CLIP-pcc" of NeuroClips (Gong et al. 2024). It says how steady
    a video is, not how true: a still picture scores 1. Read it beside the same figure of what was
    seen, and of frames drawn from different clips.

    Parameters
    ----------
    features : array (n, d)
        Of frames in order of time.
    clips : array (n,)
        Clip of each frame; the last frame of a clip has no next one.

    Returns
    -------
    array (m,)
        One value per pair of consecutive frames; 0 where features are constant.
    array of int (m,)
        Index of the first frame of each pair.

    Raises
    ------
    InputError
        If the lengths differ.
    """
    if features.ndim != 2 or len(features) != len(clips):
        got = f"{features.shape}, {len(clips)} clips"
        raise InputError(problem("features, clips", got, "(n, d) and (n,)", "Match them."))
    first = np.flatnonzero(clips[:-1] == clips[1:])
    return paired_correlation(features[first], features[first + 1]), first


def paired_correlation(a: Array, b: Array) -> Array:
    """Pearson correlation (n,) of each row of `a` with the same row of `b`."""
    x = a.astype(np.float64) - a.mean(axis=1, keepdims=True)
    y = b.astype(np.float64) - b.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    dot = np.einsum("ij,ij->i", x, y)
    return np.asarray(np.divide(dot, norm, out=np.zeros(len(x)), where=norm > 1e-9))
