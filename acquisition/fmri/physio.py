"""Regressors from heart beat and breathing, using the past only.

RETROICOR (Glover, Li & Ress 2000, Magnetic Resonance in Medicine 44:162) takes cosines and sines of
multiples of two phases. Offline the cardiac phase runs from one beat to the next, and the
respiratory one follows the histogram of the whole recording; live neither the next beat nor the
rest of the recording is known, so here a beat lasts as long as the last ones did (their median),
and the histogram is that of the recording so far. RVT (Birn et al. 2006, NeuroImage 31:1536) is the
depth of the last breath over its length.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["cardiac_phase", "respiratory_phase", "retroicor"]

Array = npt.NDArray[np.float64]

_RECENT_BEATS = 8
_RESPIRATORY_BINS = 100


def cardiac_phase(beats_s: npt.ArrayLike, t_s: float) -> float | None:
    """Phase of the heart at a time, 0 to 2 pi.

    Parameters
    ----------
    beats_s : array-like
        Times of the beats in seconds, rising; those after `t_s` are ignored.
    t_s : float
        Time in seconds.

    Returns
    -------
    float or None
        None before the second beat.
    """
    past = np.asarray(beats_s, np.float64)
    past = past[past <= t_s]
    if len(past) < 2:
        return None
    length_s = float(np.median(np.diff(past[-_RECENT_BEATS - 1 :])))
    # A late beat waits at the end of the circle.
    part = min((t_s - float(past[-1])) / length_s, np.nextafter(1.0, 0.0))
    return float(2 * np.pi * part)


def respiratory_phase(belt: npt.ArrayLike) -> float | None:
    """Phase of breathing at the last sample of a belt, -pi to pi.

    Parameters
    ----------
    belt : array-like
        Amplitude so far, evenly sampled and smooth; rising = breathing in.

    Returns
    -------
    float or None
        pi times the share of the past at or below this amplitude, negative while breathing out;
        None while nothing has moved.
    """
    past = np.asarray(belt, np.float64)
    if len(past) < 3 or np.ptp(past) == 0:
        return None
    counts, _ = np.histogram(past, bins=_RESPIRATORY_BINS)
    level = (past[-1] - past.min()) / np.ptp(past) * _RESPIRATORY_BINS
    below = counts[: min(int(level) + 1, _RESPIRATORY_BINS)].sum() / counts.sum()
    inwards = past[-1] >= past[-3]
    return float(np.pi * below * (1.0 if inwards else -1.0))


def retroicor(
    cardiac_rad: float | None,
    respiratory_rad: float | None,
    cardiac_order: int = 3,
    respiratory_order: int = 4,
    interaction_order: int = 1,
) -> Array:
    """Cosines and sines of the two phases.

    Parameters
    ----------
    cardiac_rad, respiratory_rad : float or None
        Phases; where one is not known its columns are 0.
    cardiac_order, respiratory_order : int
        Highest multiple of each; 3 and 4 with one interaction is the choice of Harvey et al.
        (2008), Journal of Magnetic Resonance Imaging 28:1337.
    interaction_order : int
        Highest multiple of sum and difference.

    Returns
    -------
    array (2 cardiac + 2 respiratory + 4 interaction,)
    """
    orders = (cardiac_order, respiratory_order, interaction_order)
    if min(orders) < 0:
        raise InputError(problem("orders", orders, "0 or more", "Correct them."))
    found: list[float] = []
    for phase, order in ((cardiac_rad, cardiac_order), (respiratory_rad, respiratory_order)):
        found += _waves(phase, order)
    both = cardiac_rad is not None and respiratory_rad is not None
    heart, breath = cardiac_rad or 0.0, respiratory_rad or 0.0
    found += _waves(heart + breath if both else None, interaction_order)
    found += _waves(heart - breath if both else None, interaction_order)
    return np.array(found)


def _waves(phase_rad: float | None, order: int) -> list[float]:
    if phase_rad is None:
        return [0.0] * (2 * order)
    steps = phase_rad * np.arange(1, order + 1)
    return [*np.cos(steps).tolist(), *np.sin(steps).tolist()]
