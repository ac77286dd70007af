"""Tells series apart by folder and name, for files that carry no identifier of their series."""

from __future__ import annotations

import re
from pathlib import PurePath

from acquisition.errors import OtherSeriesError
from acquisition.sources.identity import keyed_hash
from phosphene.errors import problem

__all__ = ["NameSeries"]

_NUMBERS = re.compile(r"\d+")


class NameSeries:
    """The series that the first file belongs to.

    Files of a series lie in one folder, and of the numbers in their names only the last one counts
    volumes. A number that is the same as the last one counts them as well (SPM writes both
    acquisition and image); all others are the same throughout a series.

    Parameters
    ----------
    key : bytes
        Random key of the run, see `acquisition.sources.identity`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._first: tuple[str, list[int]] | None = None

    def take(self, name: str, stem: str, index: int, shown: str) -> str:
        """Check that a file, relative to its folder, belongs to the series.

        Returns
        -------
        str
            Keyed hash of the series.

        Raises
        ------
        OtherSeriesError
            If it belongs to another one.
        """
        found = (str(PurePath(name).parent), [int(number) for number in _NUMBERS.findall(stem)])
        self._first = self._first or found
        own = self._hash(self._first)
        if not _same(self._first, found):
            other = self._hash(found)
            raise OtherSeriesError(
                problem(shown, f"series {other}", f"series {own}", "Start a new run for it."),
                other,
                index,
            )
        return own

    def _hash(self, found: tuple[str, list[int]]) -> str:
        folder, numbers = found
        kept = [number for number in numbers[:-1] if number != numbers[-1]]
        return keyed_hash(self._key, f"{folder} {kept}")


def _same(first: tuple[str, list[int]], found: tuple[str, list[int]]) -> bool:
    (folder, ours), (other_folder, theirs) = first, found
    if folder != other_folder or len(ours) != len(theirs):
        return False
    return all(
        a == b or (a == ours[-1] and b == theirs[-1])
        for a, b in zip(ours[:-1], theirs[:-1], strict=True)
    )
