"""What settings may be, in words: for messages and for help, read from the settings themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from phosphene.errors import problem

__all__ = ["allowed_values", "settings_help", "worded_problem"]

_KINDS = {"number": "a number", "integer": "a whole number", "boolean": "true or false"}
_BOUNDS = (
    ("minimum", "at least {:g}"),
    ("exclusiveMinimum", "above {:g}"),
    ("maximum", "at most {:g}"),
    ("exclusiveMaximum", "below {:g}"),
)
NOTHING = "none"


def allowed_values(model: type[BaseModel]) -> dict[str, str]:
    """Return what each setting of a model may be; those of a table inside as ``TABLE.NAME``."""
    schema = model.model_json_schema()
    return _of_table(schema, schema.get("$defs", {}), "")


def settings_help(model: type[BaseModel]) -> str:
    """Return one line for each setting: its name, what it may be and what it is otherwise."""
    held = model()
    lines = []
    for name, allowed in allowed_values(model).items():
        value: Any = held
        for part in name.split("."):
            value = getattr(value, part)
        lines.append(f"  {name}: {allowed} (default {NOTHING if value is None else value})")
    return "\n".join(lines)


def worded_problem(error: ErrorDetails, model: type[BaseModel], cure: str) -> str:
    """Word one problem of a validation as every message is worded."""
    allowed, path = allowed_values(model), [str(part) for part in error["loc"]]
    if not path:
        return error["msg"].removeprefix("Value error, ")
    name = ".".join(path)
    table = ".".join(path[:2]) if ".".join(path[:2]) in allowed else path[0]
    if error["type"] == "extra_forbidden":
        return problem(name, error["input"], ", ".join(allowed), "There is no such setting.")
    return problem(name, error["input"], allowed.get(table, error["msg"]), cure)


def _of_table(table: dict[str, Any], known: dict[str, Any], before: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, entry in table["properties"].items():
        inner = known.get(str(entry.get("$ref", "")).rpartition("/")[2])
        if inner is None:
            found[before + name] = _of_value(entry)
        else:
            found |= _of_table(inner, known, f"{before}{name}.")
    return found


def _of_value(entry: dict[str, Any]) -> str:
    if "anyOf" in entry:
        return " or ".join(_of_value(one) for one in entry["anyOf"])
    if "enum" in entry:
        return _either([str(one) for one in entry["enum"]])
    if "pattern" in entry:
        names = entry["pattern"].strip("^$()").replace(".+", "FOLDER_OR_HUB_ID")
        return _either(names.split("|"))
    kind = entry.get("type")
    if kind == "array":
        return "whole numbers separated by commas"
    if kind == "null":
        return NOTHING
    low, high = entry.get("minimum"), entry.get("maximum")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    bounds = [words.format(entry[key]) for key, words in _BOUNDS if key in entry]
    return ", ".join([_KINDS.get(str(kind), "a text"), *bounds])


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
