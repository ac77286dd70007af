"""Tells sentences one by one, unless too many of a kind come at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Flood", "without_ages"]

_MOST_KEPT = 10_000


def without_ages(text: str) -> str:
    """Return a text without its numbers of seconds, which may grow while nothing happens."""
    return re.sub(r"\d+(?:\.\d+)?(?= s\b)", "#", text)


@dataclass
class _Kind:
    since_s: float
    told: int = 0
    held: int = 0


class Flood:
    """Lets each sentence through once, and of one kind a few within a time.

    Sentences that differ in numbers only are of one kind: files or volumes that are left out.

    Parameters
    ----------
    most : int
        Sentences of one kind that are told within `within_s`.
    within_s : float
        Length of that time in seconds.
    """

    def __init__(self, most: int = 5, within_s: float = 10.0) -> None:
        self._most, self._within_s = most, within_s
        self._told: dict[tuple[str, str], None] = {}
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def admit(self, who: str, sentence: str, now_s: float) -> bool:
        """Return whether a sentence is to be told now; one that is not is counted."""
        exact = (who, without_ages(sentence))
        if exact in self._told:
            return False
        self._told[exact] = None
        if len(self._told) > _MOST_KEPT:
            del self._told[next(iter(self._told))]
        kind = self._kinds.setdefault((who, re.sub(r"\d+", "#", sentence)), _Kind(now_s))
        if kind.told >= self._most:
            kind.held += 1
            return False
        kind.told += 1
        return True

    def over(self, now_s: float, *, end: bool = False) -> Iterator[tuple[str, int]]:
        """Yield who has had sentences held back, and how many, once their time is over.

        Parameters
        ----------
        now_s : float
            Present time in seconds.
        end : bool
            True: do not wait for that.
        """
        for key, kind in list(self._kinds.items()):
            if end or now_s - kind.since_s >= self._within_s:
                del self._kinds[key]
                if kind.held:
                    yield key[0], kind.held
