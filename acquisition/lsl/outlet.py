"""Outlets: volumes, EEG and markers out to LSL.

Time stamps are those of sending, on the LSL clock, unless the arrival of the data is known; the
data's own time travels inside (sample counter, volume number, ``t`` of a marker), so that a replay
gives the same numbers at any speed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pylsl

from acquisition.lsl.config import check_session
from acquisition.lsl.formats import COUNTER_MODULO, EegFormat, VolumeFormat, marker_info
from phosphene.errors import InputError, NodeError, problem

__all__ = ["EegOutlet", "MarkerOutlet", "VolumeOutlet"]

_VOLUME_BUFFER = 1  # times 100 samples: liblsl's unit for irregular streams


class _Outlet:
    """One liblsl outlet, and how it ends."""

    def __init__(self, info: pylsl.StreamInfo, max_buffered: int) -> None:
        self._outlet: Any = pylsl.StreamOutlet(info, chunk_size=0, max_buffered=max_buffered)
        check_session(self._outlet.get_info().session_id())

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Wait until an inlet is connected: what is pushed before that reaches nobody."""
        return bool(self._live().wait_for_consumers(timeout_s))

    def has_reader(self) -> bool:
        """Tell whether an inlet is connected now."""
        return bool(self._live().have_consumers())

    def close(self) -> None:
        """Take the stream off the network; samples still on their way may be lost."""
        self._outlet = None

    def _live(self) -> Any:
        if self._outlet is None:
            raise NodeError("this LSL outlet is closed; make a new one")
        return self._outlet


class EegOutlet(_Outlet):
    """Send EEG.

    Parameters
    ----------
    source_id : str
        Unique name of the source, never used again by another.
    layout : EegFormat
        Rate and channels; must have the counter.
    buffer_s : int
        Seconds kept for a reader that is late.
    """

    def __init__(self, source_id: str, layout: EegFormat, buffer_s: int = 60) -> None:
        if not layout.counter:
            raise InputError("an EEG outlet needs the counter channel; set counter=True")
        super().__init__(layout.info(source_id), buffer_s)
        self.layout = layout

    def push(
        self, data: npt.NDArray[np.float32], first_index: int, stamp_s: float | None = None
    ) -> None:
        """Send samples.

        Parameters
        ----------
        data : ndarray of shape (n, n_channels)
            Microvolts.
        first_index : int
            Number of the first sample since the start of the recording.
        stamp_s : float or None
            LSL time of the last sample in seconds; None takes the present.
        """
        n_channels = len(self.layout.channel_names)
        if data.ndim != 2 or data.shape[1] != n_channels:
            raise InputError(problem("data.shape", data.shape, f"(n, {n_channels})", "Reshape it."))
        if len(data) == 0:
            return
        rows = np.empty((len(data), n_channels + 1), dtype=np.float32)
        rows[:, :-1] = data
        rows[:, -1] = (first_index + np.arange(len(data))) % COUNTER_MODULO
        self._live().push_chunk(rows, stamp_s or 0.0)


class VolumeOutlet(_Outlet):
    """Send volumes.

    Parameters
    ----------
    source_id : str
        Unique name of the source.
    layout : VolumeFormat
        Shape, affine, repetition time, mask and unit.
    """

    def __init__(self, source_id: str, layout: VolumeFormat) -> None:
        super().__init__(layout.info(source_id), _VOLUME_BUFFER)
        self.layout = layout
        self._row = np.empty((1, layout.n_channels), dtype=np.float32)

    def push(
        self,
        volume: npt.NDArray[np.floating],
        index: int,
        stamp_s: float | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Send one volume.

        Parameters
        ----------
        volume : ndarray of the layout's shape
            Voxel values.
        index : int
            Number of the volume since the start of the run.
        stamp_s : float or None
            LSL time at which it arrived, in seconds; None takes the present.
        figures : mapping of str to float, optional
            Those of the layout's figures that are known of it.
        """
        if volume.shape != self.layout.shape:
            allowed = str(self.layout.shape)
            raise InputError(problem("volume.shape", volume.shape, allowed, "Check the source."))
        known, n_voxels = figures or {}, self.layout.n_voxels
        self._row[0, :n_voxels] = volume.reshape(-1)
        self._row[0, n_voxels:-1] = [known.get(name, np.nan) for name in self.layout.figures]
        self._row[0, -1] = index % COUNTER_MODULO
        # A chunk of one row: push_sample converts every voxel in Python and takes 70 times longer.
        self._live().push_chunk(self._row, stamp_s or 0.0)


class MarkerOutlet(_Outlet):
    """Send markers as JSON text with their data time.

    Parameters
    ----------
    source_id : str
        Unique name of the source.
    """

    def __init__(self, source_id: str) -> None:
        super().__init__(marker_info(source_id), 10)

    def push(self, t_s: float, label: str, stamp_s: float | None = None, **more: Any) -> None:
        """Send one marker.

        Parameters
        ----------
        t_s : float
            Data time in seconds.
        label : str
            What happened.
        stamp_s : float or None
            LSL time in seconds; None takes the present.
        **more
            Further fields that JSON can hold.
        """
        text = json.dumps({"t": float(t_s), "label": label, **more}, allow_nan=False)
        self._live().push_sample([text], stamp_s or 0.0)

    def push_label(self, label: str, stamp_s: float | None = None) -> None:
        """Send a marker that has no data time, only its LSL time in seconds."""
        self._live().push_sample([label], stamp_s or 0.0)
