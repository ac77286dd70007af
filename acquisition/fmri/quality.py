"""How good each volume is: movement, sudden change, and stability so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.fmri.rigid import Matrix
from phosphene.errors import ConfigError, check_all, problem
from phosphene.quality import FD_HIGH_MM

__all__ = [
    "QualityConfig",
    "QualityStep",
    "QualityTracker",
    "jenkinson_displacement",
    "power_displacement",
]

_POWER_RADIUS_MM = 50.0
_JENKINSON_RADIUS_MM = 80.0
_MAD_TO_SD = 1.4826
_LEAST_VOLUMES = 10
_MOST_VOXELS = 10_000
# A still head gives almost the same DVARS each time, and six deviations of almost nothing are
# ordinary noise: a spike is at least a quarter above the median (six times this).
_LEAST_SPREAD = 0.04


@dataclass(frozen=True)
class QualityConfig:
    """Limits for spikes.

    Attributes
    ----------
    spike_fd_mm : float
        Framewise displacement (Power) above which a volume is a spike, in millimetres.
    spike_dvars_sd : float
        Robust standard deviations of DVARS above its median that make a spike.
    n_recent : int
        Volumes that this median is taken over.
    """

    spike_fd_mm: float = FD_HIGH_MM
    spike_dvars_sd: float = 6.0
    n_recent: int = 60

    def __post_init__(self) -> None:
        found = [
            problem(name, getattr(self, name), "above 0", "Give a positive number.")
            for name in ("spike_fd_mm", "spike_dvars_sd", "n_recent")
            if not getattr(self, name) > 0
        ]
        check_all(found, ConfigError, "quality")


@dataclass(frozen=True)
class QualityStep:
    """Quality of one volume; numbers are NaN where there is no volume before, or too few.

    Attributes
    ----------
    fd_mm : float
        Framewise displacement after Power, in millimetres.
    fd_jenkinson_mm : float
        The same after Jenkinson, in millimetres.
    dvars_psc : float
        Root mean square change of the brain's voxels since the last volume, in percent of their
        mean.
    tsnr : float
        Median over voxels (every n-th of many) of mean over standard deviation, over the run so
        far without spikes.
    drift_psc_per_min : float
        Slope of the brain's mean over the run so far without spikes, in percent per minute.
    spike : bool
        Whether displacement or DVARS stands out, or no head was found.
    """

    fd_mm: float
    fd_jenkinson_mm: float
    dvars_psc: float
    tsnr: float
    drift_psc_per_min: float
    spike: bool


def power_displacement(before: npt.ArrayLike, now: npt.ArrayLike) -> float:
    """Sum of the six absolute changes, rotations as arcs on a 50 mm ball.

    Power et al. (2012), NeuroImage 59:2142-2154.

    Parameters
    ----------
    before, now : array (6,)
        Motion in millimetres and degrees.

    Returns
    -------
    float
        Millimetres.
    """
    change = np.abs(np.asarray(now, np.float64) - np.asarray(before, np.float64))
    return float(change[:3].sum() + _POWER_RADIUS_MM * np.radians(change[3:]).sum())


def jenkinson_displacement(before: Matrix, now: Matrix, centre_mm: Matrix) -> float:
    """Root mean square displacement in an 80 mm ball.

    Jenkinson (1999), FMRIB technical report TR99MJ1: with ``M = now inverse(before) - 1`` made of A
    and t, ``sqrt(r^2 / 5 trace(A'A) + |t + A c|^2)``.

    Parameters
    ----------
    before, now : array (4, 4)
        Rigid matrices in millimetres.
    centre_mm : array (3,)
        Centre of the ball.

    Returns
    -------
    float
        Millimetres.
    """
    change = now @ np.linalg.inv(before) - np.eye(4)
    a, t = change[:3, :3], change[:3, 3] + change[:3, :3] @ centre_mm
    return float(np.sqrt(_JENKINSON_RADIUS_MM**2 / 5 * np.trace(a.T @ a) + t @ t))


class QualityTracker:
    """Follows a run, volume by volume.

    Parameters
    ----------
    centre_mm : array (3,)
        Centre of the head.
    config : QualityConfig
        Limits.
    """

    def __init__(self, centre_mm: Matrix, config: QualityConfig | None = None) -> None:
        self._config = config or QualityConfig()
        self._centre = centre_mm
        self._before: tuple[Matrix, Matrix, npt.NDArray[np.float32]] | None = None
        self._recent: deque[float] = deque(maxlen=self._config.n_recent)
        self._stability = _Stability()
        self._trend = _Trend()

    def step(
        self,
        params: Matrix,
        matrix: Matrix,
        brain: npt.NDArray[np.float32],
        t_s: float,
        lost: bool = False,
    ) -> QualityStep:
        """Judge one volume.

        Parameters
        ----------
        params : array (6,)
            Motion in millimetres and degrees.
        matrix : array (4, 4)
            The same as a matrix.
        brain : array of float32 (voxels,)
            Realigned brain voxels, not smoothed.
        t_s : float
            When it was measured, in seconds, increasing.
        lost : bool
            True where no head was found: a spike whatever the numbers say.

        Returns
        -------
        QualityStep
        """
        fd = jenkinson = dvars = float("nan")
        level = float(brain.mean(dtype=np.float64))
        if self._before is not None:
            fd = power_displacement(self._before[0], params)
            jenkinson = jenkinson_displacement(self._before[1], matrix, self._centre)
            change = _change(brain, self._before[2])
            dvars = 100 * change / level if level > 0 else float("nan")
        self._before = (params, matrix, brain)
        spike = lost or fd > self._config.spike_fd_mm or self._stands_out(dvars)
        if np.isfinite(dvars):
            self._recent.append(dvars)
        if not spike:
            self._stability.add(brain)
            self._trend.add(t_s, level)
        return QualityStep(
            fd_mm=fd,
            fd_jenkinson_mm=jenkinson,
            dvars_psc=dvars,
            tsnr=self._stability.value(),
            drift_psc_per_min=self._trend.psc_per_min(),
            spike=bool(spike),
        )

    def _stands_out(self, dvars: float) -> bool:
        if len(self._recent) < _LEAST_VOLUMES:
            return False
        recent = np.asarray(self._recent)
        middle = float(np.median(recent))
        spread = _MAD_TO_SD * float(np.median(np.abs(recent - middle)))
        return dvars > middle + self._config.spike_dvars_sd * max(spread, _LEAST_SPREAD * middle)


def _change(brain: npt.NDArray[np.float32], before: npt.NDArray[np.float32]) -> float:
    """Root mean square difference."""
    with np.errstate(over="ignore"):
        square = float(np.mean((brain - before) ** 2, dtype=np.float64))
    if not np.isfinite(square):  # beyond 32 bits, as a damaged volume may be
        square = float(np.mean((brain.astype(np.float64) - before) ** 2))
    return float(np.sqrt(square))


class _Stability:
    """Median over voxels of mean over standard deviation, by Welford's running sums (1962)."""

    def __init__(self) -> None:
        self._n, self._stride = 0, 1
        self._mean = np.zeros(0)
        self._square = np.zeros(0)

    def add(self, brain: npt.NDArray[np.float32]) -> None:
        if self._n == 0:
            self._stride = max(1, len(brain) // _MOST_VOXELS)
            n_voxels = len(brain[:: self._stride])
            self._mean, self._square = np.zeros(n_voxels), np.zeros(n_voxels)
        some = brain[:: self._stride]
        self._n += 1
        change = some - self._mean
        self._mean += change / self._n
        self._square += change * (some - self._mean)

    def value(self) -> float:
        if self._n < _LEAST_VOLUMES:
            return float("nan")
        sd = np.sqrt(self._square / (self._n - 1))
        varying = sd > 0
        return float(np.median(self._mean[varying] / sd[varying])) if varying.any() else np.inf


class _Trend:
    """Slope of a straight line through everything so far, by running sums about the mean."""

    def __init__(self) -> None:
        self._n = 0
        self._t_s = self._level = self._tt = self._tl = 0.0

    def add(self, t_s: float, level: float) -> None:
        self._n += 1
        ahead_s = t_s - self._t_s
        self._t_s += ahead_s / self._n
        self._level += (level - self._level) / self._n
        self._tt += ahead_s * (t_s - self._t_s)
        self._tl += ahead_s * (level - self._level)

    def psc_per_min(self) -> float:
        if self._n < _LEAST_VOLUMES or not (self._tt > 0 and self._level > 0):
            return float("nan")
        return 100 * 60 * self._tl / self._tt / self._level
