"""The noise that pictures are denoised from, as a function of time: fixed, or walking slowly.

It does not depend on how often it is asked: any frame rate gives the same walk, and a replay gives
the same pictures as the live run.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem

Array = npt.NDArray[np.float32]
KNOTS_PER_TAU = 20
MEMORY_KNOTS = 20 * KNOTS_PER_TAU
"""Knots after which nothing is left of what the noise was: exp(-20), below what 32 bits tell."""


class WalkingNoise:
    """The generator's noise: fixed, or a slow stationary walk through noise space.

    An AR(1) process on knots that lie tau / 20 apart, with correlation exp(-dt / tau). Between
    knots the two neighbours are mixed and brought back to unit variance, so that the noise is
    always what the generator was trained on.

    Parameters
    ----------
    seed : int
        Fixes the whole walk.
    shape : tuple of int
        Shape of the noise.
    tau_s : float or None
        Time constant in seconds; None never moves.
    """

    def __init__(
        self, seed: int, shape: tuple[int, ...] = (4, 16, 16), tau_s: float | None = None
    ) -> None:
        if tau_s is not None and not (math.isfinite(tau_s) and tau_s > 0.0):
            raise ConfigError(
                problem("tau_s", tau_s, "above 0 seconds, or None", "Use None for fixed noise.")
            )
        self.seed, self.shape, self.tau_s = seed, shape, tau_s
        self._pace_from = (0.0, 0.0)
        self._knot = 0
        self._old = self._fresh(0)
        self._new = self._next(self._old, 1)

    def retime(self, elapsed_s: float, tau_s: float | None) -> None:
        """Walk on from where the noise is at `elapsed_s` with another time constant."""
        self._pace_from = (elapsed_s, self._place(elapsed_s))
        self.tau_s = WalkingNoise(self.seed, (1,), tau_s).tau_s

    def _place(self, elapsed_s: float) -> float:
        """Knots walked until `elapsed_s`."""
        since_s, place = self._pace_from
        if self.tau_s is None or elapsed_s <= since_s:
            return place
        return place + (elapsed_s - since_s) * KNOTS_PER_TAU / self.tau_s

    def at(self, elapsed_s: float) -> Array:
        """Noise `elapsed_s` seconds after the start of the run.

        Going back in time is allowed. Wherever it goes, at most `MEMORY_KNOTS` are walked.
        """
        place = self._place(elapsed_s)
        if place <= 0.0:
            return self._fresh(0)
        knot = math.floor(place)
        begin = max(0, knot - MEMORY_KNOTS)
        if knot < self._knot or begin > self._knot:  # back in time, or so far on that all is new
            self._knot, self._old = begin, self._fresh(begin)
            self._new = self._next(self._old, begin + 1)
        while self._knot < knot:
            self._knot += 1
            self._old, self._new = self._new, self._next(self._new, self._knot + 1)
        b = place - knot
        a = 1.0 - b
        scale = 1.0 / math.sqrt(a * a + b * b + 2.0 * a * b * self._rho)
        return (self._old * (a * scale) + self._new * (b * scale)).astype(np.float32)

    @property
    def _rho(self) -> float:
        return math.exp(-1.0 / KNOTS_PER_TAU)

    def _fresh(self, knot: int) -> Array:
        rng = np.random.default_rng([self.seed, knot])
        # an empty shape (nothing to denoise) would come back as a bare number
        return np.asarray(rng.standard_normal(self.shape, dtype=np.float32))

    def _next(self, before: Array, knot: int) -> Array:
        fresh = self._fresh(knot) * math.sqrt(1.0 - self._rho**2)
        return (before * self._rho + fresh).astype(np.float32)
