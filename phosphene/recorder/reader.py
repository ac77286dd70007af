"""Reading recordings, finished or not.

A recording whose writer died is a prefix of a good one. The reader checks the length of every
record and the checksum of every chunk, so that what it yields is always an exact prefix of what
was written.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, DataEnd, Header, MessageIndex, Metadata
from mcap.records import Message as Record
from mcap.stream_reader import CRCValidationError, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from phosphene.errors import RecordingError, SealError
from phosphene.messages import Frame, Message, RunStart, decode
from phosphene.recorder.bounds import MOST_RECORD_BYTES, picture_of, unpacked
from phosphene.recorder.framing import unpack
from phosphene.recorder.names import finished_name, recordings_in
from phosphene.recorder.writer import PICTURE_TOPIC
from phosphene.seal.opening import open_recording
from phosphene.seal.reader import seal_trouble

__all__ = ["RecordingReader", "parts_of", "read_run", "records_of", "start_of"]

_HEAD_BYTES = 9
# What a recorder writes outside of chunks; anything else there is damage, not data.
_KINDS: dict[int, Any] = {
    Opcode.HEADER: Header,
    Opcode.CHUNK: Chunk,
    Opcode.MESSAGE_INDEX: MessageIndex,
    Opcode.METADATA: Metadata,
    Opcode.ATTACHMENT: Attachment,
    Opcode.DATA_END: DataEnd,
}
_DAMAGE = (
    CRCValidationError,
    McapError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
    SealError,
)


class Ending:
    """How the reading of a file ended.

    Attributes
    ----------
    complete : bool
        True when the file's regular end was reached.
    damage : str
        What was wrong, when the file is not merely cut off.
    read_bytes : int
        Bytes up to the end of the last good record.
    """

    def __init__(self) -> None:
        self.complete = False
        self.damage = ""
        self.read_bytes = 0


def records_of(file: BinaryIO, ending: Ending) -> Iterator[Any]:
    """Yield schemas, channels, messages and metadata of an MCAP file, as far as it is good.

    Parameters
    ----------
    file : binary file
        At its start; seekable.
    ending : Ending
        Told how it ended.

    Raises
    ------
    RecordingError
        If the file does not begin like an MCAP file.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    yield from _records(file, size, ending)
    whole, damage = seal_trouble(file)
    ending.complete = ending.complete and whole
    ending.damage = ending.damage or damage


def _records(file: BinaryIO, size: int, ending: Ending) -> Iterator[Any]:
    magic = file.read(len(MCAP0_MAGIC))
    if not MCAP0_MAGIC.startswith(magic):
        raise RecordingError("this is not an MCAP file")
    ending.read_bytes = file.tell()
    while True:
        try:
            head = file.read(_HEAD_BYTES)
            if len(head) < _HEAD_BYTES:
                return
            opcode, length = head[0], int.from_bytes(head[1:], "little")
            if length > size - file.tell():
                return
            if length > MOST_RECORD_BYTES:
                raise ValueError(f"no record has {length} bytes")
            found = _parse(opcode, file.read(length))
        except _DAMAGE as error:
            ending.damage = f"record at byte {ending.read_bytes}: {error}"
            return
        yield from found
        ending.read_bytes = file.tell()
        if opcode == Opcode.DATA_END:
            ending.complete = True
            return


def _parse(opcode: int, body: bytes) -> list[Any]:
    """Read one record strictly: a known kind that uses exactly its own bytes."""
    if opcode not in _KINDS:
        raise ValueError(f"no record of kind {opcode} belongs here")
    stream = ReadDataStream(io.BytesIO(body))
    record = _KINDS[opcode].read(stream)
    if stream.count != len(body):
        raise ValueError(f"the record has {len(body)} bytes, its parts {stream.count}")
    if isinstance(record, Chunk):
        records: list[Any] = breakup_chunk(unpacked(record), validate_crc=True)
        return records
    return [record] if isinstance(record, Metadata) else []


