"""What a run leaves beside its recordings: as personal as they are, and erased with the last.

Files go by their names only, from the run's own folder and from two folders in it, opened without
following a link. Whatever else lies there stays.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from phosphene.consent.files import NAMES_BESIDE
from phosphene.recorder.names import number_of

__all__ = ["NOTHING", "Leftovers", "is_ours", "leftovers_of", "remove", "rest_of", "short_names"]

MADE = (
    "report.html", "report.json", "preview.mp4", "volumes.csv", "tmap-*.nii.gz",
    ".half-tmap-*.nii.gz", "*.scores", "*.scores.sealed", "released.json", "released.json.new",
)  # fmt: skip
"""What the run, its report and its release write."""
COPIES = (*NAMES_BESIDE, "recording*.consent.toml", "recording*.consent.json", "bundle.phos",
          "bundle.phos.sealed")  # fmt: skip
"""What is laid beside a recording to replay it with: consent and decoder."""
LOGS, BUNDLE, MANIFEST = "logs", "bundle", "manifest.json"
_SIGNS = ("report.json", "report.html", "released.json", "*.scores*", "logs/gate.log")
_AFTER_REPAIR = (".damaged", ".repair")


@dataclass(frozen=True)
class Leftovers:
    """What lies beside the recordings of a run.

    Attributes
    ----------
    goes : tuple of Path
        Files that are erased with them.
    stays : tuple of Path
        Files and folders that are not the run's, or copies that are a study's own.
    waits : bool
        Whether nothing goes yet, because another recording is in the same folder.
    """

    goes: tuple[Path, ...]
    stays: tuple[Path, ...]
    waits: bool = False


NOTHING = Leftovers((), ())


def is_ours(path: Path) -> bool:
    """Return whether a file has the name of a recording, or of one that a repair has left."""
    name = path.name
    for suffix in _AFTER_REPAIR:
        name = name.removesuffix(suffix)
    return number_of(path.with_name(name)) is not None


def leftovers_of(folder: Path, going: Collection[Path] = ()) -> Leftovers:
    """Find what a run has left in its folder.

    Parameters
    ----------
    folder : Path
        Folder of the recordings.
    going : collection of Path
        Recordings in it that are erased, too.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    entries = sorted(folder.iterdir())
    if any(is_ours(path) and path not in going for path in entries):
        return Leftovers((), (), waits=True)
    # Beside a session file they are the study's own, not copies.
    names = MADE if any(_is_study(path) for path in entries) else MADE + COPIES
    goes: list[Path] = []
    stays: list[Path] = []
    for path in entries:
        if path in going:
            continue
        inside = sorted(path.iterdir()) if _holds_ours(path, names) else []
        for file in inside or [path]:
            ours = _is_inner(file) if inside else any(fnmatchcase(path.name, n) for n in names)
            if ours and _regular(file):
                goes.append(file)
            elif file.name != LOGS or file.is_symlink():
                stays.append(file)
    return Leftovers(tuple(goes), tuple(stays))


def rest_of(folder: Path) -> Leftovers:
    """Find what a run has left whose recording is gone already; nothing where no run is known.

    Parameters
    ----------
    folder : Path
        Folder that may have been a run's. It was, if a report, a release, scores or the logs of its
        gate lie there.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    if not folder.is_dir():
        return NOTHING
    found = leftovers_of(folder)
    names = [path.relative_to(folder).as_posix() for path in found.goes]
    known = any(fnmatchcase(name, sign) for name in names for sign in _SIGNS)
    return found if known else NOTHING


def _is_study(path: Path) -> bool:
    """Return whether it is a session file: TOML, and no consent."""
    if path.suffix != ".toml" or not _regular(path):
        return False
    try:
        return "scopes" not in tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return not any(fnmatchcase(path.name, name) for name in COPIES)


def _holds_ours(path: Path, names: Collection[str]) -> bool:
    """Return whether it is the folder of logs, or of a decoder's copy, and no link to one."""
    if path.is_symlink() or not path.is_dir():
        return False
    copy = path.name == BUNDLE and names is not MADE and _regular(path / MANIFEST)
    return copy or path.name == LOGS


def _is_inner(file: Path) -> bool:
    return file.parent.name == BUNDLE or file.suffix == ".log"


def _regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def short_names(folder: Path, paths: Collection[Path]) -> list[str]:
    """Name files for a person: those in a folder below by its name and their number."""
    names: dict[str, int] = {}
    for path in paths:
        inner = path.parent != folder
        name = f"{path.parent.name}/" if inner else path.name + "/" * path.is_dir()
        names[name] = names.get(name, 0) + inner
    return [f"{name} ({count})" if count else name for name, count in names.items()]


def remove(folder: Path, paths: Collection[Path]) -> tuple[list[Path], list[str]]:
    """Delete files of a folder and of folders in it; what fails keeps none of the others.

    Parameters
    ----------
    folder : Path
        The run's.
    paths : collection of Path
        As `leftovers_of` has found them.

    Returns
    -------
    gone : list of Path
    troubles : list of str
        What is still there, and why.
    """
    gone: list[Path] = []
    troubles: list[str] = []
    for parent in dict.fromkeys(path.parent for path in paths):
        inside = [path for path in paths if path.parent == parent]
        try:
            # A link that somebody puts in the folder's place meanwhile leads nowhere.
            link = os.O_NOFOLLOW if parent != folder else 0
            handle = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | link)
        except OSError as error:
            troubles.append(f"{parent}: NOT erased: {error.strerror}")
            continue
        try:
            _unlink(handle, inside, gone, troubles)
        finally:
            os.close(handle)
    for name in (LOGS, BUNDLE):
        with suppress(OSError):  # what is not empty, or a link, stays
            (folder / name).rmdir()
    return gone, troubles


def _unlink(handle: int, paths: list[Path], gone: list[Path], troubles: list[str]) -> None:
    for path in paths:
        try:
            os.unlink(path.name, dir_fd=handle)
        except OSError as error:
            troubles.append(f"{path}: NOT erased: {error.strerror}")
        else:
            gone.append(path)
    os.fsync(handle)
