"""Takes drift and movement out of the voxels and scales them, using the past only.

Every voxel follows the same regressors, so one recursive least squares filter (one gain vector)
serves them all: the cost per volume is two passes over voxels x regressors. Priors and process
noise are in units of each voxel's own noise, which then cancels out of the gain.

Nothing is learned from a volume that is told to be a spike. A spike in a few voxels, which no
figure of the whole volume shows, is learned from only as far as five standard deviations reach
(Huber 1964): it moves neither baseline nor spread more than a large but plausible deviation would.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = ["BaselineStats", "CleanConfig", "CleanStep", "Cleaner"]

Vector = npt.NDArray[np.float64]

_TIME_UNIT_S = 300.0
_FLAT = 1e8
_DRIFT_SD = 0.5
_MOTION_SD = 0.5
_GIVEN_MEAN_SD = 3.0
_SHRINK_VOLUMES = 10
_MOST_LEARNED_SD = 5.0
_MEDIAN_OF_SQUARE = 0.4549
"""Median of the square of a standard normal number."""


@dataclass(frozen=True)
class CleanConfig:
    """Settings of `Cleaner`.

    Attributes
    ----------
    drift_order : int
        Highest power of time, 0 to 3; 0 = a wandering mean only, which follows slow drifts too and
        need not be extrapolated.
    motion : bool
        Whether the six motion numbers are regressors.
    memory_s : float
        Time after which the baseline forgets, in seconds; infinite = never.
    warmup_volumes : int
        Volumes before features are ready when they are scaled by the run itself.
    given_warmup_volumes : int
        The same when statistics are given.
    """

    drift_order: int = 0
    motion: bool = True
    memory_s: float = 128.0
    warmup_volumes: int = 20
    given_warmup_volumes: int = 5

    def __post_init__(self) -> None:
        found = []
        if not 0 <= self.drift_order <= 3:
            found.append(problem("drift_order", self.drift_order, "0 to 3", "Correct it."))
        if not self.memory_s > 0:
            found.append(problem("memory_s", self.memory_s, "above 0 seconds", "Correct it."))
        if self.warmup_volumes < 3:
            got = self.warmup_volumes
            found.append(problem("warmup_volumes", got, "3 or more", "A spread needs volumes."))
        if self.given_warmup_volumes < 1:
            got = self.given_warmup_volumes
            found.append(problem("given_warmup_volumes", got, "1 or more", "Correct it."))
        check_all(found, ConfigError, "cleaning")


@dataclass(frozen=True)
class BaselineStats:
    """What each voxel did in the calibration run.

    Attributes
    ----------
    mean : array (voxels,)
        Baseline intensity.
    sd : array (voxels,)
        Standard deviation after cleaning, in the same unit, above 0.
    """

    mean: npt.NDArray[np.floating] = field(repr=False)
    sd: npt.NDArray[np.floating] = field(repr=False)

    def __post_init__(self) -> None:
        found = []
        if self.mean.ndim != 1 or self.mean.shape != self.sd.shape:
            shapes = (self.mean.shape, self.sd.shape)
            found.append(problem("mean, sd", shapes, "two vectors of one length", "Fit again."))
        elif not (np.isfinite(self.mean).all() and np.isfinite(self.sd).all()):
            found.append(problem("mean, sd", "not finite", "finite numbers", "Fit again."))
        elif not self.sd.min() > 0:
            got = float(self.sd.min())
            found.append(problem("sd", got, "above 0 in every voxel", "Leave dead voxels out."))
        check_all(found, InputError, "baseline statistics")


@dataclass(frozen=True)
class CleanStep:
    """One cleaned volume.

    Attributes
    ----------
    z : array of float32 (voxels,)
        Deviation in standard deviations.
    deviation : array of float64 (voxels,)
        What the past did not predict, in the unit of the data, scaled down where the past knows
        little (Kalman's normalised innovation), so that its noise is as large early as late.
    baseline : array of float64 (voxels,)
        What the past predicts, in the unit of the data.
    ready : bool
        False during the warm-up.
    """

    z: npt.NDArray[np.float32] = field(repr=False)
    deviation: Vector = field(repr=False)
    baseline: Vector = field(repr=False)
    ready: bool


class Cleaner:
    """Cleans one run.

    Parameters
    ----------
    n_voxels : int
        Number of voxels.
    config : CleanConfig
        Settings.
    stats : BaselineStats, optional
        Statistics of the calibration run: the baseline starts from its mean and goes on learning,
        the scale is its standard deviation. Both are corrected for today's overall brightness, the
        scale also for today's overall noise, which depends on where between voxels the head lies.
    """

    def __init__(
        self, n_voxels: int, config: CleanConfig | None = None, stats: BaselineStats | None = None
    ) -> None:
        if stats is not None and len(stats.mean) != n_voxels:
            raise InputError(
                problem("stats", f"{len(stats.mean)} voxels", f"{n_voxels} voxels",
                        "Use the mask that they were fitted with.")
            )  # fmt: skip
        self._config = config or CleanConfig()
        self._stats = stats
        c = self._config
        sd = np.r_[
            np.sqrt(_FLAT) if stats is None else _GIVEN_MEAN_SD,
            np.full(c.drift_order, _DRIFT_SD),
            np.full(6 if c.motion else 0, _MOTION_SD),
        ]
        self._covariance = np.diag(sd**2)
        self._weights = np.zeros((len(sd), n_voxels))
        self._gain = 1.0
        self._n = 0
        self._t_last_s = 0.0
        self._spread = np.zeros(n_voxels)
        self._mean = np.zeros(n_voxels)
        self._noise = 0.0

    def step(
        self, voxels: npt.NDArray[np.float32], t_s: float, motion: Vector, learn: bool = True
    ) -> CleanStep:
        """Clean one volume.

        Parameters
        ----------
        voxels : array of float32 (voxels,)
            Realigned intensities.
        t_s : float
            Time since the start of the run, in seconds, increasing.
        motion : array (6,)
            Motion since the start of the run (mm, degrees).
        learn : bool
            False cleans with what is known and learns nothing, for spikes.

        Returns
        -------
        CleanStep
        """
        if self._n == 0:
            self._start(voxels, t_s)
        x = self._regressors(t_s, motion)
        covariance = self._wander(t_s)
        known = covariance @ x
        uncertainty = 1.0 + float(x @ known)
        baseline = x @ self._weights
        error = voxels - baseline
        deviation = error / np.sqrt(uncertainty)
        if learn:
            # recursive least squares, in which the baseline alone may wander (Kalman 1960)
            learned = self._plausible(deviation)
            self._weights += np.outer(known / np.sqrt(uncertainty), learned)
            self._covariance = covariance - np.outer(known, known) / uncertainty
            self._t_last_s = t_s
            self._n += 1
            self._spread += learned**2
            if self._stats is not None:
                relative = learned / (self._gain * self._stats.sd)
                self._noise += float(np.median(relative**2)) / _MEDIAN_OF_SQUARE
            self._mean += (baseline + learned * np.sqrt(uncertainty) - self._mean) / self._n
        return CleanStep(
            z=(deviation / self._sd()).astype(np.float32),
            deviation=deviation,
            baseline=baseline,
            ready=self._n >= self._warmup,
        )

    @property
    def _warmup(self) -> int:
        c = self._config
        return c.warmup_volumes if self._stats is None else c.given_warmup_volumes

    def stats(self) -> BaselineStats:
        """Mean and standard deviation of the run so far, to be given to a later run."""
        return BaselineStats(self._mean.copy(), self._sd())

    def _plausible(self, deviation: Vector) -> Vector:
        """Return deviations, large ones cut, once it is known what is large."""
        if self._n < self._warmup:
            return deviation
        most = _MOST_LEARNED_SD * self._sd()
        return np.clip(deviation, -most, most)

    def _start(self, voxels: npt.NDArray[np.float32], t_s: float) -> None:
        self._t_last_s = t_s
        if self._stats is not None:
            # receiver gain differs between sessions by one factor for the whole head
            self._gain = float(np.median(voxels / np.maximum(self._stats.mean, 1e-6)))
            self._gain = self._gain if self._gain > 0 else 1.0
            self._weights[0] = self._gain * self._stats.mean

    def _regressors(self, t_s: float, motion: Vector) -> Vector:
        powers = np.asarray((t_s / _TIME_UNIT_S) ** np.arange(self._config.drift_order + 1))
        return np.concatenate([powers, motion]) if self._config.motion else powers

    def _wander(self, t_s: float) -> Vector:
        """Covariance of the weights now: the baseline may have wandered since the last volume.

        A random walk whose step is 1 / n of the noise averages over about n volumes.
        """
        covariance = self._covariance.copy()
        covariance[0, 0] += ((t_s - self._t_last_s) / self._config.memory_s) ** 2
        return covariance

    def _sd(self) -> Vector:
        """Return the standard deviation of each voxel; early on drawn towards that of all."""
        if self._stats is not None:
            noise = (_SHRINK_VOLUMES + self._noise) / (_SHRINK_VOLUMES + self._n)
            given: Vector = np.asarray(self._stats.sd, np.float64)
            return self._gain * float(np.sqrt(noise)) * given
        common = float(np.median(self._spread)) / max(self._n, 1)
        total = self._spread + _SHRINK_VOLUMES * common
        sd: Vector = np.sqrt(total / (self._n + _SHRINK_VOLUMES))
        return np.maximum(sd, 1e-6)
