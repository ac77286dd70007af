"""Causal normalisation of one run: each volume against what has been seen so far.

With x_1 ... x_t the volumes of the run so far (per voxel), and mu, sigma, w the prior mean,
prior standard deviation and prior weight (in volumes) from the person's training runs::

    m_t = (w * mu + x_1 + ... + x_t) / (w + t)
    z_t = (x_t - m_t) / sigma

So the baseline starts at the training mean and moves to the mean of this run, and no later volume
is ever used. A volume that is known to be a spike is put against the others, but leaves no trace in
m. A voxel without variance in training (sigma = 0) gives 0. The state starts anew with
every run. Mean of the runs' means and root mean square of the within-run deviations make the
priors (`priors_from_runs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = ["RunningNormaliser", "priors_from_runs"]

Array = npt.NDArray[Any]


class RunningNormaliser:
    """Normalises the volumes of one run one after the other; the formula is in the module's text.

    Parameters
    ----------
    prior_mean : array (features,)
        Baseline expected before the run, in the unit of the data.
    prior_std : array (features,)
        Within-run standard deviation, in the unit of the data; not negative.
    prior_weight : float
        How many volumes the prior mean is worth; 0 trusts the run alone.

    Raises
    ------
    ConfigError
        Listing every argument that cannot be used.
    """

    def __init__(self, prior_mean: Array, prior_std: Array, prior_weight: float) -> None:
        mean = np.array(prior_mean, np.float64)
        std = np.array(prior_std, np.float64)
        _check(mean, std, prior_weight)
        self._weighted_mean = prior_weight * mean
        self._weight = float(prior_weight)
        self._gain = np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)
        self._sum = np.zeros_like(mean)
        self._count = 0

    @property
    def count(self) -> int:
        """Volumes of this run so far."""
        return self._count

    def reset(self) -> None:
        """Begin a new run."""
        self._sum[:] = 0.0
        self._count = 0

    def step(self, x: Array, learn: bool = True) -> npt.NDArray[np.float32]:
        """Take in the next volume and return it normalised.

        Parameters
        ----------
        x : array (features,)
            In the unit of the priors.
        learn : bool
            False for a spike: the baseline stays as it is.

        Returns
        -------
        array (features,) float32
            In standard deviations of the training runs.

        Raises
        ------
        InputError
            If the shape is another or a value is not finite; the state is left as it was.
        """
        values = np.asarray(x, np.float64)
        if values.shape != self._sum.shape:
            raise InputError(
                problem("x", values.shape, str(self._sum.shape), "Use the mask of the bundle.")
            )
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise InputError(problem("x", f"{bad} not finite", "finite", "Leave the volume out."))
        if learn:
            self._sum += values
            self._count += 1
        known = self._weight + self._count
        baseline = (self._weighted_mean + self._sum) / known if known else values
        return ((values - baseline) * self._gain).astype(np.float32)

    def run(self, volumes: Array, spikes: Array | None = None) -> npt.NDArray[np.float32]:
        """Begin a new run and normalise all its volumes.

        Parameters
        ----------
        volumes : array (volumes, features)
            In order of time.
        spikes : array of bool (volumes,), optional
            Volumes that the baseline does not learn from.

        Returns
        -------
        array (volumes, features) float32
        """
        self.reset()
        if len(volumes) == 0:
            return np.zeros((0, self._sum.size), np.float32)
        learn = np.ones(len(volumes), bool) if spikes is None else ~np.asarray(spikes, bool)
        return np.stack([self.step(x, bool(ok)) for x, ok in zip(volumes, learn, strict=True)])


def priors_from_runs(runs: Sequence[Array]) -> tuple[Array, Array]:
    """Make prior mean and standard deviation from a person's training runs.

    Parameters
    ----------
    runs : Sequence of array (volumes, features)
        Each run by itself, at least one, in the unit of the data.

    Returns
    -------
    array (features,) float32
        Mean of the runs' means.
    array (features,) float32
        Root mean square over runs of the standard deviation within the run.

    Raises
    ------
    InputError
        If there is no run, or one has fewer than 2 volumes.
    """
    if not runs or min(len(run) for run in runs) < 2:
        got = [len(run) for run in runs]
        raise InputError(problem("runs", got, "1 or more runs of 2 or more volumes", "Add runs."))
    means = [np.asarray(run, np.float64).mean(axis=0) for run in runs]
    variances = [np.asarray(run, np.float64).var(axis=0) for run in runs]
    std = np.sqrt(np.mean(variances, axis=0))
    return np.mean(means, axis=0).astype(np.float32), std.astype(np.float32)


def _check(mean: Array, std: Array, weight: float) -> None:
    found = []
    if mean.ndim != 1 or not np.isfinite(mean).all():
        found.append(problem("prior_mean", mean.shape, "finite, (features,)", "Fit anew."))
    if std.shape != mean.shape or not (np.isfinite(std) & (std >= 0)).all():
        found.append(problem("prior_std", std.shape, f"{mean.shape}, 0 or more", "Fit anew."))
    if not (np.isfinite(weight) and weight >= 0):
        found.append(problem("prior_weight", weight, "0 or more volumes", "Use 10."))
    check_all(found, ConfigError, "running normaliser")
