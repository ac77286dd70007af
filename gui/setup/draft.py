"""A settings file that is being edited: its text with all comments, its values, its problems."""

from __future__ import annotations

import contextlib
import os
from collections.abc import MutableMapping, MutableSequence
from dataclasses import dataclass
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
        except TOMLKitError as error:
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
        return dict(self._document.unwrap())

    def get(self, path: Where) -> Any:
        """Return what is set, as a plain value; None where nothing is."""
        at: Any = self.values
        for part in path:
            try:
                at = at[part]
            except (KeyError, IndexError, TypeError):
                return None
        return at

    def set(self, path: Where, value: Any) -> None:
        """Set a value; None takes it out, and the default holds."""
        held = self.get(path)
        if held == value and type(held) is type(value):
            return
        if value is None:
            self._take_out(path)
            return
        at: Any = self._document
        for part in path[:-1]:
            if isinstance(part, str) and part not in at:
                at[part] = tomlkit.table()
            at = at[part]
        name = path[-1]
        if isinstance(value, dict) and isinstance(held, dict):
            _bring_into_line(at[name], value)
        elif isinstance(value, dict):
            inline = tomlkit.inline_table()
            inline.update(value)
            at[name] = inline
        else:
            at[name] = value

    def add_row(self, path: Where, values: dict[str, Any]) -> None:
        """Add a row to a list of tables."""
        parent: Any = self._document
        for part in path[:-1]:
            if part not in parent:
                parent[part] = tomlkit.table()
            parent = parent[part]
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

    def remove_row(self, path: Where, row: int) -> None:
        """Take a row out of a list of tables."""
        rows = self._at(path)
        if isinstance(rows, MutableSequence) and 0 <= row < len(rows):
            del rows[row]
            if not rows:
                self._take_out(path)

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

    def _at(self, path: Where) -> Any:
        at: Any = self._document
        for part in path:
            if isinstance(at, MutableMapping) and part not in at:
                return None
            at = at[part]
        return at

    def _take_out(self, path: Where) -> None:
        parent = self._at(path[:-1])
        if isinstance(parent, MutableMapping) and path[-1] in parent:
            del parent[path[-1]]


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
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(goal)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ConfigError(f"session file {path}: cannot be written ({error.strerror})") from error
