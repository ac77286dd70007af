"""Where pulses come from: keys that a trigger box types, a serial line, or a clock."""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator

from phosphene.errors import ConfigError, InputError, problem

__all__ = ["clock_pulses", "key_pulses", "serial_pulses"]

_LISTEN_S = 0.2


def key_pulses(keys: str, descriptor: int, now: Callable[[], float]) -> Iterator[float]:
    """Yield when each key was typed; other keys are left alone.

    Parameters
    ----------
    keys : str
        Keys that count, for instance ``5t``.
    descriptor : int
        Terminal or pipe that they come from; its end is the end.
    now : Callable
        Present time in seconds.
    """
    with _unbuffered(descriptor):
        while True:
            ready, _, _ = select.select([descriptor], [], [], _LISTEN_S)
            if not ready:
                continue
            typed = os.read(descriptor, 64)
            at_s = now()
            if not typed:
                return
            yield from [at_s] * sum(chr(code) in keys for code in typed)


def serial_pulses(port: str, baud: int, now: Callable[[], float]) -> Iterator[float]:
    """Yield when each byte came in over a serial line; every byte is a pulse.

    Parameters
    ----------
    port : str
        For instance ``/dev/ttyUSB0``.
    baud : int
        Bits per second.
    now : Callable
        Present time in seconds.

    Raises
    ------
    ConfigError
        If pyserial is not installed.
    InputError
        If the line cannot be opened.
    """
    try:
        serial = importlib.import_module("serial")
    except ImportError as error:
        told = problem(
            "--serial", port, "pyserial to be installed", "pip install 'phosphene[trigger]'"
        )
        raise ConfigError(told) from error
    try:
        line = serial.Serial(port, baud, timeout=_LISTEN_S)
    except OSError as error:  # pyserial's own errors are kinds of it
        told = problem("--serial", port, "a serial line", "Check cable and permissions.")
        raise InputError(told) from error
    with line:
        while True:
            if line.read(1):
                yield now()


def clock_pulses(every_s: float, count: int, now: Callable[[], float]) -> Iterator[float]:
    """Yield `count` times, every `every_s` seconds: a scanner's pulses for a rehearsal."""
    begin_s = now()
    for number in range(count):
        due_s = begin_s + number * every_s
        while (left_s := due_s - now()) > 0:
            time.sleep(left_s)
        yield now()


@contextlib.contextmanager
def _unbuffered(descriptor: int) -> Iterator[None]:
    """Hand keys out as they are typed, where they come from a terminal."""
    if not os.isatty(descriptor) or sys.platform == "win32":
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
