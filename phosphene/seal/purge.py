"""Erasing recordings: first the sealed keys, then the files.

Of a sealed recording the keys in its header are overwritten, which makes every byte behind them
useless, also where the file system keeps old blocks; copies elsewhere are not reached. An ordinary
recording can only be deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from phosphene.errors import RecordingError, SealError
from phosphene.recorder.names import number_of, recordings_in
from phosphene.recorder.reader import start_of
from phosphene.recorder.recover import being_written
from phosphene.seal.opening import is_sealed, sealed_header

__all__ = ["Candidate", "candidates", "erase"]

COMPANIONS = ("report.*", "preview.mp4", "volumes.csv", "tmap-*.nii.gz", "logs/*.log",
              "*.scores", "*.scores.sealed")  # fmt: skip
"""What a run leaves beside its recordings."""


@dataclass(frozen=True)
class Candidate:
    """A recording that may have to go.

    Attributes
    ----------
    path : Path
        The file.
    sealed : bool
        Whether it is sealed.
    id : str
        Identifier of a sealed one; empty otherwise.
    run : str
        Identifier of its run; empty where it cannot be read.
    keep_until : datetime or None
        When its time is over; None for never.
    obstacle : str
        Why it cannot be judged or erased now; empty otherwise.
    """

    path: Path
    sealed: bool
    id: str
    run: str
    keep_until: datetime | None
    obstacle: str = ""

    def due(self, now: datetime) -> bool:
        """Return whether its time is over."""
        return self.keep_until is not None and now >= self.keep_until


def candidates(where: Path) -> Iterator[Candidate]:
    """Yield the recordings of a file, or of a folder and all below it."""
    paths = [where] if where.is_file() else sorted(where.rglob("recording*.mcap*"))
    for path in paths:
        if path.is_file() and not path.is_symlink():
            yield _candidate(path)


def _candidate(path: Path) -> Candidate:
    sealed = is_sealed(path) or ".mcap.sealed" in path.name
    try:
        if sealed:
            header = sealed_header(path)
            core, until = header.core, header.keep_until
            return Candidate(path, True, core.id, core.run, until, _obstacle(path))
        start = start_of(path)
        told = "" if start is None else start.facts.get("keep_until", "")
        until = datetime.fromisoformat(told) if told else None
        return Candidate(path, False, "", start.run if start else "", until, _obstacle(path))
    except (RecordingError, ValueError) as error:
        return Candidate(path, sealed, "", "", None, f"cannot be judged: {error}")


def _obstacle(path: Path) -> str:
    return "is being written" if being_written(path) else ""


def erase(found: Candidate) -> list[Path]:
    """Erase a recording, and what its run left beside it once no recording is there any more.

    Returns
    -------
    list of Path
        All files that are gone.

    Raises
    ------
    OSError
        If a file cannot be written or deleted.
    SealError
        If it is no recording of ours.
    """
    path = found.path
    if number_of(path) is None and "recording" not in path.name:
        raise SealError(f"{path}: not a recording's name; nothing is erased")
    if found.sealed and found.id:
        _erase_keys(path)
    gone = [path]
    path.unlink()
    folder = path.parent
    if not recordings_in(folder) and number_of(path) is not None:
        for pattern in COMPANIONS:
            for beside in sorted(folder.glob(pattern)):
                beside.unlink()
                gone.append(beside)
    _sync_folder(folder)
    return gone


def _erase_keys(path: Path) -> None:
    header = sealed_header(path)
    with path.open("r+b", buffering=0) as file:
        file.seek(header.wrapped_at)
        file.write(bytes(len(header.wrapped)))
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
