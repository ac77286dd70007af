"""The commands by which a sender describes a series to AFNI's real-time plugin.

Lines of ASCII, ended by a zero byte, before the first image (README.realtime of AFNI)::

    ACQUISITION_TYPE 3D+t           3D, 3D+t, 3D+timing: a volume at a time; 2D+z, 2D+zt: a slice
    TR 1.5                          seconds
    XYFOV 192 192 [120]             extent of the volume, millimetres
    ZDELTA 4                        thickness of a slice, where XYFOV has no third value
    XYMATRIX 64 64 [30]             voxels
    ZNUM 30                         slices, where XYMATRIX has no third value
    DATUM short                     byte, short, int, float or double
    BYTEORDER LSB_FIRST             or MSB_FIRST; without it this machine's own
    ZORDER alt                      2D only: slices come 1 3 5 ... 2 4 6 ...; or seq
    XYZAXES R-L A-P I-S             where each axis begins and ends
    XYZFIRST 94.5R 94.5A 30I        centre of the first voxel, millimetres and side; or ZFIRST
    TPATTERN explicit 0 0.5 0.1     times of the slices (Dimon), in seconds or milliseconds
    OBLIQUE_XFORM m0 ... m15        voxel index to DICOM millimetres (LPS), by rows
    NUM_CHAN 1                      one data set at a time

Names, prefixes and notes are dropped unread: they hold file names and other free text. Commands for
AFNI's windows (DRIVE_AFNI, DRIVE_WAIT, GRAPH_*) mean nothing here and are left out too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from nibabel.orientations import aff2axcodes

from acquisition.fmri.volume import usable_affine
from acquisition.sources.tcp.blob import MAX_IMAGE_BYTES
from phosphene.errors import InputError, PhospheneError, check_all, problem

__all__ = ["AfniHeader", "decode_header", "encode_header"]

T = TypeVar("T")
_LONGEST_SIDE = 2048
_BY_SLICE = {"2D+z": True, "2D+zt": True, "3D": False, "3D+t": False, "3D+timing": False}
_PIXELS = {"byte": "u1", "short": "i2", "int": "i4", "float": "f4", "double": "f8"}
_ORDERS = {"LSB_FIRST": "<", "MSB_FIRST": ">"}
_OWN_ORDER = "<" if sys.byteorder == "little" else ">"
_SIDES = {
    "R": (0, 1.0), "L": (0, -1.0), "A": (1, 1.0), "P": (1, -1.0), "S": (2, 1.0), "I": (2, -1.0),
}  # fmt: skip
_OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))
_FIRST = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?)([RLAPSI]?)", re.ASCII)
_LONGEST_STEP_MM = 1000.0
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class AfniHeader:
    """What is kept of a description.

    Attributes
    ----------
    shape : tuple of int
        Voxels along the three axes.
    affine : array of float64 (4, 4)
        Voxel index to RAS millimetres.
    pixel : dtype
        Type and byte order of a pixel.
    tr_s : float
        Repetition time in seconds.
    by_slice : bool
        Whether an image is one slice, not one volume.
    alternating : bool
        Whether slices come in the order 1 3 5 ... 2 4 6 ...
    slice_times_s : tuple of float or None
        Time of each slice, in seconds.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64] = field(repr=False)
    pixel: np.dtype[np.generic]
    tr_s: float
    by_slice: bool = False
    alternating: bool = False
    slice_times_s: tuple[float, ...] | None = None

    @property
    def image_bytes(self) -> int:
        """Bytes of one image: a volume, or a slice."""
        x, y, z = self.shape
        return x * y * (1 if self.by_slice else z) * self.pixel.itemsize

    @property
    def images(self) -> int:
        """Images that make a volume."""
        return self.shape[2] if self.by_slice else 1

    @property
    def arrival(self) -> tuple[int, ...]:
        """Slice at which each image of a volume belongs, in order of arrival."""
        count = self.images
        if not self.alternating:
            return tuple(range(count))
        return (*range(0, count, 2), *range(1, count, 2))


def decode_header(text: str) -> AfniHeader:
    """Read and check a description.

    Parameters
    ----------
    text : str
        The lines, without the zero byte.

    Raises
    ------
    InputError
        Lists everything that is missing or cannot be.
    """
    given: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, *words = line.split()[:33] or [""]
        # Of what places the volume along z, the last one given counts.
        if name in ("ZFIRST", "XYZFIRST"):
            given.pop("ZFIRST", None)
        given[name] = _all_words(line) if name == "TPATTERN" else words
    read = _Reader(given)
    header = read.header()
    check_all(read.problems, InputError, "description of the AFNI series")
    if header is None:
        raise InputError("description of the AFNI series: it describes no volume")
    return header


