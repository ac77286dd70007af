"""Distance between two sets of pictures by the means and spreads of their features.

The Fréchet distance of two normal distributions fitted to features (Heusel et al. 2017, arXiv
1706.08500, eq. 6): ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. The features come from a small
network trained on scenes that nothing else uses, so figures compare only within this project.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from renderer.training.judge import Judge, train_judge

FEATURE_SEED = 4_000_003
"""Base seed of the scenes that the feature net learns from."""

Array = npt.NDArray[np.float64]


def gaussian_distance(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    """Fréchet distance of two normal distributions.

    Parameters
    ----------
    mean_a, mean_b : float array (d,)
        Means.
    cov_a, cov_b : float array (d, d)
        Covariances; they may be singular.
    """
    root = _root(cov_a)
    # tr (C1 C2)^(1/2) by the eigenvalues of a symmetric matrix that has the same ones
    inner = np.linalg.eigvalsh(root @ cov_b @ root)
    cross = np.sqrt(np.clip(inner, 0.0, None)).sum()
    apart = float(((mean_a - mean_b) ** 2).sum())
    return max(apart + float(np.trace(cov_a) + np.trace(cov_b) - 2.0 * cross), 0.0)


def frechet_distance(a: Array, b: Array) -> float:
    """Fréchet distance of two sets of features (n, d) and (m, d).

    It is biased upwards for small sets: compare only distances of the same n, beside that of two
    sets that are alike.

    Raises
    ------
    ValueError
        If the sets have no common d, or fewer than two members.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features {a.shape} and {b.shape}: allowed are (n, d), (m, d), n, m >= 2")
    return gaussian_distance(
        a.mean(axis=0),
        np.atleast_2d(np.cov(a, rowvar=False)),
        b.mean(axis=0),
        np.atleast_2d(np.cov(b, rowvar=False)),
    )


def train_feature_net(side_px: int, n: int = 4000, epochs: int = 6) -> Judge:
    """Train the net whose last hidden layer gives the features; it sees pictures as they are."""
    return train_judge(n, epochs, 1, side_px, FEATURE_SEED, rough=False)


def _root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    root: Array = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    return root
