"""The part of a session file that tells how EEG is cleaned and cut."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["EegSettings"]


class EegSettings(BaseModel):
    """Cleaning and cutting of EEG.

    The defaults suit event-related responses to pictures; they were found on one recording of faces
    and houses, so figures on that recording lean on them (see docs/evaluation.md).

    Parameters
    ----------
    notch_hz : float or None
        Mains frequency to remove, in hertz.
    band_hz : tuple of float
        Pass band in hertz.
    reference : str
        ``average`` or ``none``.
    epoch_s : tuple of float
        Start and end of an epoch around its event, in seconds.
    baseline_s : tuple of float or None
        Interval whose mean is subtracted, in seconds around the event.
    decimated_hz : float
        Sampling rate of the features in hertz.
    window_s, step_s : float
        Length and step of sliding windows in seconds; used when nothing marks events.
    mode : str
        ``epochs`` on markers or sliding ``windows``.
    reject_uv : float
        Peak-to-peak amplitude in microvolts above which an epoch is flagged.
    bad_channels : tuple of str
        Channels known to be bad; others are found by themselves (flat, railed, noisy).
    interpolate : bool
        Whether bad channels are put together from their neighbours, where all names belong to the
        10-10 system; otherwise they are set to zero.
    asr_cutoff : float or None
        Standard deviations above clean data from which artefacts are taken out by artifact subspace
        reconstruction (ASR), usually 10 to 30; None does without. Clean data are those that the
        decoder was fitted on, or the first minute.
    asr_calibration_s : float
        Length of that first minute, in seconds.
    gradient_trigger : str or None
        For EEG inside the scanner: text of the markers with which volumes begin. The artefact of
        the gradients is subtracted.
    gradient_tr_s : float or None
        Repetition time of the volumes in seconds; needed with `gradient_trigger`.
    gradient_average : int
        Past volumes whose mean is the artefact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    notch_hz: Annotated[float, Field(gt=0)] | None = 50.0
    band_hz: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (0.3, 15.0)
    reference: Literal["average", "none"] = "none"
    epoch_s: tuple[float, float] = (0.0, 0.6)
    baseline_s: tuple[float, float] | None = None
    decimated_hz: Annotated[float, Field(gt=0)] = 32.0
    window_s: Annotated[float, Field(gt=0)] = 1.0
    step_s: Annotated[float, Field(gt=0)] = 0.5
    mode: Literal["epochs", "windows"] = "epochs"
    reject_uv: Annotated[float, Field(gt=0)] = 100.0
    bad_channels: tuple[str, ...] = ()
    interpolate: bool = False
    asr_cutoff: Annotated[float, Field(gt=0)] | None = None
    asr_calibration_s: Annotated[float, Field(ge=10, le=600)] = 60.0
    gradient_trigger: str | None = None
    gradient_tr_s: Annotated[float, Field(gt=0, le=30)] | None = None
    gradient_average: Annotated[int, Field(ge=1, le=100)] = 25

    @model_validator(mode="after")
    def _gradient(self) -> Self:
        if (self.gradient_trigger is None) != (self.gradient_tr_s is None):
            raise ValueError("gradient_trigger and gradient_tr_s need each other")
        return self

    @field_validator("band_hz", "epoch_s", "baseline_s")
    @classmethod
    def _rising(cls, edges: tuple[float, float] | None) -> tuple[float, float] | None:
        if edges is not None and edges[0] >= edges[1]:
            raise ValueError("the first number must lie below the second")
        return edges

    @model_validator(mode="after")
    def _baseline(self) -> Self:
        if self.baseline_s is not None and self.baseline_s[1] > self.epoch_s[1]:
            raise ValueError(
                f"baseline_s {self.baseline_s} must not end after epoch_s {self.epoch_s}: "
                "the epoch would wait for it"
            )
        return self
