"""Names of recording files; nothing is ever overwritten."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = [
    "FINISHED",
    "SEALED",
    "UNFINISHED",
    "finished_name",
    "is_unfinished",
    "next_free",
    "number_of",
    "recordings_in",
]

FINISHED, SEALED, UNFINISHED = ".mcap", ".sealed", ".part"
_NAME = re.compile(r"^recording(?:-(\d{3,}))?\.mcap(?:\.sealed)?(?:\.part)?$")


def number_of(path: Path) -> int | None:
    """Return the number of a recording file, 1 for the first, None for any other file."""
    found = _NAME.match(path.name)
    return None if found is None else int(found.group(1) or 1)


def recordings_in(folder: Path) -> list[Path]:
    """Return the recording files of a folder in order, finished or not.

    Where a recording exists both finished and unfinished (its repair was cut short), the finished
    one counts; where it exists both ordinary and sealed, the ordinary one.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        number = number_of(path)
        if number is not None and (number not in found or is_unfinished(found[number])):
            found[number] = path
    return [found[n] for n in sorted(found)]


def finished_name(path: Path) -> Path:
    """Return the name that an unfinished recording gets when it is complete."""
    return path.with_name(path.name.removesuffix(UNFINISHED))


def is_unfinished(path: Path) -> bool:
    """Return whether a recording's name says that it was not finished."""
    return path.name.endswith((FINISHED + UNFINISHED, FINISHED + SEALED + UNFINISHED))


def next_free(folder: Path, *, sealed: bool = False) -> Path:
    """Return the name for a new, unfinished recording after all that exist."""
    numbers = [number_of(p) or 0 for p in recordings_in(folder)]
    number = max(numbers, default=0) + 1
    stem = "recording" if number == 1 else f"recording-{number:03d}"
    return folder / (stem + FINISHED + (SEALED if sealed else "") + UNFINISHED)
