"""A settings file that is being edited: text with all comments, values, problems. No Qt."""

from __future__ import annotations

import contextlib
import copy
import os
import tomllib
from collections.abc import Callable, MutableMapping, MutableSequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar

import tomlkit
from pydantic import BaseModel, ValidationError
from tomlkit.exceptions import TOMLKitError

from gui.setup.problems import Problem, problems_of
from phosphene.errors import ConfigError

__all__ = ["Checked", "Draft"]

Model = TypeVar("Model", bound=BaseModel)
Where = tuple[str | int, ...]
_LIMITS = (TOMLKitError, tomllib.TOMLDecodeError, KeyError, IndexError, TypeError, ValueError,
           AttributeError)  # fmt: skip


@dataclass(frozen=True)
class Checked(Generic[Model]):
    """What the values are worth: a model, or problems."""

    model: Model | None
    problems: tuple[Problem, ...]


class Draft(Generic[Model]):
    """One settings file; what is not edited stays as it was written, comments included.

    Parameters
    ----------
    model : type
        Settings model.
    text : str
        TOML.
    path : Path or None
        Where it was read, and is saved.

    Raises
    ------
    ConfigError
        If the text is not TOML.
    """

    def __init__(self, model: type[Model], text: str = "", path: Path | None = None) -> None:
        self.model, self.path = model, path
        try:
            self._document = tomlkit.parse(text)
            self._values = tomllib.loads(text)
        except (TOMLKitError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"session file {path}: not valid TOML: {error}") from error
        self._saved = text

    @classmethod
    def open(cls, model: type[Model], path: Path) -> Draft[Model]:
        """Read a file.

        Raises
        ------
        ConfigError
            If it cannot be read or is not TOML.
        """
        return cls(model, _read(path), path)

    @property
    def text(self) -> str:
        """The file as it would be saved."""
        return tomlkit.dumps(self._document)

    @property
    def changed(self) -> bool:
        """Whether something is not saved yet."""
        return self.text != self._saved

    @property
    def values(self) -> dict[str, Any]:
        """Everything that is set, as plain values."""
        return copy.deepcopy(self._values)

    def get(self, path: Where) -> Any:
        """Return what is set, as a plain value; None where nothing is."""
        return copy.deepcopy(_found(self._values, path))

    def set(self, path: Where, value: Any) -> None:
        """Set a value; None takes it out, and the default holds."""
        held = self.get(path)
        if held == value and type(held) is type(value):
            return
        wanted = self.values
        _put(wanted, path, value)
        self._edit(path, wanted, lambda document: _put(document, path, value))

    def add_row(self, path: Where, values: dict[str, Any]) -> None:
        """Add a row to a list of tables."""
        wanted = self.values
        rows = _found(wanted, path)
        kept = rows if isinstance(rows, list) else []
        _put(wanted, path, [*kept, values])
        self._edit(path, wanted, lambda document: _add_row(document, path, values))

    def remove_row(self, path: Where, row: int) -> None:
        """Take a row out of a list of tables."""
        rows = self.get(path)
        if not isinstance(rows, list) or not 0 <= row < len(rows):
            return
        if len(rows) == 1:
            self.set(path, None)
            return
        wanted = self.values
        del _found(wanted, path)[row]
        self._edit(path, wanted, lambda document: _found(document, path).__delitem__(row))

    def check(self) -> Checked[Model]:
        """Validate all that is set."""
        try:
            return Checked(self.model.model_validate(self.values), ())
        except ValidationError as error:
            return Checked(None, problems_of(error))

    def save(self, path: Path | None = None) -> None:
        """Write the file so that a reader sees all of it or nothing.

        Parameters
        ----------
        path : Path or None
            Where; None saves it where it was read.

        Raises
        ------
        ConfigError
            If it cannot be written, or somebody else has changed it meanwhile.
        """
        goal = path or self.path
        if goal is None:
            raise ConfigError("session file: not named yet; choose where it is saved")
        same = goal == self.path
        if same and goal.exists() and self.moved_on:
            raise ConfigError(
                f"session file {goal}: was changed by another program since it was opened; "
                "open it again, or save under another name"
            )
        _write(goal, self.text)
        self.path, self._saved = goal, self.text

    @property
    def moved_on(self) -> bool:
        """Whether the file on the disk is another one than was opened or saved."""
        return self.path is not None and _read(self.path) != self._saved

    def _edit(self, path: Where, wanted: dict[str, Any], edit: Callable[[Any], Any]) -> None:
        """Edit the text, and see that it says what is wanted: the library has its limits.

        Where it does not (keys with dots above all tables, for one), the table is written anew at
        the end, or as a last resort everything is; comments of what is written anew are lost.
        """
        before, top = self.text, path[0]

        def table_anew(document: Any) -> None:
            del document[top]
            document[top] = wanted[str(top)]

        for try_it in (edit, table_anew):
            document = tomlkit.parse(before)
            try:
                try_it(document)
                right = tomllib.loads(tomlkit.dumps(document)) == wanted
            except _LIMITS:
                continue
            if right:
                self._document, self._values = document, wanted
                return
        self._document, self._values = tomlkit.parse(tomlkit.dumps(wanted)), wanted


