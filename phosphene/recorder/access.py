"""A recording from any place: its messages with where their pictures lie, and single pictures.

For whoever goes back and forth in a recording: the messages are read once, without decoding a
single picture, and each picture is read from its own chunk when it is wanted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk
from mcap.records import Message as Record
from mcap.stream_reader import CRCValidationError, breakup_chunk

from phosphene.errors import RecordingError
from phosphene.messages import Frame, Message, decode
from phosphene.recorder.bounds import MOST_RECORD_BYTES, picture_of, unpacked
from phosphene.recorder.framing import unpack
from phosphene.recorder.reader import Ending, decode_header, records_of
from phosphene.recorder.writer import PICTURE_TOPIC

__all__ = ["Place", "messages_of", "picture_at"]

_HEAD_BYTES = 9
_DAMAGE = (
    CRCValidationError,
    DecodeError,
    McapError,
    RuntimeError,
    ValueError,
    OverflowError,
    IndexError,
)


@dataclass(frozen=True)
class Place:
    """Where a recorded picture lies.

    Attributes
    ----------
    at : int
        Where its chunk begins in the recording, in bytes (of a sealed one: of what is inside).
    number : int
        Its number among the records of that chunk.
    shape : tuple of int
        Height, width and colours, as its frame's header says.
    """

    at: int
    number: int
    shape: tuple[int, ...]


def messages_of(file: BinaryIO, ending: Ending) -> Iterator[tuple[Message, Place | None]]:
    """Yield the messages of an open recording in order, frames with the place of their picture.

    Parameters
    ----------
    file : binary file
        As `phosphene.seal.opening.open_recording` opens it; read to its end, or as far as it is
        good.
    ending : Ending
        Told how it ended; its ``read_bytes`` tells during the reading how far it is.

    Raises
    ------
    RecordingError
        If the file does not begin like a recording, or a message is not what it says.
    """
    topics: dict[int, str] = {}
    frame: Frame | None = None
    chunk, number = -1, -1
    for record in records_of(file, ending):
        same = ending.read_bytes == chunk
        chunk, number = ending.read_bytes, number + 1 if same else 0
        if isinstance(record, Channel):
            topics[record.id] = record.topic
        elif isinstance(record, Record):
            topic = topics.get(record.channel_id, "")
            if topic == PICTURE_TOPIC and frame is not None:
                yield Message(frame), _place(frame, chunk, number)
                frame = None
            elif topic == "frame":
                frame = decode_header(record.data)
            elif topic and not topic.startswith("/"):
                yield decode([topic.encode(), *unpack(record.data)]), None


def _place(frame: Frame, at: int, number: int) -> Place:
    if len(frame.arrays) != 1:
        raise RecordingError(f"frame {frame.seq}: {len(frame.arrays)} arrays instead of a picture")
    return Place(at, number, frame.arrays[0].shape)


def picture_at(file: BinaryIO, place: Place) -> npt.NDArray[np.uint8]:
    """Read one picture of an open recording.

    Parameters
    ----------
    file : binary file
        The same file that `messages_of` has read; seekable.
    place : Place
        Where the picture lies in it.

    Raises
    ------
    RecordingError
        If there is none, or it is damaged.
    """
    try:
        file.seek(place.at)
        head = file.read(_HEAD_BYTES)
        length = int.from_bytes(head[1:], "little")
        if len(head) < _HEAD_BYTES or head[0] != Opcode.CHUNK or length > MOST_RECORD_BYTES:
            raise ValueError("no chunk begins there")
        chunk = Chunk.read(ReadDataStream(io.BytesIO(file.read(length))))
        record = breakup_chunk(unpacked(chunk), validate_crc=True)[place.number]
        if not isinstance(record, Record):
            raise ValueError("something else lies there")
        return picture_of(CompressedImage.FromString(record.data).data, place.shape)
    except _DAMAGE as error:
        raise RecordingError(f"picture at byte {place.at}: {error}") from error
