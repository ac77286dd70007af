"""Design rows, one volume at a time: constant, drift, motion, physiology, conditions.

A row depends on its own time and on what began before it, never on the length of the run:

- ``polynomial`` drift spans all polynomials up to an order. On which interval they are written
  down does not change the fit, so no length is needed; this is the default.
- ``spline`` drift spans cubic splines with a knot every half cut-off period. A knot is a column
  that is 0 until its time, so the design grows with the run and needs no length either.
- ``cosine`` drift (discrete cosines slower than a cut-off, as SPM and nilearn use) needs the
  length of the run, which a protocol announces beforehand; where nobody does, it is refused. A
  run that goes on for longer than announced continues the same cosines.
- Motion is the six realignment numbers, or 24: these, their squares, and both of the volume before
  (Friston et al. 1996, Magnetic Resonance in Medicine 35:346).
- A condition's column is its events convolved with a response (`acquisition.fmri.hrf`); it is 0
  until the first of them begins, so a condition may turn up at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre

from acquisition.fmri.hrf import HRFS, Hrf, HrfName
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["DesignConfig", "Regressors", "Stimulus"]

Array = npt.NDArray[np.float64]

_NOMINAL_S = 600.0
_MOST_ORDER = 6
_EARLY_SPLINES = 3


@dataclass(frozen=True)
class Stimulus:
    """Something shown.

    Attributes
    ----------
    onset_s : float
        Begin, in seconds after the start of volume 0.
    condition : str
        Which kind.
    duration_s : float or None
        Length in seconds; None lasts until the next one begins, 0 is an impulse.
    """

    onset_s: float
    condition: str
    duration_s: float | None = None


@dataclass(frozen=True)
class DesignConfig:
    """Settings of `Regressors`.

    Attributes
    ----------
    hrf : str
        ``glover`` or ``spm``.
    drift : str
        ``polynomial``, ``spline``, ``cosine`` or ``none`` (the constant stays).
    drift_order : int
        Highest power of the polynomial, 0 to 6; one for every 128 s of a run is usual.
    high_pass_s : float
        Period, in seconds, of the fastest cosine; of splines, of what they can just follow.
    run_length_s : float or None
        Announced length of the run in seconds, which cosines need.
    motion : int
        0, 6 or 24 columns.
    physio : int
        Number of physiological regressors that come with each volume.
    conditions : tuple of str
        Conditions in the order of their columns; empty takes them as they turn up.
    rest : tuple of str
        Labels of nothing: they are no condition.
    most_conditions : int
        Conditions that turn up later than this many share the last column.
    sample_at : float
        Where in a volume the response is sampled, as a part of the TR; 0.5 is the middle.
    """

    hrf: HrfName = "glover"
    drift: Literal["polynomial", "spline", "cosine", "none"] = "polynomial"
    drift_order: int = 3
    high_pass_s: float = 128.0
    run_length_s: float | None = None
    motion: Literal[0, 6, 24] = 6
    physio: int = 0
    conditions: tuple[str, ...] = ()
    rest: tuple[str, ...] = ("rest", "baseline", "fixation", "")
    most_conditions: int = 16
    sample_at: float = 0.5

    def __post_init__(self) -> None:
        found = []
        for name, allowed in (
            ("hrf", tuple(HRFS)),
            ("drift", ("polynomial", "spline", "cosine", "none")),
            ("motion", (0, 6, 24)),
        ):
            got = getattr(self, name)
            if got not in allowed:
                found.append(problem(name, got, ", ".join(map(str, allowed)), "Name one of them."))
        if not 0 <= self.drift_order <= _MOST_ORDER:
            allowed_order = f"0 to {_MOST_ORDER}"
            found.append(problem("drift_order", self.drift_order, allowed_order, "Correct it."))
        if not self.high_pass_s > 0:
            found.append(problem("high_pass_s", self.high_pass_s, "above 0 seconds", "Use 128."))
        if self.drift == "cosine" and not (self.run_length_s or 0) > 0:
            found.append(
                problem("run_length_s", self.run_length_s, "above 0 seconds for cosine drift",
                        "Announce the length of the run or use polynomial drift.")
            )  # fmt: skip
        if self.physio < 0:
            found.append(problem("physio", self.physio, "0 or more", "Correct it."))
        if self.most_conditions < max(1, len(self.conditions)):
            allowed_most = f"{max(1, len(self.conditions))} or more"
            found.append(
                problem("most_conditions", self.most_conditions, allowed_most, "Raise it.")
            )
        if not 0 <= self.sample_at <= 1:
            found.append(problem("sample_at", self.sample_at, "0 to 1", "Use 0.5."))
        check_all(found, ConfigError, "design")


class Regressors:
    """Makes the rows of one run.

    Parameters
    ----------
    config : DesignConfig
        Settings.
    tr_s : float
        Repetition time in seconds.
    """

    def __init__(self, config: DesignConfig, tr_s: float) -> None:
        if not tr_s > 0:
            raise ConfigError(problem("tr_s", tr_s, "above 0 seconds", "Give the TR."))
        self._config, self._tr_s = config, tr_s
        self._hrf: Hrf = HRFS[config.hrf]
        self._conditions = list(config.conditions)
        # Columns in the order in which they turned up: a condition's name, None for a spline.
        self._grown: list[str | None] = list(config.conditions)
        self._moved = np.zeros(6)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions so far, in the order of their columns; `columns` tells where these are."""
        return tuple(self._conditions)

    @property
    def columns(self) -> tuple[int, ...]:
        """Column of each condition."""
        at = self._n_fixed
        return tuple(at + k for k, name in enumerate(self._grown) if name is not None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns so far."""
        c = self._config
        n_drift = len(self._drift(0))
        drift = [f"drift_{k + 1}" for k in range(n_drift)]
        motion = [f"motion_{k + 1}" for k in range(c.motion)]
        physio = [f"physio_{k + 1}" for k in range(c.physio)]
        grown, splines = [], n_drift
        for name in self._grown:
            splines += name is None
            grown.append(f"drift_{splines}" if name is None else name)
        return ("constant", *drift, *motion, *physio, *grown)

    @property
    def _n_fixed(self) -> int:
        return 1 + len(self._drift(0)) + self._config.motion + self._config.physio

    def time_s(self, index: int) -> float:
        """Time at which a volume samples the response, in seconds."""
        return (index + self._config.sample_at) * self._tr_s

    def row(
        self,
        index: int,
        motion: Array | None = None,
        stimuli: Sequence[Stimulus] = (),
        physio: Array | None = None,
    ) -> Array:
        """Return the row of a volume; call it in order of `index`.

        Parameters
        ----------
        index : int
            Number of the volume.
        motion : array (6,), optional
            Motion since the start of the run (mm, degrees); zeros without.
        stimuli : sequence of Stimulus
            Those known by now, in order of time; what begins later than the volume has no effect.
        physio : array (physio,), optional
            Physiological regressors at the volume.
        """
        moved = np.zeros(6) if motion is None else np.asarray(motion, np.float64)
        begun = [s for s in stimuli if s.onset_s <= self.time_s(index)]
        self._grow(index)
        self._admit(s.condition for s in begun)
        parts = [
            np.ones(1),
            self._drift(index),
            self._motion(moved),
            np.zeros(self._config.physio) if physio is None else np.asarray(physio, np.float64),
            self._late(index, self._responses(self.time_s(index), begun)),
        ]
        self._moved = moved
        return np.concatenate(parts)

    def _admit(self, conditions: Iterable[str]) -> None:
        c = self._config
        if c.conditions:
            return
        for name in conditions:
            full = len(self._conditions) >= c.most_conditions
            if not full and name not in c.rest and name not in self._conditions:
                self._conditions.append(name)
                self._grown.append(name)

    def _grow(self, index: int) -> None:
        """Add the splines that begin by this volume."""
        if self._config.drift == "spline":
            due = int(self._knots(index))
            self._grown += [None] * (due - self._grown.count(None))

    def _knots(self, index: int) -> float:
        """Knots since the start of the run: one for every half period."""
        return index * self._tr_s / (self._config.high_pass_s / 2)

    def _late(self, index: int, responses: Array) -> Array:
        """Put responses and the splines that began during the run in the order of their columns."""
        found = np.zeros(len(self._grown))
        is_spline = np.array([name is None for name in self._grown], np.bool_)
        found[~is_spline] = responses
        found[is_spline] = _spline(self._knots(index) - 1 - np.arange(float(is_spline.sum())))
        return found

    def _drift(self, index: int) -> Array:
        c = self._config
        if c.drift == "none":
            return np.zeros(0)
        if c.drift == "spline":
            # With the constant they span every cubic up to the first knot.
            return _spline(self._knots(index) + 2 - np.arange(float(_EARLY_SPLINES)))
        if c.drift == "polynomial":
            at = 2.0 * index * self._tr_s / (c.run_length_s or _NOMINAL_S) - 1.0
            return np.asarray(legendre.legvander(np.array([at]), c.drift_order)[0, 1:])
        length_s = c.run_length_s or _NOMINAL_S
        count = int(2.0 * length_s / c.high_pass_s)
        at = (index + 0.5) * self._tr_s / length_s
        return np.asarray(np.cos(np.pi * at * np.arange(1, count + 1)))

    def _motion(self, moved: Array) -> Array:
        if self._config.motion == 24:
            return np.concatenate([moved, moved**2, self._moved, self._moved**2])
        return moved[: self._config.motion]

    def _responses(self, t_s: float, begun: Sequence[Stimulus]) -> Array:
        found = np.zeros(len(self._conditions))
        if not begun:
            return found
        onsets_s = np.array([s.onset_s for s in begun])
        durations_s = durations(begun)
        code = {name: k for k, name in enumerate(self._conditions)}
        overflow = -1 if self._config.conditions else len(self._conditions) - 1
        of = np.array([
            -1 if s.condition in self._config.rest else code.get(s.condition, overflow)
            for s in begun
        ])  # fmt: skip
        for k in range(len(found)):
            mine = of == k
            ones = np.ones(int(mine.sum()))
            found[k] = self._hrf.response(t_s, onsets_s[mine], durations_s[mine], ones)
        return found


def _spline(since: Array) -> Array:
    """Cubic B-spline with knots at 0, 1, 2, 3 and 4 (de Boor 1978); 0 elsewhere."""
    found: Array = np.zeros(len(since))
    for knot, weight in enumerate((1.0, -4.0, 6.0, -4.0)):
        found += weight * np.maximum(since - knot, 0.0) ** 3 / 6
    return np.where(since < 4, found, 0.0)


def durations(begun: Sequence[Stimulus]) -> Array:
    """Length of each stimulus as far as it is known, in seconds; of those that have begun.

    An open one lasts until the next begins, and goes on if none has begun.
    """
    next_s = [*(s.onset_s for s in begun[1:]), np.inf]
    return np.array([
        next_s[k] - s.onset_s if s.duration_s is None else s.duration_s
        for k, s in enumerate(begun)
    ])  # fmt: skip
