"""What is wrong with settings, told beside each of them. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gui.setup.schema import Table
from gui.texts import mark, told, tr

__all__ = ["Problem", "beside", "problems_of"]

_WORDS: Mapping[str, str] = {
    "missing": mark("has to be set"),
    "extra_forbidden": mark("there is no such setting; remove it or correct its name"),
    "greater_than_equal": mark("must be at least {ge}"),
    "greater_than": mark("must be above {gt}"),
    "less_than_equal": mark("must be at most {le}"),
    "less_than": mark("must be below {lt}"),
    "int_parsing": mark("must be a whole number"),
    "int_type": mark("must be a whole number"),
    "int_from_float": mark("must be a whole number"),
    "float_parsing": mark("must be a number"),
    "float_type": mark("must be a number"),
    "bool_parsing": mark("must be yes or no"),
    "bool_type": mark("must be yes or no"),
    "string_type": mark("must be a text"),
    "literal_error": mark("must be one of {expected}"),
    "string_too_short": mark("must have at least {min_length} letters"),
    "string_too_long": mark("must have at most {max_length} letters"),
    "string_pattern_mismatch": mark("has letters that are not allowed here; allowed: {pattern}"),
    "dict_type": mark("needs one line for each: NAME = VALUE"),
    "tuple_type": mark("must be a list"),
    "missing_argument": mark("has to be set"),
    "too_long": mark("must have at most {max_length} values"),
    "too_short": mark("must have at least {min_length} values"),
    "path_type": mark("must be a path"),
    "model_type": mark("must be a table of settings"),
}


@dataclass(frozen=True)
class Problem:
    """One problem: where, as the file counts (rows from 0), and what."""

    path: tuple[str | int, ...]
    text: str


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """List everything that a validation found, in words."""
    return tuple(Problem(tuple(one["loc"]), _words(one)) for one in error.errors())


def _words(one: ErrorDetails) -> str:
    if one["type"] == "value_error":
        return told(one["msg"].removeprefix("Value error, "))
    sentence = _WORDS.get(one["type"])
    if sentence is None:
        return told(one["msg"])
    context: dict[str, Any] = dict(one.get("ctx", {}))
    return tr(sentence, **context) if "{" in sentence else tr(sentence)


def beside(
    problems: Sequence[Problem], tables: Sequence[Table]
) -> dict[tuple[str, ...], list[str]]:
    """Sort problems to the settings that they are told beside; the rest to their table.

    Parameters
    ----------
    problems : sequence of Problem
        Of one validation.
    tables : sequence of Table
        Of the same model.

    Returns
    -------
    dict of tuple to list of str
        By the path of a setting or of a table.
    """
    settings = {setting.path for table in tables for setting in table.settings}
    places = {table.path for table in tables}
    found: dict[tuple[str, ...], list[str]] = {}
    for one in problems:
        path = tuple(str(part) for part in one.path)
        at = _deepest(path, settings.__contains__) or _deepest(path, places.__contains__) or ()
        rest = one.path[len(at) :]
        where = ", ".join(_part(part) for part in rest)
        found.setdefault(at, []).append(f"{where}: {one.text}" if where else one.text)
    return found


def _deepest(
    path: tuple[str, ...], known: Callable[[tuple[str, ...]], bool]
) -> tuple[str, ...] | None:
    cuts = (path[:length] for length in range(len(path), 0, -1))
    return next((cut for cut in cuts if known(cut)), None)


def _part(part: str | int) -> str:
    return tr("line {n}", n=part + 1) if isinstance(part, int) else part
