"""What differs between two runs of the same person: noise, drift and movement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from acquisition.simulate.anatomy import Anatomy
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["RunConfig", "RunNoise"]

Field = npt.NDArray[np.float32]

_DRIFT_PERIODS_S = (1200.0, 420.0, 260.0)
_DRIFT_SMOOTHNESS_MM = 25.0
_RETURN = 0.99
"""How much of its displacement the head keeps from one volume to the next."""


@dataclass(frozen=True)
class RunConfig:
    """Noise, drift and movement of one run.

    Attributes
    ----------
    seed : int
        Of everything random in the run.
    thermal_psc : float
        Standard deviation of noise that is new in every volume and voxel, in percent of the mean
        brain intensity.
    physiological_psc : float
        Standard deviation of autocorrelated noise, in percent of the voxel's intensity.
    global_psc : float
        Standard deviation of the autocorrelated noise that all voxels share, in percent.
    autocorrelation : float
        Of these two, from one volume to the next, 0 to below 1.
    drift_psc : float
        Standard deviation over voxels of slow drifts, in percent.
    step_mm, step_deg : float
        Standard deviation of the head's movement from one volume to the next; over a run it
        wanders about seven times as far.
    placement : tuple of 6 floats
        Position of the head at the start (mm, degrees).
    """

    seed: int = 0
    thermal_psc: float = 1.0
    physiological_psc: float = 0.7
    global_psc: float = 0.3
    autocorrelation: float = 0.4
    drift_psc: float = 1.0
    step_mm: float = 0.02
    step_deg: float = 0.015
    placement: tuple[float, ...] = (0.0,) * 6

    def __post_init__(self) -> None:
        found = [
            problem(name, getattr(self, name), "0 or more", "Give a standard deviation.")
            for name in ("thermal_psc", "physiological_psc", "global_psc", "drift_psc", "step_mm",
                         "step_deg")
            if not getattr(self, name) >= 0
        ]  # fmt: skip
        if not 0 <= self.autocorrelation < 1:
            got = self.autocorrelation
            found.append(problem("autocorrelation", got, "0 to below 1", "Correct it."))
        if len(self.placement) != 6:
            found.append(problem("placement", self.placement, "6 numbers", "Correct it."))
        check_all(found, ConfigError, "run")


class RunNoise:
    """State of one run's noise; advances by one volume per call of each method."""

    def __init__(
        self, config: RunConfig, anatomy: Anatomy, voxel_mm: tuple[float, float, float]
    ) -> None:
        self._config = config
        self._rng = np.random.default_rng([config.seed, 3])
        shape = anatomy.image.shape
        self._thermal = config.thermal_psc / 100 * float(anatomy.image[anatomy.brain].mean())
        self._own = self._rng.standard_normal(shape, dtype=np.float32)
        self._shared = float(self._rng.standard_normal())
        sigma = [_DRIFT_SMOOTHNESS_MM / mm for mm in voxel_mm]
        maps = [
            ndimage.gaussian_filter(self._rng.standard_normal(shape, dtype=np.float32), sigma)
            for _ in _DRIFT_PERIODS_S
        ]
        scale = config.drift_psc / 100 / np.sqrt(len(maps))
        self._drifts = np.stack([scale * m / m.std() for m in maps])  # (periods, X, Y, Z)
        self._wander = np.zeros(6)

    def modulation(self, t_s: float) -> Field:
        """Fractional change of every voxel at `t_s` seconds, (X, Y, Z)."""
        c = self._config
        keep, new = c.autocorrelation, np.sqrt(1 - c.autocorrelation**2)
        fresh = self._rng.standard_normal(self._own.shape, dtype=np.float32)
        self._own = np.float32(keep) * self._own + np.float32(new) * fresh
        self._shared = keep * self._shared + new * float(self._rng.standard_normal())
        # all drifts start at 0, as a run starts where it starts
        sway = np.sin(2 * np.pi * t_s / np.asarray(_DRIFT_PERIODS_S)).astype(np.float32)
        out = np.tensordot(sway, self._drifts, axes=1)
        out += np.float32(c.physiological_psc / 100) * self._own
        out += np.float32(c.global_psc / 100 * self._shared)
        return out

    def move(self) -> npt.NDArray[np.float64]:
        """Next position of the head (mm, degrees), (6,); the first is the placement itself."""
        position = np.asarray(self._config.placement) + self._wander
        size = np.repeat([self._config.step_mm, self._config.step_deg], 3)
        self._wander = _RETURN * self._wander + size * self._rng.standard_normal(6)
        return position

    def measure(self, signal: Field) -> Field:
        """Magnitude of the signal with complex thermal noise (Rician), (X, Y, Z)."""
        real = signal + self._draw(signal.shape)
        magnitude: Field = np.hypot(real, self._draw(signal.shape))
        return magnitude

    def _draw(self, shape: tuple[int, ...]) -> Field:
        noise = self._rng.standard_normal(shape, dtype=np.float32)
        noise *= np.float32(self._thermal)
        return noise
