"""Put the potential of a bad electrode together from the good ones around it.

Spherical splines (Perrin, Pernier, Bertrand & Echallier 1989, Electroencephalogr. Clin.
Neurophysiol. 72:184, eqs. 1-4). With x the cosine of the angle between two electrodes::

    g(x) = 1 / (4 pi) * sum_n (2 n + 1) / (n (n + 1))^4 P_n(x)
    V(e) = c_0 + sum_i c_i g(cos(e, e_i)),    sum_i c_i = 0

The c that pass through the good electrodes are linear in their potentials, so a bad electrode is a
fixed weighting of the good ones: a matrix, the same for every sample.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_GOOD", "spline_weights"]

LEAST_GOOD = 4
"""Good electrodes without which nothing is interpolated."""

_ORDER, _TERMS, _SMOOTHING = 4, 50, 1e-5

Array = npt.NDArray[np.float64]


def spline_weights(good: Array, bad: Array) -> Array:
    """Weigh good electrodes for each bad one.

    Parameters
    ----------
    good : ndarray of shape (n_good, 3)
        Places on the unit sphere, `LEAST_GOOD` or more.
    bad : ndarray of shape (n_bad, 3)
        Places on the unit sphere.

    Returns
    -------
    ndarray of shape (n_bad, n_good)
        Potentials of the good electrodes, times this transposed, give those of the bad ones; every
        row sums to 1.
    """
    n = len(good)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = _g(good @ good.T) + _SMOOTHING * np.eye(n)
    system[n, n] = 0.0
    wanted = np.ones((len(bad), n + 1))
    wanted[:, :n] = _g(bad @ good.T)
    # V = [g 1] [c c_0]' and [c c_0]' = system^-1 [v 0]'; the system is symmetric.
    return np.asarray(np.linalg.solve(system, wanted.T).T[:, :n])


def _g(cosine: Array) -> Array:
    orders = np.arange(1, _TERMS + 1, dtype=np.float64)
    factors = (2 * orders + 1) / (orders * (orders + 1)) ** _ORDER / (4 * np.pi)
    series = np.concatenate([[0.0], factors])
    value: Array = np.polynomial.legendre.legval(np.clip(cosine, -1.0, 1.0), series)
    return value
