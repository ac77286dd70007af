"""From volumes to the features that a decoder takes: the core, then the bundle's normaliser."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from acquisition.fmri.betas import Beta
from acquisition.fmri.clean import CleanConfig
from acquisition.fmri.config import FmriConfig
from acquisition.fmri.core import FmriCore, FmriStep
from acquisition.fmri.quality import QualityConfig
from acquisition.fmri.regressors import Stimulus
from acquisition.fmri.volume import Volume
from acquisition.fmri_betas import BetaMaker
from acquisition.settings import FmriPrior
from phosphene import quality as names
from phosphene.normalise import RunningNormaliser
from phosphene.session import FmriSettings

__all__ = ["BetaResult", "FmriChain", "FmriResult", "end_of_volume_s", "quality_values"]


@dataclass(frozen=True)
class BetaResult:
    """The response to one event.

    Attributes
    ----------
    number : int
        Of the event among those that get a beta, from 0.
    onset_s : float
        Of the event, in seconds after the start of volume 0.
    condition : str
        Its kind.
    x : ndarray of float32 (voxels,)
        Features for the decoder.
    raw : ndarray of float32 (voxels,)
        The same before the bundle's normaliser, in percent.
    ready : bool
        Whether the volumes so far determine it.
    """

    number: int
    onset_s: float
    condition: str
    x: npt.NDArray[np.float32] = field(repr=False)
    raw: npt.NDArray[np.float32] = field(repr=False)
    ready: bool


@dataclass(frozen=True)
class FmriResult:
    """What one volume gives.

    Attributes
    ----------
    x : ndarray of float32 (voxels,) or None
        Features for the decoder; None when there is quality only.
    raw : ndarray of float32 (voxels,)
        Signal of the mask after realignment and smoothing, not normalised.
    ready : bool
        Whether the features may be decoded.
    mask_hash : str
        Mask that they follow.
    quality : dict of str to float
        Figures by name with unit, see `phosphene.quality`.
    step : FmriStep
        Everything that the core found.
    betas : tuple of BetaResult
        Responses to events whose time has come with this volume, where features are betas.
    """

    x: npt.NDArray[np.float32] | None = field(repr=False)
    raw: npt.NDArray[np.float32] = field(repr=False)
    ready: bool
    mask_hash: str
    quality: dict[str, float]
    step: FmriStep = field(repr=False)
    betas: tuple[BetaResult, ...] = ()


class FmriChain:
    """Processes one run.

    Parameters
    ----------
    settings : FmriSettings
        From the session or the bundle.
    tr_s : float
        Repetition time in seconds.
    prior : FmriPrior or None
        The bundle's mask and statistics. None finds the brain and scales by the run itself.
    rois : mapping of str to ndarray of bool
        Regions to report.
    mask : ndarray of bool (X, Y, Z), optional
        Voxels to take where there is no prior.
    reference : Volume, optional
        Volume to align to where there is no prior; by default the first.
    first_beta : int
        Number of the first beta; not 0 where an earlier process of the run has told some.
    """

    def __init__(
        self,
        settings: FmriSettings,
        tr_s: float,
        prior: FmriPrior | None = None,
        rois: Mapping[str, npt.NDArray[np.bool_]] | None = None,
        mask: npt.NDArray[np.bool_] | None = None,
        reference: Volume | None = None,
        first_beta: int = 0,
    ) -> None:
        self._settings, self._tr_s, self._prior = settings, tr_s, prior
        self._rois, self._mask, self._given = dict(rois or {}), mask, reference
        self._core: FmriCore | None = None
        self._normaliser: RunningNormaliser | None = None
        self._refused = False
        self._betas: BetaMaker | None = None
        self._first_beta = first_beta
        self.trouble = ""

    @property
    def core(self) -> FmriCore:
        """The core; made with the first volume, before that an empty one."""
        return self._core or FmriCore()

    def step(self, volume: Volume, known: Sequence[Stimulus] = ()) -> FmriResult:
        """Process the next volume.

        Parameters
        ----------
        volume : Volume
            See `acquisition.fmri.core.FmriCore.step`, also for the errors.
        known : sequence of Stimulus
            What was shown so far, in order of time; only betas need it.
        """
        if self._core is None:
            self._core = self._begin(volume)
        began_s = time.perf_counter()
        step = self._core.step(volume)
        _, mask = self._core.ground()
        raw = step.signal[mask]
        betas = self._respond(step, raw, known) if self._of_events() else ()
        x, ready = (None, False) if self._of_events() else self._features(step, raw)
        quality = quality_values(step)
        if not math.isnan(step.residual):
            low, high = self._settings.fd_low_mm, self._settings.fd_high_mm
            quality |= {names.FD_LOW: low, names.FD_HIGH: high}
        quality[names.STEP] = (time.perf_counter() - began_s) * 1e3
        return FmriResult(x, raw, ready, self._core.mask_hash, quality, step, betas)

    def _begin(self, first: Volume) -> FmriCore:
        prior = self._prior
        if prior is not None and prior.mask.shape != first.data.shape:
            self.trouble = (
                f"the bundle's mask has {prior.mask.shape} voxels, the volumes {first.data.shape}: "
                "quality control only; scan with the protocol of the calibration, or fit anew"
            )
            prior = self._prior = None
            self._refused = True
        reference, mask = self._given, self._mask
        if prior is not None:
            mask, reference = prior.mask, None
            if prior.reference is not None:
                reference = Volume(prior.reference, prior.affine, 0, self._tr_s)
            self._normaliser = RunningNormaliser(prior.mean, prior.std, prior.weight)
        return FmriCore(
            FmriConfig(
                tr_s=self._tr_s,
                reference=reference,
                mask=mask,
                rois=self._fitting(first),
                realign=self._settings.realign,
                slice_timing=self._settings.slice_timing,
                smooth_mm=self._settings.smooth_mm,
                scale=self._normaliser is None and not self._of_events(),
                quality=QualityConfig(spike_fd_mm=self._settings.fd_high_mm),
                cleaning=CleanConfig(warmup_volumes=max(3, self._settings.warmup_volumes)),
            )
        )

    def _fitting(self, first: Volume) -> dict[str, npt.NDArray[np.bool_]]:
        """Return the regions on the volumes' grid; tell of the others."""
        fits = {n: m for n, m in self._rois.items() if m.shape == first.data.shape and m.any()}
        for name in self._rois.keys() - fits.keys():
            self.trouble = self.trouble or (
                f"region {name!r} has {self._rois[name].shape} voxels, the volumes "
                f"{first.data.shape}: it is not shown; resample its mask to the volumes"
            )
        return fits

    def _of_events(self) -> bool:
        return self._settings.features == "beta"

    def _respond(
        self, step: FmriStep, raw: npt.NDArray[np.float32], known: Sequence[Stimulus]
    ) -> tuple[BetaResult, ...]:
        """Return the betas that are complete with this volume."""
        if self._refused:
            return ()
        if self._betas is None:
            delay_s = self._settings.beta_delay_s
            self._betas = BetaMaker(self.core, self._tr_s, delay_s, self._first_beta)
        return tuple(self._beta(beta) for beta in self._betas.step(step, raw, known))

    def _beta(self, beta: Beta) -> BetaResult:
        x = beta.x
        if self._normaliser is not None and beta.ready:
            x = self._normaliser.step(beta.x)
        return BetaResult(beta.number, beta.onset_s, beta.condition, x, beta.x, beta.ready)

    def _features(
        self, step: FmriStep, raw: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32] | None, bool]:
        if self._normaliser is not None:
            return self._normaliser.step(raw, learn=not step.spike), True
        return (None, False) if self._refused else (step.features, step.ready)


def end_of_volume_s(index: int, tr_s: float) -> float:
    """Return when the acquisition of a volume ends after the start of volume 0, in seconds."""
    return (index + 1) * tr_s


def quality_values(step: FmriStep) -> dict[str, float]:
    """Return the figures of one volume by name with unit; those not known yet are left out."""
    told = step.quality
    values = {
        names.DVARS: told.dvars_psc,
        names.TSNR: told.tsnr,
        names.DRIFT: told.drift_psc_per_min,
        names.SPIKE: float(told.spike),
        **{names.region_key(name): value for name, value in step.roi_psc.items()},
    }
    if not math.isnan(step.residual):
        # Where nothing is realigned, nothing is known of the head's movement.
        moved = zip(names.MOTION, step.motion_mm_deg.tolist(), strict=True)
        values |= {names.FD: told.fd_mm, names.FD_JENKINSON: told.fd_jenkinson_mm, **dict(moved)}
        values[names.RESIDUAL] = step.residual
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}
