"""Haemodynamic responses as formulas: the response and its integral, so no fine grid is needed.

Both canonical responses are a difference of two gamma densities, cut at 32 s and scaled to an
integral of 1::

    h(t) = (g(t; a1, b1) - ratio * g(t; a2, b2)) / norm
    g(t; a, b) = t^(a-1) e^(-t/b) / (b^a Gamma(a))

"glover" follows Glover (1999), NeuroImage 9:416 (auditory response; b = 0.9 s, ratio 0.48), "spm"
the double gamma of SPM (Friston et al. 1998, NeuroImage 7:30; shapes 6 and 16, ratio 1/6). The
numbers are those that nilearn and SPM use. The response to a block is the difference of two values
of the integral, which is a difference of two regularised incomplete gamma functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc, gammaln

__all__ = ["HRFS", "SPAN_S", "Hrf", "HrfName"]

HrfName = Literal["glover", "spm"]
Vector = npt.NDArray[np.float64]

SPAN_S = 32.0
"""After this many seconds a response is over."""


@dataclass(frozen=True)
class Hrf:
    """A difference of two gamma densities.

    Attributes
    ----------
    peak_shape, peak_scale_s : float
        Shape and scale (seconds) of the rise.
    under_shape, under_scale_s : float
        Shape and scale (seconds) of the undershoot.
    ratio : float
        Weight of the undershoot.
    """

    peak_shape: float
    peak_scale_s: float
    under_shape: float
    under_scale_s: float
    ratio: float

    def value(self, t_s: npt.ArrayLike) -> Vector:
        """Response, per second, to an impulse `t_s` seconds ago; 0 before it and after 32 s."""
        t = np.asarray(t_s, np.float64)
        inside = (t > 0) & (t <= SPAN_S)
        at = np.where(inside, t, 1.0)
        peak = _density(at, self.peak_shape, self.peak_scale_s)
        under = _density(at, self.under_shape, self.under_scale_s)
        return np.where(inside, (peak - self.ratio * under) / self._norm(), 0.0)

    def integral(self, t_s: npt.ArrayLike) -> Vector:
        """Response to something that began `t_s` seconds ago and lasts; from 0 to 1."""
        t = np.clip(np.asarray(t_s, np.float64), 0.0, SPAN_S)
        return np.asarray(self._raw(t) / self._norm())

    def response(self, t_s: float, onsets_s: Vector, durations_s: Vector, weights: Vector) -> float:
        """Sum of the responses at one time to several events.

        Parameters
        ----------
        t_s : float
            Time in seconds.
        onsets_s, durations_s : array (events,)
            In seconds; what is later than `t_s` does not count. An event without duration counts
            as one second's worth of an impulse.
        weights : array (events,)
            Height of each.
        """
        since = t_s - onsets_s
        begun = self.integral(since)
        blocks = begun - self.integral(since - durations_s)
        return float(weights @ np.where(durations_s > 0, blocks, self.value(since)))

    def _raw(self, t_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        t = np.asarray(t_s, np.float64)
        peak = gammainc(self.peak_shape, t / self.peak_scale_s)
        return np.asarray(peak - self.ratio * gammainc(self.under_shape, t / self.under_scale_s))

    def _norm(self) -> float:
        return float(self._raw(SPAN_S))


HRFS: dict[HrfName, Hrf] = {
    "glover": Hrf(6 / 0.9, 0.9, 12 / 0.9, 0.9, 0.48),
    "spm": Hrf(6.0, 1.0, 16.0, 1.0, 0.167),
}


def _density(t_s: Vector, shape: float, scale_s: float) -> Vector:
    """Gamma density at times above 0."""
    log = (shape - 1) * np.log(t_s) - t_s / scale_s - shape * np.log(scale_s) - gammaln(shape)
    return np.asarray(np.exp(log))
