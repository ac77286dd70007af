"""Settings as people write them in a line or a box, and back. No Qt.

What cannot be read stays the text that it is: the settings model then says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gui.setup.schema import Kind, Setting

__all__ = ["in_one_line", "read", "shown"]

_TRUTHS = {"true": True, "false": False}


def in_one_line(setting: Setting) -> bool:
    """Tell whether a setting is written in one line: one value, or numbers between commas."""
    return setting.shape == "one" or (setting.shape == "list" and _numbers(setting.kind))


def shown(value: Any, setting: Setting) -> str:
    """Word a value; None, which is not set, is the empty text."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "\n".join(f"{name} = {_word(held)}" for name, held in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return (", " if _numbers(setting.kind) else "\n").join(_word(held) for held in value)
    return _word(value)


def read(text: str, setting: Setting) -> Any:
    """Read what somebody has written; None where nothing is written."""
    text = text.strip()
    if not text:
        return None
    if setting.shape == "one":
        return _read_one(text, setting.kind)
    if setting.shape == "list":
        parts = text.split(",") if _numbers(setting.kind) else text.splitlines()
        return [_read_one(part.strip(), setting.kind) for part in parts if part.strip()]
    pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
    if not all(name.strip() and sign for name, sign, _value in pairs):
        return text
    return {name.strip(): _read_one(value.strip(), setting.kind) for name, _, value in pairs}


def _numbers(kind: Kind) -> bool:
    return kind in ("whole", "number")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _read_one(text: str, kind: Kind) -> Any:
    if kind in ("text", "path", "choice"):
        return text
    if kind in ("switch", "value") and text in _TRUTHS:
        return _TRUTHS[text]
    for reader in (int,) if kind == "whole" else (float,) if kind == "number" else (int, float):
        try:
            return reader(text)
        except ValueError:
            continue
    return text
