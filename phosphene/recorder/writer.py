"""One recording file: MCAP, flushed often, a valid prefix at every moment.

The file is named ``.mcap.part``, sealed ``.mcap.sealed.part``, until it is finished. What has been
flushed survives the death of the process; `sync` makes it survive the loss of power. When the disk
fills up the file is cut back to its last flush and closed as a short but valid recording.
"""

from __future__ import annotations

import fcntl
import io
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from mcap.opcode import Opcode
from mcap.well_known import MessageEncoding
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer
from mcap_protobuf.schema import register_schema
from PIL import Image

from phosphene.errors import ConfigError, RecordingError, problem
from phosphene.marking import LABEL
from phosphene.messages import Message, topic_of
from phosphene.recorder.disk import disk_for
from phosphene.recorder.framing import ENCODING, pack
from phosphene.recorder.names import finished_name
from phosphene.seal.erase import sync_folder
from phosphene.seal.header import Header
from phosphene.seal.writer import Seal

__all__ = ["PICTURE_TOPIC", "RecordingFile", "create"]

PROFILE = "phosphene"
PICTURE_TOPIC = "/frames"
JPEG_QUALITY = 90
CHUNK_BYTES = 2**20


def create(path: Path) -> BinaryIO:
    """Create a file without buffer, for its owner only."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)


def time_ns(seconds: float) -> int:
    """Return a time in nanoseconds, never below 0 (MCAP times are unsigned)."""
    return max(0, round(seconds * 1e9))


def jpeg(picture: Any) -> bytes:
    """Compress an RGB picture without thinning out its colours."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(picture)).save(
        buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4", comment=LABEL
    )
    return buffer.getvalue()


class RecordingFile:
    """Writes one recording.

    Parameters
    ----------
    path : Path
        Name of the unfinished file; it must not exist.
    open_file : Callable
        Opens it for writing without buffer.
    seal : Seal or None
        Given: nothing but what the stewards' keys open reaches the disk.

    Raises
    ------
    ConfigError
        If the file cannot be created.
    RecordingError
        If there is no room for its first bytes.

    Attributes
    ----------
    unsure : str
        Why the finished file's name may not outlive a power cut; empty where it does.
    """

    def __init__(
        self,
        path: Path,
        open_file: Callable[[Path], BinaryIO] = create,
        seal: Seal | None = None,
    ) -> None:
        self.path = path
        self.unsure = ""
        try:
            self._file = open_file(path)
        except OSError as error:
            raise ConfigError(
                problem("recorder.out", str(path.parent), "a folder that can be written",
                        f"{error.strerror}: choose another.")
            ) from error  # fmt: skip
        # The lock tells a repair that somebody is still writing; it ends with the process.
        fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._channels: dict[str, int] = {}
        try:
            self._disk = disk_for(self._file, seal)
            stream: Any = self._disk
            self._writer: Any = Writer(
                stream, chunk_size=CHUNK_BYTES, compression=CompressionType.LZ4
            )
            self._writer.start(profile=PROFILE)
            self._disk.flush()
        except OSError as error:
            self._file.close()
            raise RecordingError(f"recording {path}: cannot be begun: {error.strerror}") from error
        self._disk.mark()

    @property
    def header(self) -> Header | None:
        """Header of a sealed recording; None of an ordinary one."""
        return self._disk.header

    def add(self, message: Message, frames: Sequence[Any]) -> None:
        """Add one message with its frames as they came from the bus: topic, header, buffers.

        The pixels of a frame are stored as a ``foxglove.CompressedImage`` beside its header.
        """
        topic = bytes(frames[0]).decode()
        if topic == "frame":
            self._put(topic, message, pack(frames[1:2]))
            self._put_picture(message)
        else:
            self._put(topic, message, pack(frames[1:]))

    def note(self, name: str, facts: Mapping[str, str]) -> None:
        """Add a metadata record."""
        self._writer.add_metadata(name, dict(facts))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._writer.flush()
        self._disk.mark()

    def size(self) -> int:
        """Return how many bytes have been written."""
        return self._disk.tell()

    def sync(self) -> None:
        """Wait until everything flushed is on the disk."""
        os.fsync(self._file.fileno())

    def finish(self) -> Path:
        """Write the index, give the file its final name and return it."""
        self._writer.finish()
        self._disk.finish()
        return self._close()

    def cut_short(self) -> Path:
        """Close after a failed write: keep everything up to the last flush, without an index.

        Returns
        -------
        Path
            The finished file, or the unfinished one where even its last few bytes had no room.
        """
        end = struct.pack("<BQI", Opcode.DATA_END, 4, 0)
        end += struct.pack("<BQQQI", Opcode.FOOTER, 20, 0, 0, 0)
        try:
            self._disk.cut_back(end + MCAP0_MAGIC)
        except OSError:
            self._file.close()
            return self.path
        return self._close()

    def _close(self) -> Path:
        self.sync()
        final = finished_name(self.path)
        self.path.rename(final)
        self._file.close()
        try:
            sync_folder(final.parent)
        except OSError as error:
            # The recording is whole; to begin its end anew (`cut_short`) would only harm it.
            self.unsure = (
                f"recording {final}: its new name may not outlive a power cut: {error.strerror}"
            )
        return final

    def _put(self, topic: str, message: Message, data: bytes) -> None:
        if topic not in self._channels:
            self._channels[topic] = self._writer.register_channel(
                topic=topic,
                message_encoding=ENCODING,
                schema_id=self._writer.register_schema(
                    f"phosphene.{topic}", "jsonschema", _schema(type(message.header))
                ),
            )
        self._store(topic, message.header, data)

    def _put_picture(self, message: Message) -> None:
        if PICTURE_TOPIC not in self._channels:
            self._channels[PICTURE_TOPIC] = self._writer.register_channel(
                topic=PICTURE_TOPIC,
                message_encoding=MessageEncoding.Protobuf,
                schema_id=register_schema(self._writer, CompressedImage),
            )
        picture = CompressedImage(
            frame_id="frame", format="jpeg", data=jpeg(message.arrays["picture"])
        )
        picture.timestamp.FromNanoseconds(time_ns(message.header.t_sent))
        self._store(PICTURE_TOPIC, message.header, picture.SerializeToString())

    def _store(self, topic: str, header: Any, data: bytes) -> None:
        at = time_ns(header.t_sent)
        self._writer.add_message(
            self._channels[topic], at, data, at, sequence=header.seq & 0xFFFFFFFF
        )


def _schema(header: type) -> bytes:
    """Describe a topic's records: an array of the header and its buffers."""
    (described,), components = msgspec.json.schema_components(
        [header], ref_template="#/$defs/{name}"
    )
    return msgspec.json.encode(
        {
            "title": f"phosphene.{topic_of(header).decode()}",
            "type": "array",
            "description": "The header, then the buffer of each array that it describes.",
            "prefixItems": [described],
            "items": {"type": "string", "contentEncoding": "binary"},
            "$defs": components,
        }
    )
