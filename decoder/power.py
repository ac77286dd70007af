"""Power at a few frequencies: what a steady flicker leaves in the EEG.

A picture that flickers at f hertz drives the visual cortex at f (Regan 1977, J. Opt. Soc. Am.
67:1475). Which of several flickers is attended shows in the power at their frequencies, whatever
the phase. With x one channel of an epoch or window of n samples at r hertz::

    power(f) = (2 / n)^2 * ((sum_t x_t cos(2 pi f t / r))^2 + (sum_t x_t sin(2 pi f t / r))^2)

The logarithms, channel by channel, go into the shrinkage discriminant. Frequencies are resolved
where they are 1 / length or more apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.classify import fit_lda
from decoder.committee import Layout
from decoder.dataset import Strings
from decoder.linear import Affine, Space
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["POWER_FLOOR", "PowerHead", "fit_power", "log_power", "waves"]

Array = npt.NDArray[Any]

POWER_FLOOR = 1e-6
"""Added to every power, in squared microvolts: a channel without signal stays finite."""


@dataclass(frozen=True)
class PowerHead:
    """From rows (n, channels * times) to scores (n, classes).

    Attributes
    ----------
    cosines, sines : array (channels * times, channels * frequencies)
        See `waves`.
    head : Affine
        From logarithms of power to scores.
    """

    cosines: Array = field(repr=False)
    sines: Array = field(repr=False)
    head: Affine = field(repr=False)

    @property
    def features(self) -> int:
        """Length of a row."""
        return len(self.cosines)

    def __call__(self, X: Array) -> Array:
        """Scores of rows."""
        return self.head(log_power(X, self.cosines, self.sines))


def waves(layout: Layout, features: int, frequencies_hz: Sequence[float]) -> tuple[Array, Array]:
    """Return the maps (features, channels * frequencies) to cosine and sine amplitudes.

    Raises
    ------
    ConfigError
        For frequencies that the rate cannot carry, or that are too near each other for an epoch of
        this length.
    """
    times = layout.times(features)
    length_s = times / layout.rate_hz
    found = [
        problem("frequencies", f"{f:g} Hz", f"above 0, below {layout.rate_hz / 2:g} Hz",
                "Raise decimated_hz, or leave it out.")
        for f in frequencies_hz
        if not 0 < f < layout.rate_hz / 2
    ]  # fmt: skip
    near = np.diff(sorted(frequencies_hz))
    if len(near) == 0 or near.min() < 1 / length_s - 1e-9:
        allowed = f"two or more, {1 / length_s:g} Hz or more apart"
        found.append(problem("frequencies", tuple(frequencies_hz), allowed, "Lengthen the epoch."))
    check_all(found, ConfigError, "power of EEG")
    angle = 2 * np.pi * np.outer(np.arange(times) / layout.rate_hz, frequencies_hz)
    channels = np.eye(layout.channels)
    scale = 2 / times
    return np.kron(channels, scale * np.cos(angle)), np.kron(channels, scale * np.sin(angle))


def log_power(X: Array, cosines: Array, sines: Array) -> Array:
    """Natural logarithms of power, (n, channels * frequencies), of rows (n, channels * times)."""
    rows = np.asarray(X, np.float64)
    return np.asarray(np.log((rows @ cosines) ** 2 + (rows @ sines) ** 2 + POWER_FLOOR))


def fit_power(
    X: Array,
    labels: Strings,
    classes: Sequence[str],
    groups: Strings,
    layout: Layout,
    frequencies_hz: Sequence[float],
    shrinkages: Sequence[float],
    folds: int,
) -> tuple[PowerHead, float]:
    """Fit the discriminant on the power of training rows; see `decoder.committee.fit_committee`.

    Returns
    -------
    PowerHead
    float
        Chosen shrinkage.
    """
    cosines, sines = waves(layout, X.shape[1], frequencies_hz)
    space = Space.of(log_power(X, cosines, sines))
    fitted = fit_lda(space, labels, classes, groups, shrinkages, folds)
    return PowerHead(cosines, sines, fitted.scores), fitted.shrinkage
