"""What nodes tell: which of it is news, and no reason to worry; and its words. No Qt."""

from __future__ import annotations

import re

from gui.texts import told

__all__ = ["is_news", "line_words", "note_words", "why_words"]

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
_NOTHING = "nothing is decoded: "
"""Begins the gate's reasons for no decoding; where they are told that stands there already."""
_WITH = "; "
"""Joins several troubles of one node to a note."""
_LINE = re.compile(r"(?P<mark>▲ )?(?P<node>[a-z]+): (?P<note>.*)", re.DOTALL)
_PATTERN = re.compile("|".join(f"(?:{news})" for news in _NEWS))


def is_news(note: str) -> bool:
    """Tell whether a note only says what a node has done, as it should.

    Parameters
    ----------
    note : str
        In English, as the node tells it.
    """
    return _PATTERN.fullmatch(note) is not None


def note_words(note: str) -> str:
    """Return a node's note in the language in use, part by part or as a whole."""
    parts = note.split(_WITH)
    words = list(map(told, parts))
    # A sentence may hold the same sign: then not all of its parts are known.
    known = all(word != part for word, part in zip(words, parts, strict=True))
    whole = note if known else told(note)
    return whole if whole != note else _WITH.join(words)


def line_words(line: str) -> str:
    """Return a line of the log in the language in use; the name of a node in front of it stays."""
    if found := _LINE.fullmatch(line):
        words = note_words(found["note"])
        if words != found["note"]:
            return f"{found['mark'] or ''}{found['node']}: {words}"
    return told(line)


def why_words(reason: str) -> str:
    """Return why the gate lets nothing be decoded, in the language in use."""
    return told(reason.removeprefix(_NOTHING))
