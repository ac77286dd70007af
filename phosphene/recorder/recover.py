"""Repairing a recording whose writer died: the good prefix, with an index, under its final name."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from mcap.records import Channel, Metadata, Schema
from mcap.records import Message as Record
from mcap.writer import CompressionType, Writer

from phosphene.errors import RecordingError, problem
from phosphene.recorder.disk import Disk, disk_for
from phosphene.recorder.names import finished_name, is_unfinished, recordings_in
from phosphene.recorder.reader import Ending, records_of
from phosphene.recorder.writer import CHUNK_BYTES, PROFILE
from phosphene.seal.erase import erase_keys, sync_folder
from phosphene.seal.opening import is_sealed, is_unlocked, open_recording, sealed_header
from phosphene.seal.writer import Seal

__all__ = ["Recovered", "being_written", "recover", "recover_all"]

BEAT_EVERY = 200


@dataclass(frozen=True)
class Recovered:
    """What a repair has brought back.

    Attributes
    ----------
    path : Path
        The finished recording.
    messages : int
        Messages in it.
    lost_bytes : int
        Bytes behind the good prefix that could not be used.
    damage : str
        What was wrong where the file was not merely cut off; it is then kept beside the result.
    """

    path: Path
    messages: int
    lost_bytes: int
    damage: str

    def __str__(self) -> str:
        """Say it in words."""
        words = f"{self.path}: {self.messages} messages recovered"
        if self.lost_bytes:
            words += f", {self.lost_bytes} bytes at the end could not be used"
        return words + (f"; {self.damage}; the original is kept" if self.damage else "")


def recover(path: Path, alive: Callable[[], object] = lambda: None) -> Recovered:
    """Turn an unfinished recording into a finished one.

    Parameters
    ----------
    path : Path
        File named ``.mcap.part``; it is replaced by the finished one.
    alive : Callable
        Called now and then while a long file is copied.

    Raises
    ------
    RecordingError
        If it is not an unfinished recording, is still being written, or its final name is taken.
    """
    target = finished_name(path)
    if not is_unfinished(path) or not path.is_file():
        allowed = "an existing file named *.mcap.part or *.mcap.sealed.part"
        raise RecordingError(problem("recording", str(path), allowed, "Only those need repair."))
    if target.exists():
        raise RecordingError(f"{path}: {target.name} exists already; move one of them away")
    draft = path.with_name(target.name + ".repair")
    ending = Ending()
    with path.open("rb") as source:
        try:
            fcntl.flock(source.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecordingError(f"{path}: a recorder is still writing it") from error
        try:
            with open_recording(path) as content:
                messages = _copy(content, draft, _seal_again(path), ending, alive)
                read = content.seek(0, io.SEEK_END)
        except RecordingError as error:
            draft.unlink(missing_ok=True)
            raise RecordingError(f"{path}: {error}") from error
        draft.rename(target)
        # Only one of both is safe to lose, and only once the other is there for good.
        sync_folder(target.parent)
        if ending.damage:
            path.rename(path.with_name(path.name + ".damaged"))
        else:
            _put_away(path)
    lost = 0 if ending.complete else read - ending.read_bytes
    return Recovered(target, messages, lost, ending.damage)


def _put_away(path: Path) -> None:
    """Delete what was repaired; a later purge must not leave its keys in freed blocks."""
    if is_sealed(path):
        erase_keys(path)
    path.unlink()


def _seal_again(path: Path) -> Seal | None:
    """Return the seal of the repaired file: to the same stewards, for the same time."""
    if not is_sealed(path):
        return None
    header = sealed_header(path)
    core = header.core
    stewards = tuple(bytes.fromhex(key) for key in core.stewards)
    made = datetime.fromisoformat(core.made)
    return Seal(stewards, core.run, core.part, made, header.keep_until)


def _copy(
    source: BinaryIO, draft: Path, seal: Seal | None, ending: Ending, alive: Callable[[], object]
) -> int:
    """Copy the good prefix into a new file and return its number of messages."""
    # For its owner only, like the original.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(draft, flags, 0o600), "wb", buffering=0) as out:
        disk = disk_for(out, seal)
        messages = _rewrite(source, disk, ending, alive)
        disk.finish()
        os.fsync(out.fileno())
    return messages


def _rewrite(source: BinaryIO, disk: Disk, ending: Ending, alive: Callable[[], object]) -> int:
    messages = 0
    schemas, channels = {0: 0}, dict[int, int]()
    stream: Any = disk
    writer: Any = Writer(stream, chunk_size=CHUNK_BYTES, compression=CompressionType.LZ4)
    writer.start(profile=PROFILE)
    for record in records_of(source, ending):
        if isinstance(record, Schema) and record.id not in schemas:
            schemas[record.id] = writer.register_schema(record.name, record.encoding, record.data)
        elif isinstance(record, Channel) and record.id not in channels:
            channels[record.id] = writer.register_channel(
                record.topic,
                record.message_encoding,
                schemas[record.schema_id],
                record.metadata,
            )
        elif isinstance(record, Metadata):
            writer.add_metadata(record.name, record.metadata)
        elif isinstance(record, Record):
            writer.add_message(
                channels[record.channel_id],
                record.log_time,
                record.data,
                record.publish_time,
                record.sequence,
            )
            messages += 1
            if messages % BEAT_EVERY == 0:
                alive()
    writer.finish()
    return messages


def recover_all(folder: Path, alive: Callable[[], object] = lambda: None) -> list[Recovered]:
    """Repair every unfinished recording of a folder that nobody is writing.

    A sealed one is left as it is where it was not unlocked: only its steward can repair it.
    """
    repaired = []
    for path in recordings_in(folder):
        if is_unfinished(path) and not being_written(path) and is_unlocked(path):
            repaired.append(recover(path, alive))
    return repaired


def being_written(path: Path) -> bool:
    """Return whether a recorder has a recording open."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