class RecordingReader:
    """Iterates over the messages of one recording file.

    Parameters
    ----------
    path : Path
        Finished or unfinished recording.
    pictures : bool
        False: frames come without their pictures, which are then not decoded.

    Attributes
    ----------
    ending : Ending
        Filled in by the end of an iteration.
    """

    def __init__(self, path: Path, *, pictures: bool = True) -> None:
        self.path = path
        self.ending = Ending()
        self._pictures = pictures

    def __iter__(self) -> Iterator[Message]:
        """Yield messages in the order of recording; a frame comes with its decoded picture.

        Raises
        ------
        RecordingError
            If the file cannot be read at all.
        """
        self.ending = Ending()
        topics: dict[int, str] = {}
        frame: Frame | None = None
        try:
            with open_recording(_present(self.path)) as file:
                for record in records_of(file, self.ending):
                    if isinstance(record, Channel):
                        topics[record.id] = record.topic
                    elif isinstance(record, Record):
                        topic = topics.get(record.channel_id, "")
                        if topic == PICTURE_TOPIC and frame is not None:
                            yield self._complete(frame, record.data)
                            frame = None
                        elif topic == "frame":
                            frame = decode_header(record.data)
                        elif topic and not topic.startswith("/"):
                            yield decode([topic.encode(), *unpack(record.data)])
        except OSError as error:
            raise RecordingError(f"recording {self.path}: {error.strerror}") from error
        except RecordingError as error:
            raise RecordingError(f"recording {self.path}: {error}") from error

    def _complete(self, frame: Frame, data: bytes) -> Message:
        return _with_picture(frame, data) if self._pictures else Message(frame)


def _present(path: Path) -> Path:
    """Return the finished file where an unfinished one has been repaired since it was found."""
    finished = finished_name(path)
    return finished if not path.exists() and finished.exists() else path


def decode_header(data: bytes) -> Frame:
    """Read the header of a frame, whose pixels are stored apart from it."""
    return msgspec.msgpack.decode(unpack(data)[0], type=Frame)


def _with_picture(frame: Frame, data: bytes) -> Message:
    image = CompressedImage.FromString(data)
    if len(frame.arrays) != 1:
        raise RecordingError(f"frame {frame.seq}: {len(frame.arrays)} arrays instead of a picture")
    (spec,) = frame.arrays
    try:
        picture = picture_of(image.data, spec.shape)
    except ValueError as error:
        raise RecordingError(f"frame {frame.seq}: {error}") from error
    return Message(frame, {spec.name: picture})


def parts_of(where: Path, run: str | None = None) -> list[Path]:
    """Return the files of one run, in order.

    Parameters
    ----------
    where : Path
        A recording file (returned alone) or a folder of recordings.
    run : str or None
        Identifier of the run; None takes the newest in the folder.

    Raises
    ------
    RecordingError
        If there is nothing of that run.
    """
    if where.is_file():
        return [where]
    starts = [(path, start_of(path)) for path in recordings_in(where)]
    runs = [(path, start.run) for path, start in starts if start is not None]
    wanted = run if run is not None else (runs[-1][1] if runs else None)
    parts = [path for path, name in runs if name == wanted]
    if not parts:
        raise RecordingError(
            f"{where}: no recording{'' if run is None else f' of run {run!r}'} here; "
            "expected files named recording*.mcap or recording*.mcap.part"
        )
    return parts


def start_of(path: Path) -> RunStart | None:
    """Return the start document of a recording file; None where it was cut off before it."""
    headers = (message.header for message in RecordingReader(path))
    return next((header for header in headers if isinstance(header, RunStart)), None)


def read_run(where: Path, run: str | None = None) -> Iterator[Message]:
    """Yield the messages of a run, over all its files in order.

    Parameters
    ----------
    where, run
        As for `parts_of`.
    """
    for path in parts_of(where, run):
        yield from RecordingReader(path)
