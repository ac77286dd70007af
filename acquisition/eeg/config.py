"""Settings of the EEG chain, checked once and then frozen.

The defaults of the filter, the epoch and the feature rate are a recipe that separates pictures of
faces from pictures of houses in left-out runs of real 4-channel data, with a linear discriminant
(covariance shrunk by 0.15 towards a multiple of the identity) on the flattened features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phosphene.errors import ConfigError, check_all, problem

__all__ = [
    "AsrConfig",
    "EegConfig",
    "EpochConfig",
    "FilterConfig",
    "GradientConfig",
    "QualityConfig",
    "WindowConfig",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FilterConfig(_Frozen):
    """Causal Butterworth filters.

    Attributes
    ----------
    low_hz, high_hz : float or None
        Edges of the pass band in hertz; None leaves that side open.
    low_order, high_order : int
        Order of the high-pass at `low_hz` and of the low-pass at `high_hz`.
    notch_hz : tuple of float
        Frequencies to remove, in hertz (line hum and its harmonics).
    notch_q : float
        Quality of each notch: centre frequency over width.
    """

    low_hz: float | None = Field(default=0.3, gt=0)
    high_hz: float | None = Field(default=15.0, gt=0)
    low_order: int = Field(default=1, ge=1, le=8)
    high_order: int = Field(default=4, ge=1, le=8)
    notch_hz: tuple[float, ...] = ()
    notch_q: float = Field(default=30.0, gt=0)


class EpochConfig(_Frozen):
    """Epochs around markers.

    Attributes
    ----------
    start_s, stop_s : float
        First and last edge relative to the marker, in seconds.
    baseline_s : tuple of float or None
        Edges of the interval whose mean is subtracted, in seconds relative to the marker.
    labels : tuple of str or None
        Labels that open an epoch; None takes every label.
    """

    start_s: float = 0.0
    stop_s: float = 0.6
    baseline_s: tuple[float, float] | None = None
    labels: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _edges(self) -> Self:
        if self.stop_s <= self.start_s:
            raise ValueError(f"stop_s {self.stop_s} must lie after start_s {self.start_s}")
        if self.baseline_s is not None and self.baseline_s[1] <= self.baseline_s[0]:
            raise ValueError(f"baseline_s {self.baseline_s} must have its end after its start")
        if self.baseline_s is not None and self.baseline_s[1] > self.stop_s:
            raise ValueError("baseline_s must not end after stop_s: the epoch would wait for it")
        return self


class WindowConfig(_Frozen):
    """Sliding windows of `length_s` seconds, one every `hop_s` seconds."""

    length_s: float = Field(default=1.0, gt=0)
    hop_s: float = Field(default=0.5, gt=0)


class QualityConfig(_Frozen):
    """Limits of the channel checks.

    Attributes
    ----------
    flat_uv : float
        A channel that moves less than this within one step, in microvolts, is flat.
    rail_uv : float or None
        Level that the amplifier cannot exceed, in microvolts; None looks for clipping alone.
    rail_fraction : float
        A channel is railed when more than this fraction of samples sits at one extreme.
    noisy_uv : float
        Root mean square of sample-to-sample steps above which a channel is noisy, in microvolts.
    noisy_ratio : float
        The same relative to the median channel.
    held_fraction : float
        A channel with more than this fraction of held samples is unusable.
    large_uv : float
        Peak-to-peak amplitude of a filtered step that flags it for rejection, in microvolts.
    """

    flat_uv: float = Field(default=0.1, ge=0)
    rail_uv: float | None = Field(default=None, gt=0)
    rail_fraction: float = Field(default=0.2, gt=0, le=1)
    noisy_uv: float = Field(default=80.0, gt=0)
    noisy_ratio: float = Field(default=8.0, gt=1)
    held_fraction: float = Field(default=0.25, ge=0, le=1)
    large_uv: float = Field(default=100.0, gt=0)


class AsrConfig(_Frozen):
    """Artifact subspace reconstruction (`acquisition.eeg.asr`).

    Attributes
    ----------
    cutoff : float
        Standard deviations above the mean amplitude of clean data that are let through.
    calibration_s : float
        Seconds at the start of a stream that are learned from where no model is given.
    """

    cutoff: float = Field(default=20.0, gt=0)
    calibration_s: float = Field(default=60.0, ge=10)


class GradientConfig(_Frozen):
    """Subtraction of the scanner's gradient artefact (`acquisition.eeg.gradient`).

    Attributes
    ----------
    tr_s : float
        Time from one trigger to the next, in seconds.
    n_average, least : int
        Past volumes in a template, and those before there is one.
    wait_s : float
        How late a trigger may come behind its samples, in seconds; all samples are held back by it.
    """

    tr_s: float = Field(gt=0)
    n_average: int = Field(default=25, ge=1)
    least: int = Field(default=5, ge=1)
    wait_s: float = Field(default=0.1, ge=0)


class EegConfig(_Frozen):
    """Everything that `EegCore` needs to know.

    Attributes
    ----------
    fs_hz : float
        Sampling rate in hertz.
    channel_names : tuple of str
        One name per column of the samples.
    filter, quality : FilterConfig, QualityConfig
        See there.
    epoch : EpochConfig or None
        None makes no epochs.
    window : WindowConfig or None
        None makes no sliding windows.
    feature_rate_max_hz : float
        Samples are averaged in blocks, the smallest whole number that does not exceed this rate.
    reference : {"none", "average"}
        "average" subtracts the mean over the usable channels of each step.
    history_s : float
        How late a marker may arrive behind the data, in seconds.
    max_gap_s : float
        A gap up to this is bridged with held values; a longer one restarts the filter.
    max_pending : int
        Markers that may wait for their data.
    bad_channels : tuple of str
        Channels that are known to be bad, whatever is measured.
    interpolate : bool
        Whether bad channels are put together from the good ones around them, where the places of
        all are known by their names; otherwise they are set to zero.
    asr, gradient : AsrConfig or None, GradientConfig or None
        See there; None leaves it out.
    """

    fs_hz: float = Field(gt=0)
    channel_names: tuple[str, ...] = Field(min_length=1)
    filter: FilterConfig = FilterConfig()
    epoch: EpochConfig | None = EpochConfig()
    window: WindowConfig | None = None
    quality: QualityConfig = QualityConfig()
    feature_rate_max_hz: float = Field(default=32.0, gt=0)
    reference: Literal["none", "average"] = "none"
    history_s: float = Field(default=10.0, gt=0)
    max_gap_s: float = Field(default=1.0, ge=0)
    max_pending: int = Field(default=1024, ge=1)
    bad_channels: tuple[str, ...] = ()
    interpolate: bool = False
    asr: AsrConfig | None = None
    gradient: GradientConfig | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        half_hz = self.fs_hz / 2
        edges = [self.filter.low_hz, self.filter.high_hz, *self.filter.notch_hz]
        above = [edge for edge in edges if edge is not None and edge >= half_hz]
        if above:
            raise ValueError(f"filter frequencies {above} Hz must lie below {half_hz} Hz")
        low_hz, high_hz = self.filter.low_hz, self.filter.high_hz
        if low_hz is not None and high_hz is not None and low_hz >= high_hz:
            raise ValueError(f"low_hz {low_hz} must lie below high_hz {high_hz}")
        if len(set(self.channel_names)) != len(self.channel_names):
            raise ValueError("channel_names must be unique")
        strange = [name for name in self.bad_channels if name not in self.channel_names]
        if strange:
            raise ValueError(f"bad_channels {strange} are not among {self.channel_names}")
        shortest_s = self.decimation / self.fs_hz
        spans = [s for s in (self._epoch_s, self.window and self.window.length_s) if s]
        if any(span_s < shortest_s for span_s in spans):
            raise ValueError(f"a step must last at least one feature sample, {shortest_s} s")
        return self

    @property
    def _epoch_s(self) -> float | None:
        return self.epoch.stop_s - self.epoch.start_s if self.epoch else None

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.channel_names)

    @property
    def decimation(self) -> int:
        """Samples per feature sample."""
        return max(1, math.ceil(self.fs_hz / self.feature_rate_max_hz - 1e-9))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> EegConfig:
        """Check settings that come from a file or another process.

        Parameters
        ----------
        values : Mapping
            Names and values as in the attributes.

        Returns
        -------
        EegConfig
            The frozen settings.

        Raises
        ------
        ConfigError
            With every setting that is wrong.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            lines = [
                problem(
                    ".".join(str(part) for part in detail["loc"]) or "eeg",
                    detail["input"] if detail["loc"] else "the settings together",
                    detail["msg"],
                    "Correct the EEG settings.",
                )
                for detail in error.errors()
            ]
            check_all(lines, ConfigError, "EEG settings")
            raise
