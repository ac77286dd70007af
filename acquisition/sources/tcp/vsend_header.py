"""The header that MURFI's "vsend" puts before each image, in bytes.

A C structure in the sender's own byte order with natural alignment (64-bit Linux and Windows agree
on it), 616 bytes; ``src/io/RtExternalSenderImageInfo.h`` of murfi2 declares it as version 4:

======  =====================  =====================================================================
offset  type                   what
======  =====================  =====================================================================
0       5 bytes                "ERTI" (a scanner) or "SIMU" (a simulator), ended by 0
8       int32                  version of the header, 4 (ports to Python send 1 with this layout)
12      64 bytes               identifier of the series: leaves this module only as a keyed hash
76      64 bytes               scan type (dropped)
140     16 bytes               image type: 2Dz, 2Dzt, 3D or 3Dt
156     256 bytes              note (dropped: free text)
412     16 bytes               type of a pixel, for instance int16_t
428     bool                   pixels are little endian
429     bool                   slices are tiled into one square picture, see `mosaic_side`
432     4 float64              pixel along read, phase and slice, gap between slices, millimetres
464     3 int32                pixels along read and phase, slices
476     16 float32             voxel index to millimetres (RAS), by rows
540     2 int32                repetition time and delay between acquisitions, milliseconds
548     2 int32                number of this volume and of all volumes
556     bool, 5 bytes          motion was corrected by the scanner, order of that correction
568     6 float64              that correction in millimetres and radians (not used)
======  =====================  =====================================================================

Pixels follow at once: read runs fastest, then phase, then slice (or the rows of the mosaic).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from acquisition.errors import ForeignFileError
from acquisition.fmri.volume import usable_affine
from acquisition.sources.tcp.blob import MAX_IMAGE_BYTES
from phosphene.errors import InputError, check_all, problem

__all__ = ["HEADER_BYTES", "MAGICS", "VsendHeader", "decode_header", "encode_header", "mosaic_side"]

_LAYOUT = "5s3xi64s64s16s256s16s??2x4d3i16f4i?5s6x6d"
HEADER_BYTES = struct.calcsize("<" + _LAYOUT)
MAGICS = (b"ERTI", b"SIMU")
_VERSIONS = (1, 4)
_LONGEST_SIDE = 2048
_PIXELS = {
    "char": "i1",
    "uchar": "u1",
    "int16_t": "i2",
    "uint16_t": "u2",
    "int32_t": "i4",
    "uint32_t": "u4",
    "float32_t": "f4",
    "float64_t": "f8",
}


@dataclass(frozen=True)
class VsendHeader:
    """What is kept of a header.

    Attributes
    ----------
    shape : tuple of int
        Voxels along read, phase and slice.
    affine : array of float64 (4, 4)
        Voxel index to RAS millimetres.
    pixel : dtype
        Type and byte order of a pixel.
    mosaic : bool
        Whether the slices come tiled into one picture.
    tr_s : float
        Repetition time in seconds.
    number, total : int
        Number of this volume as the sender counts, and of all volumes.
    corrected : bool
        Whether the scanner has corrected motion in this image.
    series_uid : str
        Identifier of the series; to be hashed at once.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64] = field(repr=False)
    pixel: np.dtype[np.generic]
    mosaic: bool
    tr_s: float
    number: int
    total: int
    corrected: bool = False
    series_uid: str = field(default="", repr=False)

    @property
    def image_bytes(self) -> int:
        """Bytes of the image that follows."""
        read, phase, slices = self.shape
        tiles = mosaic_side(slices) ** 2 if self.mosaic else slices
        return read * phase * tiles * self.pixel.itemsize


def mosaic_side(slices: int) -> int:
    """Return how many slices lie in a row, and in a column, of a square mosaic."""
    return math.isqrt(max(slices, 1) - 1) + 1


