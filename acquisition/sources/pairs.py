"""Volumes that come as two files, a header and its pixels, in either order."""

from __future__ import annotations

from pathlib import PurePath

from phosphene.errors import InputError, problem

__all__ = ["Pairs"]

_MOST_HALVES = 64


class Pairs:
    """Keeps the half that came first until the other one is there.

    Parameters
    ----------
    header, pixels : str
        Endings of the two names, in lower case, with the dot.
    """

    def __init__(self, header: str, pixels: str) -> None:
        self._endings = (header, pixels)
        self._halves: dict[str, dict[str, bytes]] = {}

    def add(self, name: str, raw: bytes) -> tuple[bytes, bytes] | None:
        """Take a file; return header and pixels once both are there.

        Both stay until `forget`, so that a half that turns out to be cut can come again.

        Raises
        ------
        InputError
            If very many headers or pixels wait for their other half.
        """
        path = PurePath(name)
        halves = self._halves.setdefault(str(path.with_suffix("")), {})
        halves[path.suffix.lower()] = raw
        if len(self._halves) > _MOST_HALVES:
            oldest = next(iter(self._halves))
            missing = next(end for end in self._endings if end not in self._halves.pop(oldest))
            raise InputError(
                problem("files", f"{_MOST_HALVES} pairs without {missing}", "both of each pair",
                        "Let the export write both files.")
            )  # fmt: skip
        found = [halves.get(ending) for ending in self._endings]
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    def forget(self, name: str, ending: str | None = None) -> None:
        """Give up a pair, or just the half with one ending."""
        stem = str(PurePath(name).with_suffix(""))
        if ending is None:
            self._halves.pop(stem, None)
        else:
            self._halves.get(stem, {}).pop(ending, None)
