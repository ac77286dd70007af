"""Where the brain follows the conditions: the general linear model of a run, and maps of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.fmri.core import FmriCore, FmriStep
from acquisition.fmri.glm import GlmConfig, GlmMap, RunningGlm, parse_contrast
from acquisition.fmri.mask import brain_mask
from acquisition.fmri.regressors import DesignConfig, Stimulus
from acquisition.fmri.volume import Volume
from acquisition.fmri_physio import PhysioFile, RunningPhysio
from acquisition.regions import grey
from phosphene.errors import InputError, PhospheneError
from phosphene.session import FmriSettings

__all__ = ["BrainMap", "Events", "MapMaker", "default_contrasts", "glm_config"]

Mask = npt.NDArray[np.bool_]

_MOST_SHOWN = 96


class Events:
    """What was shown so far, in order of time.

    A stimulus may only be told of once: a bridge that starts again repeats its markers, and those
    are left out before they come here.
    """

    def __init__(self) -> None:
        self._known: list[Stimulus] = []

    @property
    def known(self) -> Sequence[Stimulus]:
        """All so far."""
        return self._known

    def add(self, onset_s: float, label: str, duration_s: float | None) -> None:
        """Take in one event; times in seconds after the start of volume 0."""
        self._known.append(Stimulus(onset_s, label, duration_s))
        if len(self._known) > 1 and onset_s < self._known[-2].onset_s:
            self._known.sort(key=lambda stimulus: stimulus.onset_s)


@dataclass(frozen=True)
class BrainMap:
    """One contrast on a grid.

    Attributes
    ----------
    contrast : str
        What is compared.
    index : int
        Last volume in it.
    t : ndarray of float32 (X, Y, Z)
        Student's t, 0 outside the brain.
    underlay : ndarray of uint8 (X, Y, Z)
        The reference volume, for the eye.
    affine : ndarray (4, 4)
        Voxel to millimetres.
    dof : int
        Degrees of freedom.
    """

    contrast: str
    index: int
    t: npt.NDArray[np.float32] = field(repr=False)
    underlay: npt.NDArray[np.uint8] = field(repr=False)
    affine: npt.NDArray[np.float64] = field(repr=False)
    dof: int


class MapMaker:
    """Models one run, voxel by voxel, in the brain and wherever is decoded.

    Parameters
    ----------
    core : FmriCore
        After its first volume.
    tr_s : float
        Repetition time in seconds.
    contrasts : tuple of str
        What is compared; empty takes `default_contrasts`.
    settings : FmriSettings, optional
        Response, drift, motion and noise of the model.
    physio : PhysioFile, optional
        Heart and breathing during the run.
    """

    def __init__(
        self,
        core: FmriCore,
        tr_s: float,
        contrasts: tuple[str, ...] = (),
        settings: FmriSettings | None = None,
        physio: PhysioFile | None = None,
    ) -> None:
        reference, mask = core.ground()
        self._reference, self._contrasts = reference, contrasts
        self._mask = mask | _brain(reference)
        at = float(np.clip(core.sampled_s / tr_s, 0.0, 1.0))
        self._sampled_s, self._tr_s = at * tr_s, tr_s
        self._physio = None if physio is None else RunningPhysio(physio)
        n_physio = 0 if self._physio is None else self._physio.count
        config = glm_config(settings or FmriSettings(), at, n_physio)
        self._glm = RunningGlm(int(self._mask.sum()), tr_s, config)
        self._start: npt.NDArray[np.float64] | None = None
        self._index = -1

    @property
    def index(self) -> int:
        """Last volume taken in, -1 before any."""
        return self._index

    def step(self, step: FmriStep, known: Sequence[Stimulus]) -> None:
        """Take in a volume and what was shown until now."""
        if self._start is None:
            self._start = step.motion_mm_deg
        self._glm.step(
            step.signal[self._mask],
            step.index,
            motion=step.motion_mm_deg - self._start,
            stimuli=known,
            physio=self._heart_and_breath(step.index),
            censor=step.spike,
        )
        self._index = step.index

    def _heart_and_breath(self, index: int) -> npt.NDArray[np.float64] | None:
        if self._physio is None:
            return None
        return self._physio.step(index * self._tr_s + self._sampled_s)

    def shown(self) -> BrainMap | None:
        """Return the first contrast as it is now, thinned out for the eye; None while unknown."""
        wanted = self._wanted()[:1]
        made = next((m for m in self._glm.fit(wanted) if m.ready), None) if wanted else None
        if made is None:
            return None
        thin = tuple(-(-n // _MOST_SHOWN) for n in self._mask.shape)
        every = tuple(slice(None, None, n) for n in thin)
        affine = self._reference.affine @ np.diag([*map(float, thin), 1.0])
        full = self._on_grid(made)
        return BrainMap(
            made.contrast, self._index, np.ascontiguousarray(full[every]),
            grey(self._reference.data[every]), affine, made.dof,
        )  # fmt: skip

    def all(self) -> Iterator[BrainMap]:
        """Yield every contrast that is known, on the full grid."""
        wanted, under = self._wanted(), grey(self._reference.data)
        for made in self._glm.fit(wanted) if wanted else ():
            if made.ready:
                yield BrainMap(
                    made.contrast, self._index, self._on_grid(made), under,
                    self._reference.affine, made.dof,
                )  # fmt: skip

    def _wanted(self) -> tuple[str, ...]:
        return self._contrasts or default_contrasts(self._glm.conditions)

    def _on_grid(self, made: GlmMap) -> npt.NDArray[np.float32]:
        full = np.zeros(self._mask.shape, np.float32)
        full[self._mask] = made.t
        return full


def glm_config(settings: FmriSettings, sample_at: float, n_physio: int = 0) -> GlmConfig:
    """Return the model that the settings ask for.

    Parameters
    ----------
    settings : FmriSettings
        Of the session.
    sample_at : float
        When a volume counts as measured, as a part of the TR.
    n_physio : int
        Columns of heart and breathing.
    """
    drift: Literal["polynomial", "spline", "cosine"] = "spline"
    if settings.run_length_s is not None:
        drift = "cosine"
    elif settings.drift_order is not None:
        drift = "polynomial"
    design = DesignConfig(
        hrf=settings.hrf,
        drift=drift,
        drift_order=settings.drift_order or 0,
        high_pass_s=settings.high_pass_s,
        run_length_s=settings.run_length_s,
        motion=settings.motion_regressors,
        physio=n_physio,
        sample_at=sample_at,
    )
    return GlmConfig(design, settings.noise)


def default_contrasts(conditions: Sequence[str]) -> tuple[str, ...]:
    """Return what is compared where nobody says: all together, each alone, two with each other.

    In alphabetical order, so that two runs call the same thing the same; names that cannot stand
    in a contrast are left out.
    """
    names = sorted(name for name in conditions if _plain(name))
    if len(names) < 2:
        return tuple(names)
    share = f"{1 / len(names):.4f}"
    together = " + ".join(f"{share} * {name}" for name in names)
    pair = (" - ".join(names),) if len(names) == 2 else ()
    return (*pair, together, *names)


def _plain(name: str) -> bool:
    """Tell whether a name means itself in a contrast."""
    try:
        from_text = parse_contrast(name)
    except PhospheneError:
        return False
    return from_text == {name: 1.0}


def _brain(reference: Volume) -> Mask:
    try:
        return brain_mask(reference.data)
    except InputError:
        return np.zeros(reference.data.shape, np.bool_)