def _found(at: Any, path: Where) -> Any:
    for part in path:
        try:
            at = at[part]
        except (KeyError, IndexError, TypeError):
            return None
    return at


def _put(root: Any, path: Where, value: Any) -> None:
    """Set a value in plain tables or in a document; None takes it out."""
    if value is None:
        parent = _found(root, path[:-1])
        if isinstance(parent, MutableMapping) and path[-1] in parent:
            del parent[path[-1]]
        return
    at = root
    for part, following in pairwise(path):
        at = _inside(at, part, rows=isinstance(following, int))
    held = at[path[-1]] if isinstance(at, MutableMapping) and path[-1] in at else None
    if isinstance(value, dict) and isinstance(held, MutableMapping):
        _bring_into_line(held, value)
    elif isinstance(value, dict) and type(at) is not dict:
        inline = tomlkit.inline_table()
        inline.update(value)
        at[path[-1]] = inline
    else:
        at[path[-1]] = value


def _inside(at: Any, part: str | int, *, rows: bool = False) -> Any:
    """Return what lies in a table or list; whatever is neither makes room for a table."""
    wanted = MutableSequence if rows else MutableMapping
    there = isinstance(part, int) or part in at
    if not there or not isinstance(at[part], wanted):
        plain = type(at) in (dict, list)
        inline = isinstance(part, int)
        at[part] = {} if plain else tomlkit.inline_table() if inline else tomlkit.table()
    return at[part]


def _add_row(document: Any, path: Where, values: dict[str, Any]) -> None:
    parent = document
    for part in path[:-1]:
        parent = _inside(parent, part)
    row = tomlkit.table()
    row.update(values)
    rows = parent.get(path[-1])
    if isinstance(rows, MutableSequence) and len(rows):
        rows.append(row)
        return
    if rows is not None:
        del parent[path[-1]]
    fresh = tomlkit.aot()
    fresh.append(row)
    parent[path[-1]] = fresh


def _bring_into_line(table: MutableMapping[str, Any], values: dict[str, Any]) -> None:
    for name in [name for name in table if name not in values]:
        del table[name]
    for name, value in values.items():
        if name not in table or table[name] != value:
            table[name] = value


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"session file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"session file {path}: not valid TOML: {error}") from error


def _write(path: Path, text: str) -> None:
    goal = path.resolve()  # a link stays a link
    draft = goal.with_name(f".{goal.name}.{os.getpid()}")
    try:
        mode = goal.stat().st_mode & 0o777 if goal.exists() else 0o600
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever this process's umask takes away
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(goal)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ConfigError(f"session file {path}: cannot be written ({error.strerror})") from error
