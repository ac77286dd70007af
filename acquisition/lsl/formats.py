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

from phosphene.errors import InputError

__all__ = ["COUNTER_LABEL", "COUNTER_MODULO", "EegFormat", "VolumeFormat", "marker_info"]

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
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]
    tr_s: float
    mask_hash: str = ""
    unit: str = "a.u."

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    def info(self, source_id: str, name: str = "phosphene-volumes") -> pylsl.StreamInfo:
        """Describe the stream for an outlet.

        The rate is declared irregular: liblsl has rounded the buffers of streams below 1 Hz to
        nothing.
        """
        rate = pylsl.IRREGULAR_RATE
        info = pylsl.StreamInfo(name, "fMRI", self.n_voxels + 1, rate, "float32", source_id)
        volume = info.desc().append_child("volume")
        volume.append_child_value("shape", " ".join(map(str, self.shape)))
        volume.append_child_value("affine", " ".join(repr(float(v)) for v in self.affine.flat))
        volume.append_child_value("tr_s", repr(float(self.tr_s)))
        volume.append_child_value("mask_hash", self.mask_hash)
        volume.append_child_value("unit", self.unit)
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
            made = cls(
                shape=(shape[0], shape[1], shape[2]),
                affine=np.array(affine).reshape(4, 4),
                tr_s=float(volume.child_value("tr_s")),
                mask_hash=volume.child_value("mask_hash"),
                unit=volume.child_value("unit"),
            )
        except (ValueError, IndexError) as error:
            raise InputError(f"stream {info.source_id()!r} does not describe volumes") from error
        if len(shape) != 3 or made.n_voxels + 1 != info.channel_count():
            raise InputError(
                f"stream {info.source_id()!r}: shape {tuple(shape)} needs {made.n_voxels + 1} "
                f"channels, it has {info.channel_count()}"
            )
        return made

    def same_as(self, other: Any) -> bool:
        """Tell whether every field agrees."""
        return (
            isinstance(other, VolumeFormat)
            and (self.shape, self.tr_s, self.mask_hash, self.unit)
            == (other.shape, other.tr_s, other.mask_hash, other.unit)
            and bool(np.array_equal(self.affine, other.affine))
        )


def marker_info(source_id: str, name: str = "phosphene-markers") -> pylsl.StreamInfo:
    """Describe a marker stream for an outlet."""
    return pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, "string", source_id)
