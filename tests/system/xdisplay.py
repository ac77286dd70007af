"""A virtual X display, and what is really on it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["XDisplay", "x_display"]

_HEADER = struct.Struct(">25I")


@dataclass(frozen=True)
class XDisplay:
    """A display of one screen.

    Attributes
    ----------
    name : str
        For ``DISPLAY``.
    file : Path
        Its pixels, as Xvfb keeps them: an X window dump.
    """

    name: str
    file: Path

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return what is on the screen, (height, width, 3) RGB."""
        raw = self.file.read_bytes()
        head = _HEADER.unpack_from(raw)
        size, width, height, line, colours = head[0], head[4], head[5], head[12], head[19]
        little = head[7] == 0
        start = size + 12 * colours
        found = np.frombuffer(raw, np.uint8, line * height, start).reshape(height, line // 4, 4)
        return found[:, :width, 2::-1] if little else found[:, :width, 1:]

    def environment(self) -> dict[str, str]:
        """Return the variables of a program that opens its windows there."""
        hidden = ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        kept = {k: v for k, v in os.environ.items() if k not in hidden}
        return {**kept, "DISPLAY": self.name, "QT_QPA_PLATFORM": "xcb", "OMP_NUM_THREADS": "1"}


@contextmanager
def x_display(folder: Path, width: int = 1280, height: int = 720) -> Iterator[XDisplay]:
    """Lend a display; its number is chosen by the server.

    Parameters
    ----------
    folder : Path
        Where it keeps its pixels.
    width, height : int
        In pixels.
    """
    program = shutil.which("Xvfb")
    assert program is not None
    ours, theirs = os.pipe()
    command = [program, "-displayfd", str(theirs), "-screen", "0", f"{width}x{height}x24",
               "-fbdir", str(folder), "-nolisten", "tcp"]  # fmt: skip
    with subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL) as server:
        os.close(theirs)
        try:
            with os.fdopen(ours) as told:
                number = told.readline().strip()
            assert number, "Xvfb did not start"
            yield XDisplay(f":{number}", folder / "Xvfb_screen0")
        finally:
            server.terminate()
            server.wait(20)
