"""How the condition gets from one percept to the next, as a pure function of time.

Nothing here depends on how often it is asked: any frame rate sees the same trajectory, and nothing
later than the newest percept is ever used. After any switch the condition goes on from where it is.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
import numpy.typing as npt

from phosphene.errors import CausalityError, ConfigError, problem

__all__ = ["ConditionPath", "Kind", "turn"]

Array = npt.NDArray[np.float32]
Pair = tuple[Array | None, Array | None]
Kind = Literal["smooth", "hold", "slerp"]

INTERVALS = 5
SHORTEST_S = 0.001
FIRST_INTERVAL_S = 1.0
TURNS_Z = True
"""Whether ``slerp`` turns z too, instead of leading it along a straight line."""


@dataclass(frozen=True)
class _Leg:
    """The way from `start` to `end` that begins at `t_s`; `scale_s` is its time or time constant.

    z and c each go by themselves; a part that is None at either end is not there.
    """

    kind: Kind
    t_s: float
    start: Pair
    end: Pair
    scale_s: float
    turns_z: bool

    def at(self, t_s: float) -> Pair:
        done = self._done(t_s - self.t_s)
        (z0, c0), (z1, c1) = self.start, self.end
        spherical = self.kind == "slerp"
        return (
            _between(z0, z1, done, spherical=spherical and self.turns_z),
            _between(c0, c1, done, spherical=spherical),
        )

    def _done(self, passed_s: float) -> float:
        if self.kind == "hold" or self.scale_s <= 0.0:
            return 1.0
        if self.kind == "slerp":
            return min(1.0, passed_s / self.scale_s)
        return 1.0 - math.exp(-passed_s / self.scale_s)


class ConditionPath:
    """The condition (z, c) between percepts.

    ``smooth``: dx/dt = (newest - x) / tau, in its closed form, so it lags by about tau.
    ``hold``: the newest percept, at once.
    ``slerp``: an even way to the newest percept that takes as long as percepts are apart (median
    of the last five intervals), so it arrives when the next one does and lags by one percept. c
    turns on a sphere (Shoemake 1985) while its length changes evenly. Past the end it stays.

    Parameters
    ----------
    kind : {"smooth", "hold", "slerp"}
        The way.
    tau_s : float
        Time constant of ``smooth`` in seconds; 0 jumps to each percept at once.
    turns_z : bool
        Whether ``slerp`` turns z as well; the default was chosen by measurement.
    """

    def __init__(self, kind: Kind, tau_s: float, *, turns_z: bool = TURNS_Z) -> None:
        self._kind, self._tau_s, self._turns_z = kind, _checked(tau_s), turns_z
        self._newest: Pair = (None, None)
        self._leg: _Leg | None = None
        self._arrived_s = -math.inf
        self._gaps_s: deque[float] = deque(maxlen=INTERVALS)

    def set_target(self, t_s: float, z: Array | None, c: Array | None) -> None:
        """Head for a new percept from time `t_s` on, in seconds.

        A part that was not there before is taken as it is; a part that is None is dropped.
        """
        z_now, c_now = self.at(t_s)
        gap_s = t_s - self._arrived_s
        if SHORTEST_S < gap_s < math.inf:
            self._gaps_s.append(gap_s)
        self._arrived_s = t_s
        self._newest = (z, c)
        start = (z if z_now is None else z_now, c if c_now is None else c_now)
        self._leg = self._new_leg(t_s, start, self._newest)

    def at(self, t_s: float) -> Pair:
        """(z, c) at `t_s` seconds, or (None, None) before the first percept.

        Raises
        ------
        CausalityError
            `t_s` is before the newest percept or switch.
        """
        leg = self._leg
        if leg is None:
            return None, None
        if t_s < leg.t_s:
            raise CausalityError(
                problem("t_s", t_s, f"{leg.t_s} or later", "Ask for the present, not the past.")
            )
        return leg.at(t_s)

    def switch(self, t_s: float, kind: Kind, tau_s: float) -> None:
        """Go on from where the path is at `t_s` in another way.

        ``hold`` stays there until the next percept; the others set off for the newest one.
        """
        self._kind, self._tau_s = kind, _checked(tau_s)
        if self._leg is not None:
            t_s = max(t_s, self._leg.t_s)
            here = self._leg.at(t_s)
            self._leg = self._new_leg(t_s, here, here if kind == "hold" else self._newest)

    def reset(self) -> None:
        """Forget where it is: the next percept is taken as it stands."""
        self._leg = None
        self._newest = (None, None)

    @property
    def interval_s(self) -> float:
        """How far percepts are apart, in seconds; 1 until two have come."""
        return median(self._gaps_s) if self._gaps_s else FIRST_INTERVAL_S

    def _new_leg(self, t_s: float, start: Pair, end: Pair) -> _Leg:
        scale_s = self.interval_s if self._kind == "slerp" else self._tau_s
        return _Leg(self._kind, t_s, start, end, scale_s, self._turns_z)


def turn(start: Array, end: Array, done: float) -> Array:
    """Turn the direction of `start` into that of `end` while its length changes evenly.

    Where there is no one shortest way (a zero, opposite directions) the way is a straight line.

    Parameters
    ----------
    start, end : float32 arrays of one shape
        Where it begins and ends.
    done : float
        Part of the way, 0 to 1.
    """
    a, b = start.ravel().astype(np.float64), end.ravel().astype(np.float64)
    length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if length_a * length_b < 1e-12:
        return _line(start, end, done)
    a, b = a / length_a, b / length_b
    angle = math.acos(max(-1.0, min(1.0, float(a @ b))))
    if angle < 1e-4 or angle > math.pi - 1e-3:
        return _line(start, end, done)
    way = (math.sin((1.0 - done) * angle) * a + math.sin(done * angle) * b) / math.sin(angle)
    length = (1.0 - done) * length_a + done * length_b
    turned: Array = (length * way).astype(np.float32).reshape(start.shape)
    return turned


def _line(start: Array, end: Array, done: float) -> Array:
    return (end + np.float32(1.0 - done) * (start - end)).astype(np.float32)


def _between(
    start: Array | None, end: Array | None, done: float, *, spherical: bool
) -> Array | None:
    if start is None or end is None:
        return None
    if done <= 0.0 or done >= 1.0:
        return start if done <= 0.0 else end
    return turn(start, end, done) if spherical else _line(start, end, done)


def _checked(tau_s: float) -> float:
    if not (math.isfinite(tau_s) and tau_s >= 0.0):
        raise ConfigError(problem("tau_s", tau_s, "0 or more seconds", "Use 0.5, say."))
    return tau_s
