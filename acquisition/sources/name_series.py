"""Tells series apart by folder and name, for files that carry no identifier of their series."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from acquisition.errors import OtherSeriesError
from acquisition.sources.identity import keyed_hash
from phosphene.errors import problem

__all__ = ["NameSeries"]

_NUMBERS = re.compile(r"\d+", re.ASCII)
_BETWEEN = r"[-_.:Tt ]?"
_TIME_STAMP = re.compile(
    rf"(?<!\d)((?:19|20)\d\d){_BETWEEN}(\d\d){_BETWEEN}(\d\d){_BETWEEN}(\d\d){_BETWEEN}"
    rf"([0-5]\d){_BETWEEN}([0-5]\d)(?:\.\d{{1,6}})?(?=\D.*\d)",
    re.ASCII,
)
_LONGEST_TR_S = 30.0


@dataclass(frozen=True)
class _Name:
    """What a name says: folder, numbers, and the date and time among them."""

    folder: str
    numbers: tuple[int, ...]
    stamp_s: float | None

    @classmethod
    def of(cls, name: str, stem: str) -> _Name:
        found, stamp_s = _TIME_STAMP.search(stem), None
        if found:
            with suppress(ValueError):  # digits that are no date
                parts = (int(part) for part in found.groups())
                stamp_s = datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]
                stem = f"{stem[: found.start()]} {stem[found.end() :]}"
        numbers = tuple(int(number) for number in _NUMBERS.findall(stem))
        return cls(str(PurePath(name).parent), numbers, stamp_s)

    def alike(self, other: _Name) -> bool:
        """Tell whether all but the last number, and those that go with it, are the same."""
        ours, theirs = self.numbers, other.numbers
        if self.folder != other.folder or len(ours) != len(theirs):
            return False
        return all(
            a == b or (a == ours[-1] and b == theirs[-1])
            for a, b in zip(ours[:-1], theirs[:-1], strict=True)
        )


class NameSeries:
    """The series that the first file belongs to.

    Files of a series lie in one folder, and of the numbers in their names only the last one counts
    volumes. A number that is the same as the last one counts them as well (SPM writes both
    acquisition and image); all others are the same throughout a series.

    A date with its time may be that of the series, the same in all names, or that of each volume.
    The second file tells: where it differs it has to go on with the number of the volume, by no
    more than 30 seconds for each.

    Parameters
    ----------
    key : bytes
        Random key of the run, see `acquisition.sources.identity`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._first: _Name | None = None
        self._last: _Name | None = None
        self._stamped_once = False

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
        found = _Name.of(name, stem)
        self._first = self._first or found
        last = self._last or found
        own = self._hash(self._first)
        if not (self._first.alike(found) and self._goes_on(last, found)):
            other = self._hash(found, other=True)
            raise OtherSeriesError(
                problem(shown, f"series {other}", f"series {own}", "Start a new run for it."),
                other,
                index,
            )
        if found.numbers[-1:] != last.numbers[-1:] and found.stamp_s == last.stamp_s:
            self._stamped_once = True
        self._last = found
        return own

    def _goes_on(self, last: _Name, found: _Name) -> bool:
        if last.stamp_s is None or found.stamp_s is None:
            return last.stamp_s is found.stamp_s
        if self._stamped_once or found.stamp_s == last.stamp_s:
            return last.stamp_s == found.stamp_s
        steps = found.numbers[-1] - last.numbers[-1]
        gone_s = found.stamp_s - last.stamp_s
        return steps != 0 and 0 < gone_s / steps <= _LONGEST_TR_S

    def _hash(self, found: _Name, *, other: bool = False) -> str:
        numbers = found.numbers
        kept = [number for number in numbers[:-1] if number != numbers[-1]]
        # that of one volume is no mark of its series
        stamp = (found.stamp_s if self._stamped_once else "another") if other else ""
        return keyed_hash(self._key, f"{found.folder} {kept} {stamp}")
