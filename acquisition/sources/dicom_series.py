"""Sorts the DICOM files of a folder by series; the rest of a file is not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acquisition.sources.dicom import series_of
from phosphene.errors import InputError, TruncatedError

__all__ = ["by_series"]

_BEGINNING = 1 << 15
"""Bytes in which the series is mostly named."""


def by_series(files: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Return the files of each series, in the order in which the series begin.

    A file that cannot be read goes with the series before it, so that it is told of where that is
    read.
    """
    found: dict[str, list[Path]] = {}
    series = ""
    for path in files:
        series = _series_of(path) or series
        found.setdefault(series, []).append(path)
    if "" in found and len(found) > 1:
        unknown = found.pop("")
        first = next(iter(found))
        found[first] = unknown + found[first]
    return [tuple(paths) for paths in found.values()]


def _series_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
            try:
                return series_of(beginning)
            except TruncatedError:
                return series_of(beginning + file.read())
    except (InputError, OSError):
        return ""
