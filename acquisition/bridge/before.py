"""Which files of a folder a bridge that starts again has to know: by keyed hashes of their names.

Names may hold a person's; not even the private folder of the run keeps them.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from acquisition.sources.identity import keyed_hash, new_key
from phosphene.errors import InputError

__all__ = ["keep_name", "kept_name", "there_before"]

_KEPT = "bridge.before"
_LOG = logging.getLogger("bridge")


def there_before(run_folder: Path, folder: Path, depth: int) -> list[str]:
    """Return the files that were there at the start of the run and have not changed since.

    Parameters
    ----------
    run_folder : Path
        Private folder of the run; what was found is kept there for a process that starts again.
    folder : Path
        Where the scanner writes.
    depth : int
        Levels of subfolders that belong to it.

    Returns
    -------
    list of str
        Names relative to the folder.

    Raises
    ------
    InputError
        If the folder cannot be listed.
    """
    kept = run_folder / _KEPT
    try:
        found = _stamps(folder, depth)
    except OSError as error:
        raise InputError(f"source folder: {error.strerror}; create it") from error
    if not kept.exists():
        key = new_key()
        files = {keyed_hash(key, name): stamp for name, stamp in found.items()}
        kept.write_text(json.dumps({"key": key.hex(), "files": files}), encoding="utf-8")
        if found:
            _LOG.info("%d files are in the folder already and are left alone", len(found))
        return list(found)
    read = json.loads(kept.read_text(encoding="utf-8"))
    key, before = bytes.fromhex(read["key"]), read["files"]
    return [name for name, stamp in found.items() if before.get(keyed_hash(key, name)) == stamp]


def keep_name(kept: Path, name: str) -> None:
    """Keep a mark of a file's name for a process that starts again."""
    key = new_key()
    kept.write_text(f"{key.hex()} {keyed_hash(key, name)}", encoding="utf-8")


def kept_name(kept: Path | None, folder: Path, depth: int) -> str:
    """Return the file of a folder whose mark an earlier process has kept; "" if there is none.

    Parameters
    ----------
    kept : Path or None
        Where the mark is.
    folder : Path
        Where the scanner writes.
    depth : int
        Levels of subfolders that belong to it.
    """
    if kept is None or not kept.exists():
        return ""
    key, mark = kept.read_text(encoding="utf-8").split()
    try:
        names = _stamps(folder, depth)
    except OSError:
        return ""
    return next((name for name in names if keyed_hash(bytes.fromhex(key), name) == mark), "")


def _stamps(folder: Path, depth: int, prefix: str = "") -> dict[str, list[int]]:
    """Return size and time stamp of every file."""
    found: dict[str, list[int]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_file():
                    stat = entry.stat()
                    found[f"{prefix}{entry.name}"] = [stat.st_size, stat.st_mtime_ns]
                elif depth > 0 and entry.is_dir(follow_symlinks=False):
                    inner = f"{prefix}{entry.name}/"
                    found |= _stamps(folder / entry.name, depth - 1, inner)
            except OSError:
                continue  # gone again, or not ours to read
    return found
