"""Which files of a folder were there before the run began; they belong to something else."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from phosphene.errors import InputError

__all__ = ["there_before"]

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
        kept.write_text(json.dumps(found), encoding="utf-8")
        if found:
            _LOG.info("%d files are in the folder already and are left alone", len(found))
        return list(found)
    before: dict[str, list[int]] = json.loads(kept.read_text(encoding="utf-8"))
    return [name for name, stamp in before.items() if found.get(name, stamp) == stamp]


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
