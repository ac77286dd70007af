"""Erasing recordings: first the sealed keys, then the files.

Of a sealed recording the keys in its header are overwritten, which makes every byte behind them
useless, also where the file system keeps old blocks; copies elsewhere are not reached. An ordinary
recording can only be deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from phosphene.errors import PhospheneError, SealError
from phosphene.recorder.reader import start_of
from phosphene.recorder.recover import being_written
from phosphene.seal.erase import erase_keys, sync_folder
from phosphene.seal.leftovers import is_ours, leftovers_of, remove, rest_of
from phosphene.seal.opening import is_sealed, sealed_header

__all__ = ["Candidate", "Erased", "candidates", "erase", "erase_rest"]


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
    unreadable : bool
        Whether the only obstacle is that nobody can tell what it is: one of our names, damaged.
    """

    path: Path
    sealed: bool
    id: str
    run: str
    keep_until: datetime | None
    obstacle: str = ""
    unreadable: bool = False

    def due(self, now: datetime) -> bool:
        """Return whether its time is over."""
        return self.keep_until is not None and now >= self.keep_until


@dataclass(frozen=True)
class Erased:
    """What came of erasing a recording.

    Attributes
    ----------
    gone : tuple of Path
        All files that are gone, the recording first.
    troubles : tuple of str
        What beside it is still there, and why.
    """

    gone: tuple[Path, ...]
    troubles: tuple[str, ...] = ()


def candidates(where: Path) -> Iterator[Candidate]:
    """Yield the recordings of a file, or of a folder and all below it; no link is followed."""
    if where.is_symlink() and where.is_file():
        yield _told_only(where, "is a symbolic link; name the file that it leads to")
        return
    if where.is_file():
        yield _candidate(where) or _told_only(where, "is not a recording of ours")
        return
    for path in sorted(where.rglob("recording*.mcap*")):
        if path.suffix in (".toml", ".json") or path.is_symlink() or not path.is_file():
            continue  # a consent may have a recording's name
        if found := _candidate(path):
            yield found


def _candidate(path: Path) -> Candidate | None:
    """Judge a file; None for one that only has a similar name."""
    try:
        if being_written(path) or being_written(_source_of(path)):
            return _judged(path, "is being written")
        return _judged(path, "")
    except OSError as error:
        return _told_only(path, f"cannot be judged: {error.strerror}")
    except (PhospheneError, ValueError) as error:
        ours = is_ours(path) and not being_written(path)
        return _told_only(path, f"cannot be judged: {error}", unreadable=ours)


def _source_of(path: Path) -> Path:
    """Return what a repair reads while it writes a file; otherwise the file itself."""
    source = path.with_name(path.name.removesuffix(".repair") + ".part")
    return source if path.name.endswith(".repair") and source.is_file() else path


def _told_only(path: Path, obstacle: str, *, unreadable: bool = False) -> Candidate:
    return Candidate(path, is_sealed(path), "", "", None, obstacle, unreadable)


def _judged(path: Path, obstacle: str) -> Candidate | None:
    if is_sealed(path):
        header = sealed_header(path)
        core = header.core
        return Candidate(path, True, core.id, core.run, header.keep_until, obstacle)
    start = start_of(path)
    if start is None and not is_ours(path):
        return None
    told = "" if start is None else start.facts.get("keep_until", "")
    until = datetime.fromisoformat(told) if told else None
    if until is not None and until.tzinfo is None:
        raise ValueError("its time has no zone")
    return Candidate(path, False, "", start.run if start else "", until, obstacle)


def erase(found: Candidate) -> Erased:
    """Erase a recording, and what its run left beside it once no recording is there any more.

    Raises
    ------
    OSError
        If the recording cannot be written or deleted.
    SealError
        If it is no recording of ours, or another one than when it was judged.
    """
    path = found.path
    if _candidate(path) != found:
        raise SealError(f"{path}: has changed meanwhile; nothing is erased")
    if not is_ours(path) and "recording" not in path.name:
        raise SealError(f"{path}: not a recording's name; nothing is erased")
    if found.sealed:
        erase_keys(path)
    path.unlink()
    folder = path.parent
    gone: list[Path] = [path]
    troubles: list[str] = []
    try:
        if is_ours(path):
            beside, troubles = remove(folder, leftovers_of(folder).goes)
            gone += beside
        sync_folder(folder)
    except OSError as error:
        # The recording is gone, which the log has to tell.
        troubles.append(f"{folder}: {error.strerror}")
    return Erased(tuple(gone), tuple(troubles))


def erase_rest(folder: Path) -> Erased:
    """Erase what a run has left in its folder, where the recording is gone already.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    gone, troubles = remove(folder, rest_of(folder).goes)
    return Erased(tuple(gone), tuple(troubles))
