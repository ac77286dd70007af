"""Sorts the DICOM files of a folder by series; the rest of a file is not looked at."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag

__all__ = ["by_series"]

_SERIES = Tag("SeriesInstanceUID")
_DAMAGE = (
    AttributeError, EOFError, InvalidDicomError, KeyError, NotImplementedError, OSError,
    OverflowError, TypeError, ValueError, struct.error,
)  # fmt: skip


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
    def beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return bool(tag > _SERIES)

    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning could show what is in the file
            found = read_partial(file, beyond, specific_tags=[_SERIES])
        return str(found.get("SeriesInstanceUID", ""))
    except _DAMAGE:
        return ""
