"""Finds every sentence that the windows show, by reading their source."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

__all__ = ["GUI", "Found", "bare", "found", "holes"]

GUI = Path(__file__).resolve().parents[2] / "gui"
_TRANSLATE = ("tr", "mark")
_SHOWN = {
    "Confidence", "Displacement", "Dvars", "Interval", "KeyButton", "Lamp", "Latency", "PageButton",
    "PicturePanel", "Plot", "Position", "QAction", "QCheckBox", "QDockWidget", "QGroupBox",
    "QLabel", "QMenu", "QPushButton",
    "QRadioButton", "QToolButton", "addAction", "addItem", "addItems", "addMenu", "addRow",
    "addTab", "appendPlainText", "insertTab", "setAccessibleDescription", "setAccessibleName",
    "setHeaderLabels", "setHorizontalHeaderLabels", "setHtml", "setInformativeText", "setPlainText",
    "setPlaceholderText", "setPrefix", "setStatusTip", "setSuffix", "setText", "setTitle",
    "setToolTip", "setWhatsThis", "setWindowTitle", "show_card", "showMessage",
}  # fmt: skip
"""What puts words on the screen."""
_UNITS = ("deg", "Hz", "mm", "ms")


@dataclass(frozen=True)
class Found:
    """A sentence with its place, and the values it gets (None: not told in the source)."""

    english: str
    place: str
    values: frozenset[str] | None


def found(folder: Path = GUI) -> Iterator[Found]:
    """Go through every sentence that is passed to `tr` or `mark`."""
    for place, call in _calls(folder):
        if _name(call) not in _TRANSLATE or not call.args:
            continue
        for english in _constants(call.args[0]):
            yield Found(english, place, _values(call))


def bare(folder: Path = GUI) -> Iterator[str]:
    """Go through texts that reach the screen past `tr`."""
    for place, call in _calls(folder):
        if _name(call) in _TRANSLATE:
            for part in call.args[:1]:
                if isinstance(part, ast.JoinedStr):
                    yield f"{place}: formatted before it is translated"
        if _name(call) not in _SHOWN:
            continue
        for argument in call.args:
            parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
            for part in parts:
                for words in _constants(part):
                    if _wordy(words):
                        yield f"{place}: {words!r}"


def holes(sentence: str) -> set[str]:
    """Return the names of a sentence's placeholders."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def _calls(folder: Path) -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{file.relative_to(folder.parent)}:{node.lineno}", node


def _name(call: ast.Call) -> str:
    made = call.func
    return made.id if isinstance(made, ast.Name) else getattr(made, "attr", "")


def _constants(node: ast.expr) -> Iterator[str]:
    """Return the sentences that an argument can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, (ast.List, ast.Tuple)):
        for part in node.elts:
            yield from _constants(part)


def _values(call: ast.Call) -> frozenset[str] | None:
    if _name(call) == "mark" or any(k.arg is None for k in call.keywords):
        return None
    return frozenset(k.arg for k in call.keywords if k.arg is not None)


def _wordy(words: str) -> bool:
    """Tell whether there are words to read: two letters in a row, outside of tags and entities."""
    if words.startswith("#") or words in _UNITS:
        return False
    plain, tag = "", False
    for letter in words.replace("&nbsp;", " "):
        tag = letter == "<" or (tag and letter != ">")
        plain += "" if tag or letter == ">" else letter
    return any(a.isalpha() and b.isalpha() for a, b in pairwise(plain))
