"""What can be set, read from settings models: names, kinds, defaults and help. No Qt."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

__all__ = ["Kind", "Setting", "Table", "helps_of", "tables_of"]

Kind = Literal["choice", "switch", "whole", "number", "text", "path", "value"]
Shape = Literal["one", "list", "map", "rows"]
_SIMPLE: dict[type, Kind] = {
    bool: "switch", int: "whole", float: "number", str: "text", Path: "path",
}  # fmt: skip
_ENTRY = re.compile(r"^(\w+(?:, \w+)*)(?: : .*)?$")


@dataclass(frozen=True)
class Setting:
    """One thing that can be set.

    Attributes
    ----------
    path : tuple of str
        Tables and name.
    kind : str
        Of one value: ``value`` is a text, number or truth.
    shape : str
        ``one`` value, a ``list``, a ``map`` of names to values, or ``rows`` of settings.
    choices : tuple
        What is allowed, where that is listed.
    default : object
        Held where nothing is set.
    needed : bool
        There is no default.
    help : str
        From the model's docstring; empty where it says nothing.
    columns : tuple of Setting
        Of rows; their paths are names alone.
    """

    path: tuple[str, ...]
    kind: Kind
    shape: Shape
    choices: tuple[Any, ...]
    default: Any
    needed: bool
    help: str
    columns: tuple[Setting, ...] = ()

    @property
    def name(self) -> str:
        """The name within its table."""
        return self.path[-1]

    @property
    def dotted(self) -> str:
        """The whole name."""
        return ".".join(self.path)


@dataclass(frozen=True)
class Table:
    """Settings that stand together in a file; `optional` ones need not be there at all."""

    path: tuple[str, ...]
    help: str
    settings: tuple[Setting, ...]
    optional: bool = False

    @property
    def dotted(self) -> str:
        """The name as in a file; empty for what stands above all tables."""
        return ".".join(self.path)


def tables_of(
    model: type[BaseModel], path: tuple[str, ...] = (), *, optional: bool = False
) -> tuple[Table, ...]:
    """List a model's tables, each before those within it; tables without settings are left out.

    Parameters
    ----------
    model : type
        Settings model.
    path : tuple of str
        Where it stands.
    optional : bool
        Whether it may be absent.
    """
    helps, own, below = helps_of(model), list[Setting](), list[Table]()
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            may_lack = NoneType in get_args(field.annotation)
            below += tables_of(inner, (*path, name), optional=may_lack)
        else:
            own.append(_setting((*path, name), field, helps.get(name, "")))
    above = [Table(path, _first_words(model), tuple(own), optional)] if own else []
    return (*above, *below)


def helps_of(model: type[BaseModel]) -> dict[str, str]:
    """Read what a model's numpydoc docstring says of each parameter, as plain text."""
    doc = inspect.cleandoc(model.__doc__ or "")
    _, _, body = doc.partition("Parameters\n----------\n")
    return dict(_entries(body.splitlines()))


def _entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    names, words = list[str](), list[str]()
    for line in [*lines, "end"]:
        if line[:1].isspace() or not line:
            words.append(line.strip())
            continue
        for name in names:
            yield name, _plain(" ".join(words))
        found = _ENTRY.match(line)
        names, words = (found[1].split(", ") if found else []), []


def _first_words(model: type[BaseModel]) -> str:
    doc = inspect.cleandoc(model.__doc__ or "")
    return _plain(" ".join(doc.partition("\n\n")[0].split()))


def _plain(text: str) -> str:
    """Take the marks of docstrings out."""
    return " ".join(re.sub(r"`+", "", text).split())


def _bare(annotation: Any) -> Any:
    """Return what an annotation says without constraints and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        held = [a for a in get_args(annotation) if a is not NoneType]
        return _bare(held[0]) if len(held) == 1 else annotation
    return annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _setting(path: tuple[str, ...], field: FieldInfo, words: str) -> Setting:
    bare = _bare(field.annotation)
    origin, arguments = get_origin(bare), get_args(bare)
    shape: Shape = "one"
    columns: tuple[Setting, ...] = ()
    if origin is tuple:
        shape, bare = "list", _bare(arguments[0])
    elif origin is dict:
        shape, bare = "map", _bare(arguments[1])
    if (row := _model_in(bare)) is not None:
        helps, shape = helps_of(row), "rows"
        columns = tuple(
            _setting((name,), inner, helps.get(name, ""))
            for name, inner in row.model_fields.items()
        )
    choices = get_args(bare) if get_origin(bare) is Literal else ()
    kind: Kind = "choice" if choices else _SIMPLE.get(bare, "value")
    needed = field.is_required()
    default = None if needed else field.get_default(call_default_factory=True)
    return Setting(path, kind, shape, choices, default, needed, words, columns)
