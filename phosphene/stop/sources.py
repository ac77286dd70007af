"""Files that presses come from: keyboards, button boxes, serial lines."""

from __future__ import annotations

import contextlib
import os
import termios
import tty
from pathlib import Path
from typing import Protocol

from phosphene.errors import ConfigError, NodeError, problem
from phosphene.session_gate import StopSettings
from phosphene.stop.core import EVENT_BYTES, keyboard_presses, serial_presses

__all__ = ["Keyboard", "Serial", "Source", "open_sources"]

_READ_BYTES = 4096


class Source(Protocol):
    """Something that can be pressed."""

    name: str

    def fileno(self) -> int:
        """Return the number of the open file."""
        ...

    def presses(self) -> int:
        """Return how many presses have come, without waiting."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class _File:
    """A device file that is read without waiting."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            allowed = "a device file that can be read"
            raise ConfigError(
                problem(f"stop.{name}", str(path), allowed, f"{error.strerror}: see its rights.")
            ) from error

    def fileno(self) -> int:
        """Return the number of the open file."""
        return self._file

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _read(self) -> bytes:
        """Return what has come; a device that is gone ends the process, which blanks all views."""
        try:
            data = os.read(self._file, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise NodeError(f"stop: the {self.name} is gone ({error.strerror})") from error
        if not data:
            raise NodeError(f"stop: the {self.name} is gone (end of file)")
        return data


class Keyboard(_File):
    """A keyboard or button box of Linux' input layer.

    Parameters
    ----------
    path : Path
        Its device file.
    keys : tuple of int
        Codes that stop; none: every key.
    """

    def __init__(self, path: Path, keys: tuple[int, ...]) -> None:
        super().__init__("keyboard", path)
        self._keys, self._rest = keys, b""

    def presses(self) -> int:
        """Return how many presses have come, without waiting."""
        data = self._rest + self._read()
        whole = len(data) - len(data) % EVENT_BYTES
        self._rest = data[whole:]
        return keyboard_presses(data[:whole], self._keys)


class Serial(_File):
    """A button box on a serial line.

    Parameters
    ----------
    path : Path
        The line.
    baud : int
        Its rate in bits per second.
    wanted : tuple of int
        Bytes that stop; none: every byte.
    """

    def __init__(self, path: Path, baud: int, wanted: tuple[int, ...]) -> None:
        super().__init__("serial line", path)
        self._wanted = wanted
        if os.isatty(self._file):
            tty.setraw(self._file, termios.TCSANOW)
            line = termios.tcgetattr(self._file)
            line[4] = line[5] = getattr(termios, f"B{baud}")
            termios.tcsetattr(self._file, termios.TCSANOW, line)

    def presses(self) -> int:
        """Return how many presses have come, without waiting."""
        return serial_presses(self._read(), self._wanted)


def open_sources(settings: StopSettings) -> list[Source]:
    """Open the devices that a session names.

    Raises
    ------
    ConfigError
        If one cannot be read.
    """
    found: list[Source] = []
    with contextlib.ExitStack() as undo:
        if settings.keyboard is not None:
            found.append(Keyboard(settings.keyboard, settings.keys))
            undo.callback(found[-1].close)
        if settings.serial is not None:
            found.append(Serial(settings.serial, settings.baud, settings.serial_bytes))
        undo.pop_all()
    return found
