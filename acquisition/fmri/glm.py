"""A general linear model of every voxel that grows with the run.

One `RunningGlm.step` per volume; `RunningGlm.fit` at any volume gives what an offline first-level
fit with AR(1) noise would give on the volumes so far (see `acquisition.fmri.ar1` for why that is
exact, causal and cheap).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.fmri.ar1 import LaggedSums
from acquisition.fmri.regressors import DesignConfig, Regressors, Stimulus
from phosphene.errors import CausalityError, ConfigError, InputError, check_all, problem

__all__ = ["GlmConfig", "GlmMap", "RunningGlm", "parse_contrast"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GlmConfig:
    """Settings of `RunningGlm`.

    Attributes
    ----------
    design : DesignConfig
        Regressors.
    noise : str
        ``ar1`` (a correlation for each voxel, in hundredths), ``pooled`` (one for all) or ``ols``.
    contrasts : tuple of str
        What is compared, for instance ``"face - house"``; empty compares each condition with rest.
    least_dof : int
        Degrees of freedom below which a map is not ready.
    """

    design: DesignConfig = field(default_factory=DesignConfig)
    noise: Literal["ar1", "pooled", "ols"] = "ar1"
    contrasts: tuple[str, ...] = ()
    least_dof: int = 10

    def __post_init__(self) -> None:
        found = []
        if self.noise not in ("ar1", "pooled", "ols"):
            found.append(problem("noise", self.noise, "ar1, pooled, ols", "Name one of them."))
        if self.least_dof < 1:
            found.append(problem("least_dof", self.least_dof, "1 or more", "Use 10."))
        check_all(found, ConfigError, "GLM")


@dataclass(frozen=True)
class GlmMap:
    """One contrast, so far.

    Attributes
    ----------
    contrast : str
        What is compared.
    t : array of float32 (voxels,)
        Student's t.
    effect : array of float32 (voxels,)
        Estimate in the unit of the data.
    sd : array of float32 (voxels,)
        Its standard error.
    dof : int
        Degrees of freedom.
    volumes : int
        Volumes that it rests on.
    ready : bool
        False while the volumes so far do not determine it, or hardly.
    """

    contrast: str
    t: npt.NDArray[np.float32] = field(repr=False)
    effect: npt.NDArray[np.float32] = field(repr=False)
    sd: npt.NDArray[np.float32] = field(repr=False)
    dof: int
    volumes: int
    ready: bool


class RunningGlm:
    """Models one run.

    Parameters
    ----------
    n_voxels : int
        Voxels of the mask.
    tr_s : float
        Repetition time in seconds.
    config : GlmConfig
        Settings.
    """

    def __init__(self, n_voxels: int, tr_s: float, config: GlmConfig | None = None) -> None:
        self._config = config or GlmConfig()
        self._regressors = Regressors(self._config.design, tr_s)
        self._sums = LaggedSums(n_voxels, len(self._regressors.names))
        self._last = self._last_kept = -1
        self._censored = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the design so far."""
        return self._regressors.names

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions so far."""
        return self._regressors.conditions

    @property
    def volumes(self) -> int:
        """Volumes in the model."""
        return self._sums.n

    @property
    def censored(self) -> int:
        """Volumes left out."""
        return self._censored

    def step(
        self,
        voxels: npt.NDArray[np.floating],
        index: int,
        motion: Array | None = None,
        stimuli: Sequence[Stimulus] = (),
        physio: Array | None = None,
        censor: bool = False,
    ) -> None:
        """Take in the next volume.

        Parameters
        ----------
        voxels : array (voxels,)
            Intensities of the mask, finite.
        index : int
            Number of the volume, above the last one's; numbers left out are gaps.
        motion : array (6,), optional
            Motion since the start of the run (mm, degrees).
        stimuli : sequence of Stimulus
            All that is known by now, in order of time; later ones do not count yet.
        physio : array, optional
            Physiological regressors; a volume without them is left out where they are expected.
        censor : bool
            True leaves the volume out, for spikes.

        Raises
        ------
        CausalityError
            If the number is not above the last one's.
        InputError
            If shapes differ or a value is not finite.
        """
        if index <= self._last:
            raise CausalityError(
                problem("index", index, f"above {self._last}", "Put volumes in order.")
            )
        if not np.isfinite(voxels).all():
            raise InputError(problem("voxels", "not finite", "finite", "Leave the volume out."))
        row = self._regressors.row(index, motion, stimuli, physio)
        self._last = index
        if censor or (self._config.design.physio and physio is None):
            self._censored += 1
            return
        if len(row) > self._sums.n_columns:
            self._sums.widen(len(row) - self._sums.n_columns)
        self._sums.add(row, voxels, linked=index == self._last_kept + 1)
        self._last_kept = index

    def fit(self, contrasts: Sequence[str] | None = None) -> list[GlmMap]:
        """Fit the volumes so far.

        Parameters
        ----------
        contrasts : sequence of str, optional
            Instead of those of the settings. Ones about conditions that have not come yet are
            given as not ready.

        Returns
        -------
        list of GlmMap
            One for each contrast.
        """
        wanted = tuple(contrasts or self._config.contrasts or self.conditions)
        if not wanted or not self._sums.n:
            return []
        if len(self.names) > self._sums.n_columns:  # a condition began with a censored volume
            self._sums.widen(len(self.names) - self._sums.n_columns)
        known = set(self.conditions)
        parsed = [parse_contrast(text) for text in wanted]
        weights = np.array([self._weights(p) for p in parsed])
        found = self._sums.fit(weights, self._config.noise)
        t, enough = found.t, found.dof >= self._config.least_dof
        return [
            GlmMap(
                text, t[k], found.effect[k], found.sd[k], found.dof, self._sums.n,
                bool(enough and found.estimable[k] and known >= parsed[k].keys()),
            )
            for k, text in enumerate(wanted)
        ]  # fmt: skip

    def _weights(self, contrast: Mapping[str, float]) -> Array:
        weights = np.zeros(len(self.names))
        at = dict(zip(self.conditions, self._regressors.columns, strict=True))
        for name, weight in contrast.items():
            if name in at:
                weights[at[name]] = weight
        return weights


def parse_contrast(text: str) -> dict[str, float]:
    """Read ``face``, ``face - house`` or ``0.5 * face + 0.5 * cat - house``.

    Plus and minus stand between spaces, so that names may contain them.

    Raises
    ------
    ConfigError
        If there is no name, or a name comes twice.
    """
    parts = re.split(r"\s+([+-])\s+", text.strip())
    signs = ["+", *parts[1::2]]
    weights: dict[str, float] = {}
    for sign, part in zip(signs, parts[::2], strict=True):
        match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)\s*\*\s*)?(\S.*)", part.strip())
        if match is None or match[2] in weights:
            raise ConfigError(
                problem("contrast", text, "names between ' + ' and ' - ', each once",
                        "Write for instance 'face - house'.")
            )  # fmt: skip
        weights[match[2]] = float(match[1] or 1.0) * (1.0 if sign == "+" else -1.0)
    return weights
