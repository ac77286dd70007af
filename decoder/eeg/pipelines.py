"""The usual Riemannian pipeline as pyRiemann fits it, taken over into a bundle.

xDAWN covariances, shrunken, their tangent vectors at the Riemannian mean (all three by pyRiemann,
which only the fit needs), then the shrinkage discriminant. What was fitted becomes a `TangentMap`,
so that a bundle of it is exported and run like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

from decoder.classify import fit_lda
from decoder.committee import Committee, Layout, chosen, left_out_of_maps
from decoder.dataset import Strings
from decoder.eeg.limit import Limiter
from decoder.linear import Affine, Space
from decoder.riemann import TangentMap, cosines
from phosphene.errors import ConfigError, problem

__all__ = ["FILTERS", "fit_pyriemann", "fitted_map"]

Array = npt.NDArray[Any]

FILTERS = 2
"""xDAWN filters per class."""
_SHRINKAGE = 0.01


def fitted_map(rows: Array, codes: Array, channels: int) -> TangentMap:
    """Fit pyRiemann's transformers on epochs (n, channels * times) and take them over."""
    from pyriemann.estimation import Shrinkage, XdawnCovariances
    from pyriemann.tangentspace import TangentSpace

    epochs = np.asarray(rows, np.float64).reshape(len(rows), channels, -1)
    count = min(FILTERS, channels)
    dawn = XdawnCovariances(count, estimator="scm", xdawn_estimator="scm").fit(epochs, codes)
    matrices = Shrinkage(_SHRINKAGE).fit_transform(dawn.transform(epochs))
    mean = TangentSpace("riemann").fit(matrices).reference_
    # The estimator takes the mean over time out of each row.
    expected = dawn.P_ - dawn.P_.mean(axis=1, keepdims=True)
    values, vectors = scipy.linalg.eigh(mean)
    return TangentMap(
        filters=np.asarray(dawn.Xd_.filters_),
        expected=np.asarray(expected),
        slow=cosines(epochs.shape[2], 0, 1),
        shrinkage=_SHRINKAGE,
        whitener=(vectors / np.sqrt(values)) @ vectors.T,
    )


def fit_pyriemann(
    X: Array,
    labels: Strings,
    classes: Sequence[str],
    groups: Strings,
    layout: Layout,
    shrinkages: Sequence[float],
    folds: int,
) -> Committee:
    """Fit the pipeline; parameters as of `decoder.committee.fit_committee`.

    Returns
    -------
    Committee
        Of one member.

    Raises
    ------
    ConfigError
        Where pyRiemann is not installed.
    """
    if find_spec("pyriemann") is None:
        raise ConfigError(
            problem("model", "pyriemann without pyRiemann", "pyRiemann, to fit it",
                    "Install phosphene[train], or choose riemann.")
        )  # fmt: skip
    layout.times(X.shape[1])
    codes = np.array([list(classes).index(label) for label in labels.tolist()])
    limiter = Limiter.of(X, layout.channels)
    rows = limiter(X)
    learn = partial(fitted_map, channels=layout.channels)
    held = left_out_of_maps(rows, codes, groups, shrinkages, folds, learn)
    best = chosen(held, codes, shrinkages)[0]
    tangent = learn(rows, codes)
    head = fit_lda(Space.of(tangent(rows)), labels, classes, groups, [best], folds).scores
    nothing = Affine(np.zeros((X.shape[1], len(classes))), np.zeros(len(classes)))
    return Committee(limiter, nothing, ((tangent, head),))