def decode_header(raw: bytes | bytearray) -> VsendHeader:
    """Read and check a header; nothing is allocated by its word.

    Raises
    ------
    ForeignFileError
        If it is none, or of a version that is not known.
    InputError
        If a field cannot be; lists all that cannot.
    """
    order = next((o for o in "<>" if struct.unpack_from(o + "i", raw, 8)[0] in _VERSIONS), None)
    if bytes(raw[:4]) not in MAGICS or order is None:
        got = f"mark {bytes(raw[:4])!r}, version bytes {bytes(raw[8:12]).hex()}"
        raise ForeignFileError(
            problem("vsend header", got, "ERTI or SIMU of version 1 or 4", "Check who is sending.")
        )
    values = struct.unpack(order + _LAYOUT, raw)
    kind, name = _text(values[4]), _text(values[6]).removeprefix("c_") or "int16_t"
    spacing_mm, shape, matrix = values[9:13], values[13:16], values[16:32]
    tr_ms, _, number, total = values[32:36]
    found = []
    if kind not in ("", "3D", "3Dt"):
        found.append(problem("imageType", kind, "3D or 3Dt", "Send whole volumes."))
    if name not in _PIXELS or _text(values[6]).startswith("c_"):
        found.append(problem("dataType", _text(values[6]), ", ".join(_PIXELS), "Send such pixels."))
    if not all(1 <= side <= _LONGEST_SIDE for side in shape):
        found.append(problem("matrix", shape, f"1 to {_LONGEST_SIDE} each", "Check the sender."))
    if tr_ms < 0 or number < 0:
        found.append(problem("TR and volume", (tr_ms, number), "0 or more", "Check the sender."))
    check_all(found, InputError, "vsend header")
    header = VsendHeader(
        shape=shape,
        affine=_affine(matrix, spacing_mm, shape),
        pixel=np.dtype(("<" if values[7] else ">") + _PIXELS[name]),
        mosaic=values[8],
        tr_s=tr_ms / 1000,
        number=number,
        total=total,
        corrected=values[36],
        series_uid=_text(values[2]),
    )
    if header.image_bytes > MAX_IMAGE_BYTES:
        allowed = f"at most {MAX_IMAGE_BYTES} bytes"
        raise InputError(problem("vsend image", header.image_bytes, allowed, "Check the sender."))
    return header


def encode_header(header: VsendHeader) -> bytes:
    """Write a header of version 4 in little endian, for senders."""
    spacing_mm = np.linalg.norm(header.affine[:3, :3], axis=0)
    names = {code: name for name, code in _PIXELS.items()}
    return struct.pack(
        "<" + _LAYOUT,
        b"ERTI",
        4,
        header.series_uid.encode("ascii", "replace")[:63],
        b"EPI",
        b"3Dt",
        b"",
        names[header.pixel.str[1:]].encode(),
        header.pixel.str[0] != ">",
        header.mosaic,
        *spacing_mm,
        0.0,
        *header.shape,
        *header.affine.ravel(),
        round(header.tr_s * 1000),
        0,
        header.number,
        header.total,
        header.corrected,
        b"",
        *(0.0,) * 6,
    )


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", "replace").strip()


def _affine(
    matrix: tuple[float, ...], spacing_mm: tuple[float, ...], shape: tuple[int, int, int]
) -> npt.NDArray[np.float64]:
    """Return the sender's matrix or, where it sends none, one of its spacing about the centre."""
    affine = np.asarray(matrix, np.float64).reshape(4, 4)
    steps = np.asarray(spacing_mm[:3], np.float64)
    affine[3] = (0, 0, 0, 1)
    usable = usable_affine(affine)
    given = bool(np.isfinite(steps).all() and (steps > 0).all())
    # The header's own default is the identity: it says nothing beside another spacing.
    if usable and not (np.array_equal(affine, np.eye(4)) and given and (steps != 1).any()):
        return affine
    made = np.diag([*(steps if given else (1.0, 1.0, 1.0)), 1.0])
    made[:3, 3] = -(np.asarray(shape) - 1) / 2 * np.diag(made)[:3]
    return made
