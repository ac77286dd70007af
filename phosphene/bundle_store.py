"""Where a bundle lies: a folder, or a single file ending in .phos.

A .phos file is a zip of the same files, stored as they are, in one fixed form: the manifest first,
the others by name, no dates, no compression, nothing between or behind the entries. It is read only
if writing it anew gives the same bytes, so every changed byte, a file cut short, a name that leaves
the folder, an entry hidden from one reader or another and a zip bomb are refused alike. A sealed
one (`phosphene.seal.bundles`) is read with the key that was unlocked for it.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from phosphene.errors import BundleError, problem
from phosphene.seal.opening import open_recording

__all__ = ["MANIFEST", "PHOS", "Store", "open_store", "pack_archive", "read_archive", "write_store"]

MANIFEST = "manifest.json"
PHOS = ".phos"
_MOST_BYTES = 4 << 30
_MOST_FILES = 64
_MOST_MANIFEST_BYTES = 8 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PRIVATE = 0o100600 << 16
_UNIX = 3


@dataclass(frozen=True)
class Store:
    """The files of a bundle.

    Attributes
    ----------
    names : frozenset of str
        What there is.
    read : Callable
        Content of a file; None where it is no regular file.
    """

    names: frozenset[str]
    read: Callable[[str], bytes | None]


def open_store(path: Path) -> Store:
    """Open a bundle's folder or file.

    Raises
    ------
    BundleError
        If there is neither, or the file is not in its fixed form.
    """
    if path.is_file():
        held = read_archive(path)
        return Store(frozenset(held), held.get)
    if not path.is_dir():
        allowed = f"a folder with {MANIFEST}, or a {PHOS} file"
        raise BundleError(problem("bundle", str(path), allowed, "Fit one."))

    def read(name: str) -> bytes | None:
        file = path / name
        if file.is_symlink() or not file.is_file():
            return None
        most = _MOST_MANIFEST_BYTES if name == MANIFEST else _MOST_BYTES
        if (size := file.stat().st_size) > most:
            raise _refused(file, f"{size} bytes", f"up to {most}")
        return file.read_bytes()

    return Store(frozenset(p.name for p in path.iterdir()), read)


def pack_archive(payload: Mapping[str, bytes]) -> bytes:
    """Lay files out as a .phos file; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(payload, key=lambda n: (n != MANIFEST, n)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _PRIVATE
            archive.writestr(entry, payload[name])
    return buffer.getvalue()


def read_archive(path: Path) -> dict[str, bytes]:
    """Read a .phos file.

    Parameters
    ----------
    path : Path
        Up to 4 GiB.

    Returns
    -------
    dict of str to bytes
        Name and content of each file, not yet compared with the manifest.

    Raises
    ------
    BundleError
        If it is not in the fixed form.
    SealError
        If it is sealed and was not unlocked.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise _refused(path, f"{size} bytes", f"up to {_MOST_BYTES}")
    with open_recording(path) as file:
        content = file.read()
    try:
        held = _entries(content)
    except (
        zipfile.BadZipFile, EOFError, NotImplementedError, OSError, OverflowError, RuntimeError,
        ValueError,
    ) as error:  # fmt: skip
        raise _refused(path, str(error) or type(error).__name__) from error
    if pack_archive(held) != content:
        raise _refused(path, "changed, cut short or made by another program")
    return held


def _entries(content: bytes) -> dict[str, bytes]:
    """Read the entries; whatever could grow, repeat or leave is refused before it is read."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if not 0 < len(entries) <= _MOST_FILES:
            raise ValueError(f"{len(entries)} entries, allowed 1 to {_MOST_FILES}")
        if len({entry.filename for entry in entries}) < len(entries):
            raise ValueError("a name occurs twice")
        for entry in entries:
            plain = Path(entry.filename).name == entry.filename and "\\" not in entry.filename
            if not plain or entry.filename.startswith("."):
                raise ValueError(f"the name {entry.filename!r}")
            stored = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 0x1
            if not stored or entry.file_size != entry.compress_size:
                raise ValueError(f"{entry.filename} is compressed or encrypted")
        if sum(entry.file_size for entry in entries) > len(content):
            raise ValueError("entries that overlap")
        return {entry.filename: archive.read(entry) for entry in entries}


def _refused(path: Path, got: str, allowed: str = "a .phos file as it was written") -> BundleError:
    return BundleError(problem(str(path), got, allowed, "Copy the bundle again."))


def write_store(goal: Path, payload: Mapping[str, bytes], *, replace: bool) -> Path:
    """Write a bundle so that a reader sees all of it or nothing.

    Parameters
    ----------
    goal : Path
        A folder to make, or a file where the name ends in .phos.
    payload : Mapping of str to bytes
        The files.
    replace : bool
        Whether an existing bundle there may be replaced.

    Raises
    ------
    BundleError
        If something is there already and `replace` is False.
    """
    if goal.exists() and not replace:
        raise BundleError(
            problem("path", str(goal), "a name that does not exist", "Choose another name.")
        )
    goal.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{goal.name}.", dir=goal.parent))
    try:
        if goal.suffix == PHOS:
            _write_synced(fresh / goal.name, pack_archive(payload))
            _put(fresh / goal.name, goal)
        else:
            for name, content in payload.items():
                _write_synced(fresh / name, content)
            _put(fresh, goal)
        _sync_folder(goal.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return goal


def _put(made: Path, goal: Path) -> None:
    """Rename what was made to its goal, in the place of what may be there."""
    if goal.is_dir():
        old = goal.with_name(f".{goal.name}.old-{os.getpid()}")
        goal.rename(old)
        made.rename(goal)
        shutil.rmtree(old)
        return
    if goal.exists() and made.is_dir():
        goal.unlink()
    made.replace(goal)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
