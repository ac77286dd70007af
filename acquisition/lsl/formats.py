"""What a stream carries, written into and read from its LSL description.

Our numeric streams end with one extra channel that counts samples (or volumes). It counts modulo
2**24 because every whole number below that is exact in float32. LSL drops the oldest samples in
silence when a buffer overflows; the counter makes that visible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pylsl

from acquisition.fmri.rigid import farthest_mm
from phosphene.errors import InputError

__all__ = [
    "COUNTER_LABEL",
    "COUNTER_MODULO",
    "SAME_PLACE_MM",
    "EegFormat",
    "VolumeFormat",
    "marker_info",
]

SAME_PLACE_MM = 0.1
"""Voxels nearer than this are at the same place; headers round theirs."""
_SAME_TR_S = 1e-3
COUNTER_MODULO = 2**24
COUNTER_LABEL = "sample-counter"


@dataclass(frozen=True, slots=True)
class EegFormat:
    """An EEG stream.

    Attributes
    ----------
    fs_hz : float
        Sampling rate in hertz.
    channel_names : tuple of str
        EEG channels, the counter not among them.
    counter : bool
        True when a last channel counts samples; streams of amplifiers have none.
    """

    fs_hz: float
    channel_names: tuple[str, ...]
    counter: bool = True

    def info(self, source_id: str, name: str = "phosphene-eeg") -> pylsl.StreamInfo:
        """Describe the stream for an outlet."""
        labels = [*self.channel_names, *([COUNTER_LABEL] if self.counter else [])]
        info = pylsl.StreamInfo(name, "EEG", len(labels), self.fs_hz, "float32", source_id)
        channels = info.desc().append_child("channels")
        for label in labels:
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            counts = label == COUNTER_LABEL
            channel.append_child_value("unit", "none" if counts else "microvolts")
            channel.append_child_value("type", "Counter" if counts else "EEG")
        return info

    @classmethod
    def of(cls, info: pylsl.StreamInfo) -> EegFormat:
        """Read the description of a resolved stream; unnamed channels are numbered."""
        labels = []
        channel = info.desc().child("channels").child("channel")
        while not channel.empty():
            labels.append(channel.child_value("label"))
            channel = channel.next_sibling("channel")
        if len(labels) != info.channel_count() or not all(labels):
            labels = [f"ch{k + 1}" for k in range(info.channel_count())]
        counter = labels[-1] == COUNTER_LABEL
        names = tuple(labels[:-1] if counter else labels)
        return cls(float(info.nominal_srate()), names, counter)


@dataclass(frozen=True, slots=True, eq=False)
class VolumeFormat:
    """A stream of volumes: one sample is a whole volume, flattened in C order, and its number.

    Between the two stand figures that belong to the volume; NaN where there is none.

    Attributes
    ----------
    shape : tuple of int
        Voxels along the three axes.
    affine : ndarray of float64, shape (4, 4)
        Voxel numbers to millimetres.
    tr_s : float
        Repetition time in seconds.
    mask_hash : str
        SHA-256 of the mask, or "" when the volume is whole.
    unit : str
        Unit of the voxel values.
    figures : tuple of str
        Names of the figures that travel with each volume.
    slice_times_s : tuple of float or None
        Acquisition time of each slice after the volume's start, in seconds.
    slice_axis : int
        Axis along which slices were acquired.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]
    tr_s: float
    mask_hash: str = ""
    unit: str = "a.u."
    figures: tuple[str, ...] = ()
    slice_times_s: tuple[float, ...] | None = None
    slice_axis: int = 2

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def n_channels(self) -> int:
        """Number of channels: voxels, figures, counter."""
        return self.n_voxels + len(self.figures) + 1

    def info(self, source_id: str, name: str = "phosphene-volumes") -> pylsl.StreamInfo:
        """Describe the stream for an outlet.

        The rate is declared irregular: liblsl has rounded the buffers of streams below 1 Hz to
        nothing.
        """
        rate = pylsl.IRREGULAR_RATE
        info = pylsl.StreamInfo(name, "fMRI", self.n_channels, rate, "float32", source_id)
        volume = info.desc().append_child("volume")
        volume.append_child_value("shape", " ".join(map(str, self.shape)))
        volume.append_child_value("affine", " ".join(repr(float(v)) for v in self.affine.flat))
        volume.append_child_value("tr_s", repr(float(self.tr_s)))
        volume.append_child_value("mask_hash", self.mask_hash)
        volume.append_child_value("unit", self.unit)
        volume.append_child_value("figures", " ".join(self.figures))
        times = " ".join(repr(float(t)) for t in self.slice_times_s or ())
        volume.append_child_value("slice_times_s", times)
        volume.append_child_value("slice_axis", str(self.slice_axis))
        return info

    @classmethod
    def of(cls, info: pylsl.StreamInfo) -> VolumeFormat:
        """Read the description of a resolved stream.

        Raises
        ------
        InputError
            When it does not describe volumes or contradicts the channel count.
        """
        volume = info.desc().child("volume")
        try:
            shape = [int(word) for word in volume.child_value("shape").split()]
            affine = [float(word) for word in volume.child_value("affine").split()]
            times = [float(word) for word in volume.child_value("slice_times_s").split()]
            made = cls(
                shape=(shape[0], shape[1], shape[2]),
                affine=np.array(affine).reshape(4, 4),
                tr_s=float(volume.child_value("tr_s")),
                mask_hash=volume.child_value("mask_hash"),
                unit=volume.child_value("unit"),
                figures=tuple(volume.child_value("figures").split()),
                slice_times_s=tuple(times) or None,
                slice_axis=int(volume.child_value("slice_axis") or 2),
            )
        except (ValueError, IndexError) as error:
            raise InputError(f"stream {info.source_id()!r} does not describe volumes") from error
        if len(shape) != 3 or made.n_channels != info.channel_count():
            raise InputError(
                f"stream {info.source_id()!r}: shape {tuple(shape)} needs {made.n_channels} "
                f"channels, it has {info.channel_count()}"
            )
        return made

    def same_as(self, other: Any) -> bool:
        """Tell whether volumes of one stream may follow those of the other.

        They have to be of the same matrix, unit, mask and figures, and of the same place and TR as
        far as headers agree on these. Slice times may differ: scanners tell others for each volume
        by some milliseconds, and those of the first description count.
        """
        if not isinstance(other, VolumeFormat):
            return False
        names = ("shape", "mask_hash", "unit", "figures", "slice_axis")
        if any(getattr(self, name) != getattr(other, name) for name in names):
            return False
        off_mm = farthest_mm(self.shape, self.affine, other.affine)
        return off_mm <= SAME_PLACE_MM and abs(self.tr_s - other.tr_s) <= _SAME_TR_S


def marker_info(source_id: str, name: str = "phosphene-markers") -> pylsl.StreamInfo:
    """Describe a marker stream for an outlet."""
    return pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, "string", source_id)
