"""Bounds on what a recording may make its reader hold: checked before memory is taken.

A few bytes can ask for gigabytes, by a compressed chunk or a picture's dimensions. A recorder never
writes such a file; somebody who wants to stop a console would.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from lz4.frame import LZ4FrameDecompressor
from mcap.records import Chunk
from PIL import Image

__all__ = ["MOST_CHUNK_BYTES", "MOST_RECORD_BYTES", "MOST_SIDE_PX", "picture_of", "unpacked"]

MOST_CHUNK_BYTES = 2**28
"""Content of a chunk: twice what may wait for the disk, so no message is larger."""
MOST_RECORD_BYTES = MOST_CHUNK_BYTES + 2**22
"""A chunk whose content cannot be compressed, with what stands around it."""
MOST_SIDE_PX = 4096
"""Twice the largest picture of a session."""
_MOST_RATIO = 255
"""A byte of LZ4 stands for at most so many (LZ4 block format: lengths go on in steps of 255)."""


def unpacked(chunk: Chunk) -> Chunk:
    """Return a chunk with its content decompressed, exactly as long as it says.

    Raises
    ------
    ValueError
        If its content is larger than any recorder writes, or another length than it says.
    """
    most = min(MOST_CHUNK_BYTES, _MOST_RATIO * len(chunk.data))
    if chunk.uncompressed_size > most:
        raise ValueError(f"a chunk of {len(chunk.data)} bytes says {chunk.uncompressed_size}")
    if chunk.compression not in ("", "lz4"):
        raise ValueError(f"chunks are not compressed by {chunk.compression!r}")
    data = chunk.data
    if chunk.compression:
        stream = LZ4FrameDecompressor()
        # One byte more than it says, to see whether there is more.
        data = stream.decompress(data, max_length=chunk.uncompressed_size + 1)
    if len(data) != chunk.uncompressed_size:
        raise ValueError(f"a chunk says {chunk.uncompressed_size} bytes and holds others")
    return replace(chunk, compression="", data=data)


def picture_of(data: bytes, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Decode a recorded picture.

    Parameters
    ----------
    data : bytes
        JPEG.
    shape : tuple of int
        What its frame's header says: height, width, colours.

    Returns
    -------
    uint8 array of that shape

    Raises
    ------
    ValueError
        If it is no JPEG, another size than the header says, or larger than any recorder writes.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            # Only the head has been read so far; pixels are decoded below.
            found = (image.height, image.width, len(image.getbands()))
            if max(found) > MOST_SIDE_PX:
                raise ValueError(f"a picture of {found} is larger than {MOST_SIDE_PX} pixels")
            if found != shape:
                raise ValueError(f"picture {found}, header {shape}")
            return np.asarray(image)
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"its picture cannot be read: {error}") from error
