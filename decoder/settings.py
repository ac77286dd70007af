"""Settings of a fit: frozen, validated all at once, kept in the bundle."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from decoder.classify import SHRINKAGES
from decoder.images.reconstruct import PictureSettings
from decoder.ridge import PENALTIES

__all__ = ["FitSettings"]

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Part = Annotated[float, Field(ge=0, le=1)]


class FitSettings(BaseModel):
    """How a decoder is fitted.

    Parameters
    ----------
    window : int
        Consecutive volumes in a window.
    combine : str
        ``mean`` decodes the mean of the window (few weights, less noise), ``concat`` gives every
        volume its own weights (can undo the haemodynamic blur).
    delay_s : float
        A percept at time t says what was seen at t - delay_s, in seconds. No delay suits every
        person (Handwerker et al. 2004, NeuroImage 21:1639), so the fit chooses it on training runs
        (`decoder.choose`) unless it is given; the bundle keeps it.
    per_event : bool
        Whether each row is the response to an event of its own (a beta): `delay_s` then says how
        long after the event it was taken, and targets are not shifted.
    period_s : float
        TR or epoch length, in seconds.
    normaliser : str
        ``running`` for volumes (`phosphene.normalise`), ``none`` for features that come ready.
    prior_weight : float
        Volumes that the running normaliser's prior mean is worth.
    penalties : tuple of float
        Candidate ridge penalties per feature.
    penalty_per : str
        ``target`` chooses a penalty for each column of z and c, ``head`` one for all of them.
    restore : tuple of float
        Candidate shares of the variance that ridge takes from its predictions and that is given
        back, 0 to 1; chosen by 2-way identification on left-out training groups.
    shrinkages : tuple of float
        Candidate shrinkages of the discriminant.
    folds : int
        Folds of groups in which these are chosen.
    committee : bool
        Whether categories come from a committee of waveforms and covariances (`decoder.committee`)
        instead of one discriminant; for epochs of EEG.
    pyriemann : bool
        Whether they come from one pipeline that pyRiemann fits (`decoder.eeg.pipelines`).
    convolution : bool
        Whether categories and c come from a compact convolution (`decoder.eeg`) instead; for epochs
        of EEG.
    pictures : PictureSettings, optional
        Where given, z, which is then grey pixels, comes from shapes and painters
        (`decoder.images`) instead of ridge; for one row a trial.
    frequencies_hz : tuple of float
        Where given, categories come from the power of EEG at these frequencies, in hertz
        (`decoder.power`).
    channels : int
        Channels of an epoch, 0 for what is no epoch.
    rate_hz : float
        Samples per second of an epoch, 0 for what is no epoch.
    seed : int
        Of permutations and bootstrap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: Annotated[int, Field(ge=1, le=32)] = 2
    combine: Literal["mean", "concat"] = "concat"
    delay_s: Annotated[float, Field(ge=0, le=30)] = 0.0
    per_event: bool = False
    period_s: Positive = 2.0
    normaliser: Literal["running", "none"] = "running"
    prior_weight: Annotated[float, Field(ge=0, le=10000)] = 10.0
    penalties: Annotated[tuple[Positive, ...], Field(min_length=1)] = PENALTIES
    penalty_per: Literal["target", "head"] = "target"
    restore: Annotated[tuple[Part, ...], Field(min_length=1)] = (0.0,)
    shrinkages: Annotated[tuple[Share, ...], Field(min_length=1)] = SHRINKAGES
    folds: Annotated[int, Field(ge=2, le=20)] = 4
    committee: bool = False
    convolution: bool = False
    pyriemann: bool = False
    pictures: PictureSettings | None = None
    frequencies_hz: tuple[Positive, ...] = ()
    channels: Annotated[int, Field(ge=0)] = 0
    rate_hz: Annotated[float, Field(ge=0)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
