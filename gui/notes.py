"""Which notes of the nodes are news, and no reason to worry. No Qt."""

from __future__ import annotations

import re

__all__ = ["is_news"]

_NEWS = (
    # The renderer does as it was told. What it has to object follows after a semicolon.
    r"set [^;]*(; (loading, the old one paints|preparing [^;]*, painting goes on as before)"
    r" until then)?",
    r"painting with [^;]*",
    # Percepts that mean nothing are no fault; that no picture comes for long has an alarm.
    r"no decode: [^;]*; such percepts stay neutral",
    r"the first of \d+ runs is replayed; --run chooses another one",
    r"the folder is on [^;]*, a local disk: read as soon as the system tells of a file",
)
_PATTERN = re.compile("|".join(f"(?:{news})" for news in _NEWS))


def is_news(note: str) -> bool:
    """Tell whether a note only says what a node has done, as it should.

    Parameters
    ----------
    note : str
        In English, as the node tells it.
    """
    return _PATTERN.fullmatch(note) is not None
