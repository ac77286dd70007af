"""EEG for the operator's eyes: samples gathered into few messages, judged once a second."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.eeg.channels import ChannelFlag, HoldLast, channel_quality
from acquisition.eeg.config import EegConfig, QualityConfig
from acquisition.eeg.mains import stands_out
from acquisition.lsl.formats import EegFormat

__all__ = ["SignalView"]

_EVERY_S = 1 / 15
_MOST_HZ = 1024.0
"""Faster streams are averaged in blocks: no eye and no spectrum here needs more."""
_MOST_PENDING_S = 10.0

Rows = npt.NDArray[np.float32]


class SignalView:
    """Gathers samples for display; how they are chunked changes none of them.

    Parameters
    ----------
    stream : str
        LSL source id.
    layout : EegFormat
        Rate and channels of the stream.
    config : EegConfig or None
        Settings of the chain, None where it could not be made.
    """

    def __init__(self, stream: str, layout: EegFormat, config: EegConfig | None) -> None:
        self._layout = layout
        self._block = max(1, math.ceil(layout.fs_hz / _MOST_HZ))
        self._fs_hz = layout.fs_hz / self._block
        self._facts: dict[str, Any] = {
            "stream": stream, "fs_hz": self._fs_hz, "channels": layout.channel_names,
            **({} if config is None else _facts(config)),
        }  # fmt: skip
        self._limits = (QualityConfig() if config is None else config.quality).model_copy(
            update={"large_uv": math.inf}  # that is a matter of the filtered signal
        )
        listed = () if config is None else config.bad_channels
        self._listed = np.isin(layout.channel_names, listed)
        self._second = -1
        self._of_second: list[Rows] = []
        self._flags: tuple[int, ...] = ()
        self._rest = np.zeros((0, len(layout.channel_names)), np.float32)
        self._rows: list[Rows] = []
        self._first: int | None = None  # of the pending rows, counted in blocks
        self._next: int | None = None  # sample expected next
        self._skip = 0  # samples still to be left out before the first whole block
        self._sent_s = -math.inf

    def push(self, chunks: Iterable[tuple[Rows, int, float]]) -> None:
        """Take samples (n, channels) with the number of their first; gaps drop what waits."""
        for rows, first, _ in chunks:
            if first != self._next:
                self._skip = -first % self._block
                self._rows, self._first = [], (first + self._skip) // self._block
                self._rest = rows[:0]
            self._judge(rows, first)
            self._next = first + len(rows)
            # A chunk may be shorter than what is left out before the first whole block.
            skipped = min(self._skip, len(rows))
            self._skip -= skipped
            self._gather(rows[skipped:])

    def _gather(self, rows: Rows) -> None:
        k = self._block
        if k > 1:
            rows = np.concatenate([self._rest, rows])
            whole = len(rows) // k * k
            self._rest = rows[whole:]
            rows = rows[:whole].reshape(-1, k, rows.shape[1]).mean(axis=1)
        if len(rows):
            self._rows.append(rows)
        pending = sum(map(len, self._rows))
        while self._rows and pending > _MOST_PENDING_S * self._fs_hz and self._first is not None:
            lost = len(self._rows.pop(0))
            self._first, pending = self._first + lost, pending - lost

    def due(self, now_s: float) -> dict[str, Any] | None:
        """Return the fields of a `Signal` and its array ``signal``, None while it is too early."""
        n = sum(map(len, self._rows))
        if not n or n < _EVERY_S * self._fs_hz or now_s - self._sent_s < _EVERY_S:
            return None
        self._sent_s = now_s
        signal, first = np.concatenate(self._rows), self._first or 0
        self._rows, self._first = [], first + n
        return {
            **self._facts,
            "signal": np.ascontiguousarray(signal),
            "first_index": first,
            "t_data": first / self._fs_hz,
            "flags": self._flags,
        }

    def _judge(self, rows: Rows, first: int) -> None:
        """Check every channel at the end of each full second."""
        size = max(1, round(self._layout.fs_hz))
        while len(rows):
            second = first // size
            if second != self._second:
                self._second, self._of_second = second, []
            count = min(len(rows), (second + 1) * size - first)
            self._of_second.append(rows[:count])
            rows, first = rows[count:], first + count
            if first == (second + 1) * size:
                samples = np.concatenate(self._of_second).astype(np.float64)
                values, held = HoldLast(samples.shape[1])(samples)
                found = channel_quality(values, held, values, self._limits, self._listed)
                hums = stands_out(values, self._layout.fs_hz).any(axis=0)
                flags = found.flags | np.uint8(ChannelFlag.MAINS) * hums
                self._flags = tuple(int(flag) for flag in flags)


def _facts(config: EegConfig) -> dict[str, Any]:
    """Return what the chain does to the signal that is shown."""
    step_s = 0.0
    if config.epoch is not None:
        step_s = config.epoch.stop_s - config.epoch.start_s
    elif config.window is not None:
        step_s = config.window.length_s
    low_hz, high_hz = config.filter.low_hz, config.filter.high_hz
    return {
        "band_hz": (low_hz or 0.0, high_hz or config.fs_hz / 2),
        "notch_hz": config.filter.notch_hz,
        "step_s": step_s,
        "reject_uv": config.quality.large_uv,
    }
