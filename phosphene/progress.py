"""How far a long command has come, for whoever has started it and shows it.

The one who starts it names a file in the environment; each step is one line of JSON at its end.
Without that variable nothing is written.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from phosphene.errors import InputError

__all__ = ["VARIABLE", "Step", "newest_step", "tell_step"]

VARIABLE = "PHOSPHENE_PROGRESS"
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class Step:
    """What is being done, how much of it is done, and how much there is."""

    what: str
    done: int
    total: int


def tell_step(what: str, done: int, total: int) -> None:
    """Tell how far something is, where somebody wants to know.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return
    line = json.dumps({"what": what, "done": done, "total": total}) + "\n"
    try:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode())  # one write: a reader sees whole lines
        finally:
            os.close(file)
    except OSError as error:
        raise InputError(f"{VARIABLE}={name}: cannot be written ({error.strerror})") from error


def newest_step(path: Path) -> Step | None:
    """Return the last step that was told; None before the first one."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            held = json.loads(line)
            return Step(str(held["what"]), int(held["done"]), int(held["total"]))
        except (ValueError, KeyError, TypeError):
            continue  # the middle of a long line
    return None
