"""From EEG samples and markers to the features that a decoder takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.eeg.asr import AsrModel
from acquisition.eeg.config import EegConfig
from acquisition.eeg.core import EegCore, EegStep
from acquisition.eeg.mains import MainsWatch
from acquisition.settings import eeg_config, layout_hash
from phosphene.errors import InputError, problem
from phosphene.session import EegSettings

__all__ = ["EegChain", "EegResult", "SecondQuality", "columns_of"]


@dataclass(frozen=True)
class EegResult:
    """One epoch or window.

    Attributes
    ----------
    x : ndarray of float32 (channels * times,)
        Microvolts, channel by channel.
    kind : str
        ``eeg-epoch`` or ``eeg-window``.
    index : int
        Number since the start of the run.
    t_data : float
        Data time of the newest sample used, in seconds.
    t_event : float or None
        Data time of the event, in seconds.
    label : str or None
        What the event was called; never an input of a decoder.
    ready : bool
        False while the filter settles.
    rejected : bool
        True when amplitude or channels speak against it.
    mask_hash : str
        Channel layout that ``x`` follows.
    """

    x: npt.NDArray[np.float32] = field(repr=False)
    kind: Literal["eeg-epoch", "eeg-window"]
    index: int
    t_data: float
    t_event: float | None
    label: str | None
    ready: bool
    rejected: bool
    mask_hash: str
    _step: EegStep = field(repr=False)
    _channels: tuple[str, ...] = field(repr=False)
    _delays_ms: dict[str, float] = field(repr=False)

    @property
    def quality(self) -> dict[str, float]:
        """Figures by name with unit; made when asked for, as nobody waits for them."""
        step, names = self._step, self._channels
        ptp_uv = np.ptp(step.features, axis=1).tolist()
        return {
            "bad_channels": float(np.count_nonzero(step.quality)),
            "rejected": float(step.rejected),
            "held_samples": float(step.n_held),
            **self._delays_ms,
            **{f"ptp_{n}_uv": v for n, v in zip(names, ptp_uv, strict=True)},
            **{f"flags_{n}": float(v) for n, v in zip(names, step.quality.tolist(), strict=True)},
        }


def columns_of(channels: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return where the wanted channels are in a stream.

    Raises
    ------
    InputError
        Naming all that are missing.
    """
    missing = [name for name in wanted if name not in channels]
    if missing:
        raise InputError(
            problem("channels", f"without {', '.join(missing)}", ", ".join(wanted),
                    "Use the cap of the calibration, or fit the decoder anew.")
        )  # fmt: skip
    return [list(channels).index(name) for name in wanted]


class EegChain:
    """Processes one stream.

    Parameters
    ----------
    settings : EegSettings
        From the session or the bundle.
    fs_hz : float
        Sampling rate in hertz.
    channels : sequence of str
        Channels of the stream.
    wanted : sequence of str
        Channels that a bundle wants, in its order; empty takes all.
    first_sample : int
        Number of the first sample expected.
    first_step : int
        Number of the first epoch or window.
    asr : AsrModel, optional
        What clean data look like, where the settings ask for artifact subspace reconstruction.

    Raises
    ------
    InputError
        If the stream lacks wanted channels.
    ConfigError
        If the settings do not fit the stream.
    """

    def __init__(
        self,
        settings: EegSettings,
        fs_hz: float,
        channels: Sequence[str],
        wanted: Sequence[str] = (),
        first_sample: int = 0,
        first_step: int = 0,
        asr: AsrModel | None = None,
    ) -> None:
        names = tuple(wanted or channels)
        columns = columns_of(channels, names)
        self._columns = None if columns == list(range(len(channels))) else columns
        self.config: EegConfig = eeg_config(settings, fs_hz, names)
        self.mask_hash = layout_hash(self.config)
        self.core = EegCore(self.config, first_sample, asr)
        self._first_step, self._trigger = first_step, settings.gradient_trigger
        self._delays_ms = self.core.cleaner.delays_ms

    @property
    def filter_delay_ms(self) -> float:
        """Mean group delay of the filter in its pass band, in milliseconds."""
        return self._delays_ms["filter_delay_ms"]

    def push(self, samples: npt.NDArray[np.float32], first_index: int) -> list[EegResult]:
        """Take the next samples (n, channels) in microvolts; return what became complete."""
        wanted = samples if self._columns is None else samples[:, self._columns]
        steps = self.core.push(wanted, first_index)
        return [self._result(step) for step in steps]

    def work_ahead(self) -> None:
        """Do what can be done already for the next epochs and windows; it changes none of them."""
        self.core.work_ahead()

    def marker(self, t_s: float, label: str) -> list[EegResult]:
        """Take a marker at `t_s` seconds of data time; a late one may complete at once."""
        if label == self._trigger:
            self.core.trigger(t_s)
            return []
        return [self._result(step) for step in self.core.marker(t_s, label)]

    def _result(self, step: EegStep) -> EegResult:
        epoch = step.kind == "epoch"
        return EegResult(
            x=step.features.reshape(-1),
            kind="eeg-epoch" if epoch else "eeg-window",
            index=self._first_step + step.index,
            t_data=step.t_last_s,
            t_event=step.t_event_s if epoch else None,
            label=step.label,
            ready=step.ready,
            rejected=step.rejected,
            mask_hash=self.mask_hash,
            _step=step,
            _channels=self.config.channel_names,
            _delays_ms=self._delays_ms,
        )


class SecondQuality:
    """Root mean square of each channel, once for every full second of data.

    Parameters
    ----------
    fs_hz : float
        Sampling rate in hertz.
    channels : sequence of str
        Names of the columns.
    notch_hz : float or None
        Frequency that is taken out of the signal.
    """

    def __init__(
        self, fs_hz: float, channels: Sequence[str], notch_hz: float | None = None
    ) -> None:
        self.mains = MainsWatch(fs_hz, notch_hz)
        self._size = max(1, round(fs_hz))
        self._fs_hz, self._channels = fs_hz, tuple(channels)
        self._second = -1
        self._rows: list[npt.NDArray[np.float32]] = []

    def push(
        self, samples: npt.NDArray[np.float32], first_index: int
    ) -> list[tuple[int, float, dict[str, float]]]:
        """Take samples (n, channels); return index, end (seconds) and figures of full seconds."""
        found = []
        at = first_index
        while len(samples):
            second = at // self._size
            if second != self._second:
                self._second, self._rows = second, []
            count = min(len(samples), (second + 1) * self._size - at)
            self._rows.append(samples[:count].copy())
            at, samples = at + count, samples[count:]
            if at == (second + 1) * self._size:
                found.append((second, at / self._fs_hz, self._figures()))
        return found

    def _figures(self) -> dict[str, float]:
        rows = np.concatenate(self._rows).astype(np.float64)
        self.mains.second(rows)
        finite = np.isfinite(rows)
        count = np.maximum(finite.sum(axis=0), 1)
        mean = np.where(finite, rows, 0.0).sum(axis=0) / count
        power = np.where(finite, rows - mean, 0.0) ** 2
        rms = np.sqrt(power.sum(axis=0) / count)
        values = {f"rms_{n}_uv": float(v) for n, v in zip(self._channels, rms, strict=True)}
        middle = float(np.median(rms))
        return {"rms_uv": middle if math.isfinite(middle) else 0.0, **values}
