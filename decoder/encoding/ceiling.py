"""How well any model could predict a voxel, told by repeats of the same stimulus."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Strings

__all__ = ["noise_ceiling"]

Array = npt.NDArray[Any]


def noise_ceiling(responses: Array, stimuli: Strings) -> Array | None:
    """Correlation of the true response of each voxel with single trials.

    The variance of trials within a stimulus is noise; what is left of the variance between the
    means of stimuli, less what noise gives them, is response (analysis of variance with a random
    factor; Allen et al. 2022, Nature Neuroscience 25:116).

    Parameters
    ----------
    responses : array (n, voxels)
        Trials.
    stimuli : array of str (n,)
        What each showed; "" for nothing known.

    Returns
    -------
    array (voxels,) or None
        0 to 1; None where fewer than two stimuli come twice.
    """
    names, of, counts = np.unique(stimuli, return_inverse=True, return_counts=True)
    repeated = (counts > 1) & (names != "")
    if repeated.sum() < 2:
        return None
    rows = repeated[of]
    values = responses[rows].astype(np.float64)
    _, own, sizes = np.unique(of[rows], return_inverse=True, return_counts=True)
    means = np.zeros((len(sizes), values.shape[1]))
    np.add.at(means, own, values)
    means /= sizes[:, None]
    noise = ((values - means[own]) ** 2).sum(axis=0) / (len(values) - len(sizes))
    grand = values.mean(axis=0)
    between = (sizes[:, None] * (means - grand) ** 2).sum(axis=0) / (len(sizes) - 1)
    each = (len(values) - (sizes**2).sum() / len(values)) / (len(sizes) - 1)
    signal = np.maximum(between - noise, 0.0) / each
    total = signal + noise
    share = np.divide(signal, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(np.sqrt(share))
