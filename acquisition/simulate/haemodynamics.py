"""How blood oxygenation follows brain activity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, xlogy

__all__ = ["double_gamma"]


def double_gamma(step_s: float, length_s: float = 32.0) -> npt.NDArray[np.float64]:
    """Canonical response: a peak at 5 s less a sixth of an undershoot at 15 s.

    Difference of two gamma densities with shapes 6 and 16 (Friston et al. 1998, NeuroImage 7:30-40;
    Glover 1999).

    Parameters
    ----------
    step_s : float
        Time step in seconds.
    length_s : float
        Length in seconds.

    Returns
    -------
    array (length / step,)
        Sums to 1, so that steady activity of 1 gives a response of 1.
    """
    t = np.arange(0.0, length_s, step_s)
    response = _density(t, 6) - _density(t, 16) / 6
    unit: npt.NDArray[np.float64] = response / response.sum()
    return unit


def _density(t: npt.NDArray[np.float64], shape: float) -> npt.NDArray[np.float64]:
    """Gamma density of scale 1; to load that of scipy takes the scanner half a second."""
    density: npt.NDArray[np.float64] = np.exp(xlogy(shape - 1.0, t) - t - gammaln(shape))
    return density