def _all_words(line: str) -> list[str]:
    return line.split()[1 : _LONGEST_SIDE + 2]


class _Reader:
    """Reads commands one by one and gathers what is wrong."""

    def __init__(self, given: Mapping[str, Sequence[str]]) -> None:
        self._given = given
        self.problems: list[str] = []

    def header(self) -> AfniHeader | None:
        shape, by_slice = self._shape(), self._one_of("ACQUISITION_TYPE", _BY_SLICE, "2D+zt")
        pixel = self._one_of("DATUM", _PIXELS, "short")
        order = self._one_of("BYTEORDER", _ORDERS, "") or _OWN_ORDER
        tr_s = self._numbers("TR", 1, 1, [0.0])[0]
        alternating = self._one_of("ZORDER", {"alt": True, "seq": False}, "alt")
        if self._numbers("NUM_CHAN", 1, 1, [1.0])[0] != 1:
            self._wrong("NUM_CHAN", "1", "Send one channel; combine echoes before.")
        if not 0 <= tr_s <= 60:
            self._wrong("TR", "0 to 60 seconds", "Send seconds.")
        affine = self._affine(shape)
        if self.problems:
            return None
        made = AfniHeader(
            shape, affine, np.dtype(order + str(pixel)), tr_s, bool(by_slice),
            bool(by_slice and alternating), self._slice_times(shape[2], tr_s),
        )  # fmt: skip
        if made.image_bytes * made.images > MAX_IMAGE_BYTES:
            self._wrong("XYMATRIX", f"at most {MAX_IMAGE_BYTES} bytes", "Check the sender.")
        return made

    def _wrong(self, name: str, allowed: str, cure: str) -> None:
        got = " ".join(self._given.get(name, ()))[:60] or "nothing"
        self.problems.append(problem(name, got, allowed, cure))

    def _one_of(self, name: str, allowed: Mapping[str, T], default: str) -> T | None:
        word = (self._given.get(name) or [default])[0]
        if word and word not in allowed:
            self._wrong(name, ", ".join(allowed), "Send one of these.")
        return allowed.get(word)

    def _numbers(self, name: str, least: int, most: int, default: list[float]) -> list[float]:
        """Return the finite numbers of a command, or the default where it is wrong or absent."""
        if name not in self._given:
            return default
        try:
            numbers = [float(word) for word in self._given[name][:most]]
        except ValueError:
            numbers = []
        if len(numbers) < least or not np.isfinite(numbers).all():
            self._wrong(name, f"{least} to {most} numbers", "Correct the sender.")
            return default
        return numbers

    def _shape(self) -> tuple[int, int, int]:
        sides = self._numbers("XYMATRIX", 2, 3, [0.0, 0.0])
        slices = sides[2] if len(sides) > 2 else self._numbers("ZNUM", 1, 1, [0.0])[0]
        shape = int(sides[0]), int(sides[1]) or int(sides[0]), int(slices)
        if not all(1 <= side <= _LONGEST_SIDE for side in shape):
            self._wrong("XYMATRIX", f"three sides of 1 to {_LONGEST_SIDE}, or two and ZNUM",
                        "The description must be whole; programs that supply it are not run."
                        )  # fmt: skip
            return 1, 1, 1
        return shape

    def _slice_times(self, slices: int, tr_s: float) -> tuple[float, ...] | None:
        words = list(self._given.get("TPATTERN", ()))
        if words[:1] != ["explicit"] or len(words) != slices + 1:
            return None
        try:
            times = [float(word) for word in words[1:]]
        except ValueError:
            return None
        scale = 1e-3 if tr_s and max(times) > tr_s else 1.0
        return tuple(scale * t for t in times) if min(times) >= 0 else None

    # ---- place -------------------------------------------------------------------------------

    def _affine(self, shape: tuple[int, int, int]) -> npt.NDArray[np.float64]:
        if "OBLIQUE_XFORM" in self._given:
            matrix = self._numbers("OBLIQUE_XFORM", 16, 16, np.eye(4).ravel().tolist())
            affine: npt.NDArray[np.float64] = _LPS_TO_RAS @ np.reshape(matrix, (4, 4))
            affine[3] = (0, 0, 0, 1)
            if not usable_affine(affine):
                self._wrong("OBLIQUE_XFORM", "a matrix that can be inverted", "Correct the sender.")
            return affine
        steps_mm, axes = self._steps_mm(shape), self._axes()
        firsts = [*self._first("XYZFIRST", axes)[:2], self._first("ZFIRST", axes)[2]]
        if firsts[2] is None:
            firsts[2] = self._first("XYZFIRST", axes)[2]
        affine = np.diag([0.0, 0.0, 0.0, 1.0])
        for axis, ends in enumerate(axes):
            begin, end = ends[0], ends[1]
            row, sign = _SIDES[end]
            affine[row, axis] = sign * steps_mm[axis]
            first = firsts[axis]
            # Where nothing says, the volume is centred about 0.
            half_mm = steps_mm[axis] * (shape[axis] - 1) / 2
            affine[row, 3] = _SIDES[begin][1] * half_mm if first is None else first
        return affine

    def _steps_mm(self, shape: tuple[int, int, int]) -> list[float]:
        extent = self._numbers("XYFOV", 1, 3, [])
        if not extent:
            if "XYFOV" not in self._given:
                self._wrong("XYFOV", "two or three lengths", "Send the size in millimetres.")
            return [1.0, 1.0, 1.0]
        steps = [extent[0] / shape[0], (extent[1:2] or [0])[0] / shape[1] or extent[0] / shape[1]]
        thick = extent[2] / shape[2] if len(extent) > 2 and extent[2] > 0 else 0.0
        steps.append(thick or self._numbers("ZDELTA", 1, 1, [0.0])[0])
        if not all(0 < step <= _LONGEST_STEP_MM for step in steps):
            self._wrong("XYFOV", "lengths above 0 mm, the third here or as ZDELTA",
                        "Send the size in millimetres.")  # fmt: skip
        return steps

    def _axes(self) -> list[str]:
        words = [word.replace("-", "") for word in self._given.get("XYZAXES", ())]
        right = all(len(w) == 2 and _OPPOSITE.get(w[0]) == w[1] for w in words)
        if not (right and len({_SIDES[w[0]][0] for w in words}) == len(words) == 3):
            self._wrong("XYZAXES", "three like R-L A-P I-S, each once", "Send the orientation.")
            return ["RL", "AP", "IS"]
        return words

    def _first(self, name: str, axes: Sequence[str]) -> list[float | None]:
        """Return the RAS coordinate of the first voxel along each axis, None where not told."""
        words = self._given.get(name)
        if words is None:
            return [None] * 3
        # ZFIRST tells of the third axis alone; a side may stand apart from its number.
        joined = re.sub(r"(\d)\s+([RLAPSI])", r"\1\2", " ".join(words)).split()
        axes = axes[2:] if name == "ZFIRST" else axes
        found: list[float | None] = [None] * (3 - len(axes))
        for word, axis in zip(joined, axes, strict=False):
            match = _FIRST.fullmatch(word)
            side = match[2] or axis[0] if match else ""
            if match is None or side not in axis:
                self._wrong(name, f"a length and a side of {axis}", "Correct the sender.")
                return [None] * 3
            found.append(float(match[1]) * _SIDES[side][1])
        return found + [None] * (3 - len(found))


