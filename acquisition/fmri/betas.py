"""One response pattern per event, at a chosen delay after it and from the volumes up to then.

``lss`` (least squares separate; Mumford et al. 2012, NeuroImage 59:2636) fits, for each event, a
model of its own with one regressor for that event (the probe), one for all others together, and the
nuisance regressors. Here the model of event i holds the volumes that are there at
``onset_i + delay``: nothing waits for the end of the run. All models share their sums
(`acquisition.fmri.ar1`) but for the probe's column. In the shared design one column holds all
events; as *all = probe + others*, the probe's own coefficient is the sum of those of *probe* and
*all*. A probe's column is 0 before its onset, so it is added exactly when it begins, and its place
is cleared and used again once it has been read.

``mean`` is the mean of the volumes in a window that ends at the delay, less the mean of the run so
far: no model, nothing to be estimated but a baseline.

Both are in percent of the voxel's mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.fmri.ar1 import LaggedSums
from acquisition.fmri.hrf import HRFS
from acquisition.fmri.regressors import DesignConfig, Regressors, Stimulus, durations
from phosphene.errors import CausalityError, ConfigError, InputError, check_all, problem

__all__ = ["Beta", "BetaConfig", "RunningBetas"]

Array = npt.NDArray[np.float64]

_ALL = "event"
_FREE = ("constant", _ALL)


@dataclass(frozen=True)
class BetaConfig:
    """Settings of `RunningBetas`.

    Attributes
    ----------
    delay_s : float
        From an event's onset to its beta, in seconds. A short event's response peaks 5 to 6 s
        after it; a delay of 8 s holds its rise and peak. Blocks need about their length more.
    method : str
        ``lss`` or ``mean``.
    window_s : float
        Length of the window of ``mean``, in seconds.
    design : DesignConfig
        Response and nuisance regressors of ``lss``; few, as the first events have few volumes.
    noise : str
        ``ar1``, ``pooled`` or ``ols``, as for the GLM.
    nuisance_sd : float
        How large the coefficients of drift and motion are expected to be, in standard deviations
        of a voxel's noise (for 5 minutes of linear drift, for 1 mm or degree); infinite leaves
        them free, which spoils the betas of the first events.
    conditions : tuple of str
        Which events get a beta; empty takes all that are not rest. The others are not modelled.
    least_dof : int
        Degrees of freedom below which a beta is not ready.
    """

    delay_s: float = 8.0
    method: Literal["lss", "mean"] = "lss"
    window_s: float = 4.0
    design: DesignConfig = field(default_factory=lambda: DesignConfig(drift_order=1, motion=6))
    noise: Literal["ar1", "pooled", "ols"] = "ar1"
    nuisance_sd: float = 1.0
    conditions: tuple[str, ...] = ()
    least_dof: int = 3

    def __post_init__(self) -> None:
        found = []
        if not 0 < self.delay_s <= 120:
            found.append(problem("delay_s", self.delay_s, "above 0, up to 120 s", "Use 8."))
        if self.method not in ("lss", "mean"):
            found.append(problem("method", self.method, "lss, mean", "Name one of them."))
        if not self.window_s > 0:
            found.append(problem("window_s", self.window_s, "above 0 seconds", "Use 4."))
        if self.noise not in ("ar1", "pooled", "ols"):
            found.append(problem("noise", self.noise, "ar1, pooled, ols", "Name one of them."))
        if not self.nuisance_sd > 0:
            found.append(problem("nuisance_sd", self.nuisance_sd, "above 0", "Use 1."))
        if self.least_dof < 1:
            found.append(problem("least_dof", self.least_dof, "1 or more", "Use 3."))
        check_all(found, ConfigError, "betas")


@dataclass(frozen=True)
class Beta:
    """Response to one event.

    Attributes
    ----------
    number : int
        Of the event among those that get a beta, from 0 in order of onset.
    onset_s : float
        Of the event, in seconds.
    condition : str
        Its kind.
    index : int
        Volume after which the beta was ready to be told.
    x : array of float32 (voxels,)
        In percent of the mean so far; zeros where it is not ready.
    ready : bool
        False where the volumes so far do not determine it.
    """

    number: int
    onset_s: float
    condition: str
    index: int
    x: npt.NDArray[np.float32] = field(repr=False)
    ready: bool


@dataclass
class _Probe:
    """An event that waits for its beta."""

    number: int
    stimulus: Stimulus
    column: int = -1
    total: Array | None = None
    volumes: int = 0


class RunningBetas:
    """Finds the betas of one run.

    Parameters
    ----------
    n_voxels : int
        Voxels of the mask.
    tr_s : float
        Repetition time in seconds.
    config : BetaConfig
        Settings.
    first_number : int
        Number of the first event; not 0 where an earlier process of the run has told some.
    """

    def __init__(
        self,
        n_voxels: int,
        tr_s: float,
        config: BetaConfig | None = None,
        first_number: int = 0,
    ) -> None:
        self._config = config or BetaConfig()
        self._design = replace(self._config.design, conditions=(_ALL,), rest=())
        self._regressors = Regressors(self._design, tr_s)
        self._base = len(self._regressors.names)
        self._sums = LaggedSums(n_voxels, self._base)
        nuisance = np.array([not n.startswith(_FREE) for n in self._regressors.names])
        sd = np.where(nuisance, self._config.nuisance_sd, np.inf)
        self._prior_sd = np.append(sd, np.inf)
        self._waiting: list[_Probe] = []
        self._seen: set[tuple[float, str]] = set()
        self._next = first_number
        self._last = self._last_kept = -1
        self.late = 0

    def step(
        self,
        voxels: npt.NDArray[np.floating],
        index: int,
        motion: Array | None = None,
        stimuli: Sequence[Stimulus] = (),
        physio: Array | None = None,
        censor: bool = False,
    ) -> list[Beta]:
        """Take in the next volume; see `acquisition.fmri.glm.RunningGlm.step`.

        Returns
        -------
        list of Beta
            Those whose time has come with this volume, in order of onset.
        """
        if index <= self._last:
            raise CausalityError(
                problem("index", index, f"above {self._last}", "Put volumes in order.")
            )
        if not np.isfinite(voxels).all():
            raise InputError(problem("voxels", "not finite", "finite", "Leave the volume out."))
        t_s = self._regressors.time_s(index)
        wanted = [s for s in stimuli if s.onset_s <= t_s and self._wants(s)]
        # An open event ends with whatever comes next, also with rest.
        begun = [s for s in stimuli if s.onset_s <= t_s]
        lengths = durations(begun)
        closed = [
            replace(s, condition=_ALL, duration_s=float(length))
            for s, length in zip(begun, lengths, strict=True)
            if self._wants(s)
        ]
        row = self._regressors.row(index, motion, closed, physio)
        self._open(wanted, closed)
        self._last = index
        if not (censor or (self._design.physio and physio is None)):
            self._learn(voxels, index, t_s, row)
        return self._due(index, t_s)

    def _wants(self, stimulus: Stimulus) -> bool:
        c = self._config
        if c.conditions:
            return stimulus.condition in c.conditions
        return stimulus.condition not in c.design.rest

    def _open(self, wanted: Sequence[Stimulus], closed: Sequence[Stimulus]) -> None:
        """Begin probes for new events, and keep the lengths of old ones up to date."""
        newest_s = self._regressors.time_s(self._last) if self._last >= 0 else -np.inf
        by_key = {}
        for stimulus, known in zip(wanted, closed, strict=True):
            key = (stimulus.onset_s, stimulus.condition)
            by_key[key] = replace(known, condition=stimulus.condition)
            if key in self._seen:
                continue
            self._seen.add(key)
            self.late += int(stimulus.onset_s <= newest_s)
            self._waiting.append(_Probe(self._next, by_key[key], self._column()))
            self._next += 1
        for probe in self._waiting:
            key = (probe.stimulus.onset_s, probe.stimulus.condition)
            probe.stimulus = by_key.get(key, probe.stimulus)

    def _column(self) -> int:
        """Find a free place for a probe."""
        if self._config.method == "mean":
            return -1
        taken = {probe.column for probe in self._waiting}
        for column in range(self._base, self._sums.n_columns):
            if column not in taken:
                return column
        self._sums.widen()
        return self._sums.n_columns - 1

    def _learn(self, voxels: npt.NDArray[np.floating], index: int, t_s: float, row: Array) -> None:
        full = np.zeros(self._sums.n_columns)
        full[: self._base] = row
        hrf, one = HRFS[self._design.hrf], np.ones(1)
        for probe in self._waiting:
            s = probe.stimulus
            if probe.column >= 0:
                length_s = np.array([np.inf if s.duration_s is None else s.duration_s])
                full[probe.column] = hrf.response(t_s, np.array([s.onset_s]), length_s, one)
            since_s = t_s - s.onset_s
            if self._config.delay_s - self._config.window_s < since_s <= self._config.delay_s:
                seen = voxels.astype(np.float64)
                probe.total = seen if probe.total is None else probe.total + seen
                probe.volumes += 1
        self._sums.add(full, voxels, linked=index == self._last_kept + 1)
        self._last_kept = index

    def _due(self, index: int, t_s: float) -> list[Beta]:
        found = []
        for probe in list(self._waiting):
            if t_s - probe.stimulus.onset_s >= self._config.delay_s - 1e-9:
                self._waiting.remove(probe)
                x, ready = self._read(probe)
                if probe.column >= 0:
                    self._sums.clear(probe.column)
                s = probe.stimulus
                found.append(Beta(probe.number, s.onset_s, s.condition, index, x, ready))
        return found

    def _read(self, probe: _Probe) -> tuple[npt.NDArray[np.float32], bool]:
        mean = self._sums.mean()
        scale = np.divide(100.0, mean, out=np.zeros_like(mean), where=np.abs(mean) > 1e-6)
        if self._config.method == "mean":
            if probe.total is None:
                return np.zeros(len(mean), np.float32), False
            return (scale * (probe.total / probe.volumes - mean)).astype(np.float32), True
        contrast = np.zeros((1, self._base + 1))
        contrast[0, -2:] = 1.0
        columns = [*range(self._base), probe.column]
        fit = self._sums.fit(contrast, self._config.noise, columns, self._prior_sd)
        ready = bool(fit.estimable[0]) and fit.dof >= self._config.least_dof
        x = scale * fit.effect[0] if ready else np.zeros(len(mean))
        return x.astype(np.float32), ready
