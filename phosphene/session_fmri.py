"""The part of a session file that tells how fMRI volumes are cleaned, modelled and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phosphene.quality import FD_HIGH_MM, FD_LOW_MM

__all__ = ["FmriSettings"]


class FmriSettings(BaseModel):
    """Cleaning of fMRI volumes.

    Parameters
    ----------
    tr_s : float or None
        Repetition time in seconds; None takes it from the data.
    realign : str
        ``auto`` corrects motion where a volume has at least 8 slices.
    slice_timing : str
        ``off``, or how each slice is put to the moment of the first one: ``linear`` or ``cubic`` in
        time, from this and earlier volumes only (`acquisition.fmri.slicetime` tells the price).
    smooth_mm : float
        Full width at half maximum of spatial smoothing in millimetres; 0 for none. Features,
        regions and maps are smoothed; quality is told of the volumes before it.
    warmup_volumes : int
        Volumes before the running statistics are believed, where no bundle gives statistics.
    features : str
        What is decoded: ``volume``, or ``beta``, one estimate for each event.
    beta_delay_s : float
        How long after an event its beta is taken, in seconds: the person's haemodynamic delay
        with the volumes that the estimate needs.
    fd_low_mm, fd_high_mm : float
        Framewise displacement (Power) to watch, and that of a spike, in millimetres.
    contrasts : tuple of str
        What maps compare, for instance ``"face - house"``; a condition alone is against rest.
        Empty: all conditions together, and each pair's difference where there are two.
    high_pass_s : float
        Period, in seconds, of the fastest drift that the maps' model follows. Nothing need be known
        of the run's length: the model grows by a column every half of it.
    drift_order : int or None
        Polynomials up to this power instead, however long the run is.
    run_length_s : float or None
        Announced length of the run in seconds: cosines instead, as offline programs take them.
    hrf : str
        Response of the maps' model, ``glover`` or ``spm``.
    motion_regressors : int
        How many columns of motion the maps' model has: 0, 6 or 24.
    noise : str
        Noise of the maps' model: ``ar1``, ``pooled`` (one correlation for all voxels) or ``ols``.
    physio : Path or None
        BIDS recording of heart and breathing (``_physio.tsv.gz``, its ``.json`` beside it) of a run
        that is replayed or simulated: RETROICOR columns for the maps' model.
    reference : Path or None
        Volume of an earlier run, or a template of this contrast, to align to instead of the first
        volume; only without a bundle, which brings its own.
    rois : dict
        Name to NIfTI mask file of regions whose mean is shown.
    mask : Path or None
        NIfTI mask of the voxels to take, where no bundle gives one; None finds the brain.
    rois_reference : Path or None
        Picture that regions and mask were drawn on, or the atlas's template. None: they lie in this
        scan's own coordinates.
    registration : str
        How that picture is laid on the run: ``rigid`` (the same person's echo-planar volume) or
        ``affine`` (another head, such as a template).
    roi_inside : float
        Least part of a region that must lie within the volumes, 0 to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tr_s: Annotated[float, Field(gt=0, le=30)] | None = None
    realign: Literal["auto", "on", "off"] = "auto"
    slice_timing: Literal["off", "linear", "cubic"] = "off"
    smooth_mm: Annotated[float, Field(ge=0, le=20)] = 0.0
    warmup_volumes: Annotated[int, Field(ge=2, le=1000)] = 10
    features: Literal["volume", "beta"] = "volume"
    beta_delay_s: Annotated[float, Field(gt=0, le=60)] = 8.0
    fd_low_mm: Annotated[float, Field(gt=0, le=10)] = FD_LOW_MM
    fd_high_mm: Annotated[float, Field(gt=0, le=10)] = FD_HIGH_MM
    contrasts: tuple[str, ...] = ()
    high_pass_s: Annotated[float, Field(ge=20, le=3600)] = 128.0
    drift_order: Annotated[int, Field(ge=0, le=6)] | None = None
    run_length_s: Annotated[float, Field(gt=0, le=86400)] | None = None
    hrf: Literal["glover", "spm"] = "glover"
    motion_regressors: Literal[0, 6, 24] = 6
    noise: Literal["ar1", "pooled", "ols"] = "ar1"
    physio: Path | None = None
    reference: Path | None = None
    rois: dict[str, Path] = {}
    mask: Path | None = None
    rois_reference: Path | None = None
    registration: Literal["rigid", "affine"] = "rigid"
    roi_inside: Annotated[float, Field(gt=0, le=1)] = 0.8

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.fd_low_mm > self.fd_high_mm:
            raise ValueError("fd_low_mm must not be above fd_high_mm")
        if self.drift_order is not None and self.run_length_s is not None:
            raise ValueError(
                "drift_order takes polynomials and run_length_s cosines; name one of them"
            )
        return self