def encode_header(header: AfniHeader) -> bytes:
    """Write a description with its zero byte, for senders.

    Raises
    ------
    PhospheneError
        If the pixels have a type that the protocol does not know.
    """
    names = {code: name for name, code in _PIXELS.items()}
    if header.pixel.str[1:] not in names:
        raise PhospheneError(problem("pixel", header.pixel, ", ".join(_PIXELS), "Convert them."))
    steps_mm = np.linalg.norm(header.affine[:3, :3], axis=0)
    extent = " ".join(f"{n * d:.6f}" for n, d in zip(header.shape, steps_mm, strict=True))
    ends = aff2axcodes(header.affine)  # type: ignore[no-untyped-call]
    kind = "2D+zt" if header.by_slice else "3D+timing" if header.slice_times_s else "3D+t"
    lines = [
        f"ACQUISITION_TYPE {kind}",
        f"TR {header.tr_s:.6f}",
        f"XYFOV {extent}",
        "XYMATRIX {} {} {}".format(*header.shape),
        f"DATUM {names[header.pixel.str[1:]]}",
        f"BYTEORDER {'MSB_FIRST' if header.pixel.str[0] == '>' else 'LSB_FIRST'}",
        f"ZORDER {'alt' if header.alternating else 'seq'}",
        "XYZAXES " + " ".join(f"{_OPPOSITE[end]}-{end}" for end in ends),
        "OBLIQUE_XFORM " + " ".join(f"{v:.9g}" for v in (_LPS_TO_RAS @ header.affine).ravel()),
    ]
    if header.slice_times_s:
        lines.append("TPATTERN explicit " + " ".join(f"{t:.6f}" for t in header.slice_times_s))
    return "\n".join(lines).encode() + b"\n\0"
