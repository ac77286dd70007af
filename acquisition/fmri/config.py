"""What the steps from a raw volume to features need to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.fmri.clean import BaselineStats, CleanConfig
from acquisition.fmri.quality import QualityConfig
from acquisition.fmri.realign import RealignConfig
from acquisition.fmri.slicetime import ORDERS, SliceTiming
from acquisition.fmri.volume import Volume
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["FmriConfig"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FmriConfig:
    """What `FmriCore` needs to know about a run.

    Attributes
    ----------
    tr_s : float or None
        Repetition time in seconds; None takes the first volume's.
    reference : Volume or None
        Volume to align to, such as the calibration run's; None takes the first one.
    mask : array of bool (X, Y, Z) or None
        Voxels that become features, on the reference's grid; None finds the brain in the
        reference.
    rois : mapping of str to array of bool (X, Y, Z)
        Regions to report, on the reference's grid.
    stats : BaselineStats or None
        Statistics of the calibration run, one per voxel of `mask`; None scales by the run itself.
    realign : "auto", "on" or "off"
        "auto" realigns where the volumes have 8 slices or more.
    slice_timing : "off", "linear" or "cubic"
        Whether every slice is put to the moment of the first, see `acquisition.fmri.slicetime`.
    smooth_mm : float
        Smoothing of features and regions, full width at half maximum in millimetres.
    scale : bool
        Whether features are cleaned and scaled here; False leaves them empty, for those who take
        `FmriStep.signal`.
    """

    tr_s: float | None = None
    reference: Volume | None = None
    mask: Mask | None = field(default=None, repr=False)
    rois: Mapping[str, Mask] = field(default_factory=dict, repr=False)
    stats: BaselineStats | None = None
    realign: Literal["auto", "on", "off"] = "auto"
    slice_timing: SliceTiming = "off"
    smooth_mm: float = 0.0
    scale: bool = True
    realignment: RealignConfig = field(default_factory=RealignConfig)
    cleaning: CleanConfig = field(default_factory=CleanConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)

    def __post_init__(self) -> None:
        found = []
        if self.tr_s is not None and not self.tr_s > 0:
            found.append(problem("tr_s", self.tr_s, "above 0 seconds", "Correct it."))
        if self.realign not in ("auto", "on", "off"):
            found.append(problem("realign", self.realign, "auto, on, off", "Name one of them."))
        if self.slice_timing not in ("off", *ORDERS):
            allowed = ", ".join(("off", *ORDERS))
            found.append(problem("slice_timing", self.slice_timing, allowed, "Name one of them."))
        if self.stats is not None and self.mask is None:
            found.append(problem("stats", "without a mask", "mask and stats", "Give the mask too."))
        check_all(found, ConfigError, "fMRI")
