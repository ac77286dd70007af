"""The run that the console has started: a process of its own, its words, and where its plan lies.

No Qt. What the process says stays in memory: it may name files, and files may be named after
people. It runs in a session of its own and needs nobody who listens, so that it survives a console
that crashes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["MODES", "RunProcess", "as_shown", "mode_of", "value_of"]

MODES = {"live": "live", "replay": "replay", "demo": "pilot"}
"""Command of ``phosphene`` to the mode of its run."""
MOST_BYTES = 20_000
PATIENCE_S = 20.0
COMMAND = ("-m", "phosphene.cli")
_PIECES = re.compile(r"\x1b\[(?P<up>\d*)A|\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+")


def mode_of(arguments: Sequence[str]) -> str:
    """Return the mode of the run that these arguments of ``phosphene`` start."""
    return MODES.get(next(iter(arguments), ""), "live")


def value_of(arguments: Sequence[str], option: str) -> str | None:
    """Return what follows an option of a command line, in either spelling; None without it."""
    for at, word in enumerate(arguments):
        if word == option and at + 1 < len(arguments):
            return arguments[at + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def as_shown(text: str) -> str:
    """Return the lines that a terminal would show in the end, without empty ones.

    Bars of progress are rewritten in place; one below another goes up again each time.
    """
    rows, row, column = [""], 0, 0
    for piece in _PIECES.finditer(text):
        words = piece[0]
        if words == "\n":
            row, column = row + 1, 0
            if row == len(rows):
                rows.append("")
        elif words == "\r":
            column = 0
        elif piece["up"] is not None:
            row = max(0, row - int(piece["up"] or 1))
        elif not words.startswith("\x1b"):
            before, end = rows[row].ljust(column), column + len(words)
            rows[row], column = before[:column] + words + before[end:], end
    return "\n".join(line for line in map(str.rstrip, rows) if line)


def _pipe_with(secret: str) -> int:
    """Return the end of a pipe from which a line can be read once."""
    inlet, outlet = os.pipe()
    with os.fdopen(outlet, "wb") as pipe:
        pipe.write(secret.encode() + b"\n")
    return inlet


class RunProcess:
    """A started run.

    Parameters
    ----------
    arguments : sequence of str
        Command line of ``phosphene``: ``live``, ``replay`` or ``demo`` and what follows.
    command : sequence of str
        What the interpreter runs with them.
    secret : str or None
        Passphrase of the key that the arguments name. It goes through a pipe and is in neither the
        command line nor the environment, where others could read it.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        command: Sequence[str] = COMMAND,
        secret: str | None = None,
    ) -> None:
        self.mode = mode_of(arguments)
        self._words = os.memfd_create("phosphene-run", os.MFD_CLOEXEC)
        self._inlet, outlet = os.pipe()
        self._closed = False
        os.set_blocking(self._inlet, False)
        self._told = b""
        lent = [] if secret is None else [_pipe_with(secret)]
        given = [word for fd in lent for word in ("--passphrase-fd", str(fd))]
        try:
            self._process = subprocess.Popen(
                [sys.executable, *command, *arguments, *given, "--console-fd", str(outlet)],
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=subprocess.STDOUT,
                pass_fds=(outlet, *lent),
                start_new_session=True,
            )
        except OSError:
            self.close()
            raise
        finally:
            for descriptor in (outlet, *lent):
                os.close(descriptor)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def plan_file(self) -> Path | None:
        """Return the plan of the run once it waits for its window."""
        with contextlib.suppress(BlockingIOError):
            self._told += os.read(self._inlet, 4096)
        line, end, _rest = self._told.partition(b"\n")
        return Path(json.loads(line)["plan"]) if end else None

    def exit_code(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._process.poll()

    def words(self) -> str:
        """Return what the process has said last; of a line that is rewritten its newest form."""
        size = os.fstat(self._words).st_size
        raw = os.pread(self._words, MOST_BYTES, max(0, size - MOST_BYTES))
        return as_shown(raw.decode("utf-8", errors="replace"))

    def terminate(self) -> None:
        """Ask the process to end everything in order."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def end(self, patience_s: float = PATIENCE_S) -> None:
        """End the process and whatever it has started; return when it is gone."""
        self.terminate()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            # Its nodes end themselves when it is gone.
            self._process.kill()
            self._process.wait()
        self.close()

    def close(self) -> None:
        """Forget its words; the process itself is left alone."""
        if not self._closed:  # the second time the numbers may be somebody else's
            self._closed = True
            os.close(self._words)
            os.close(self._inlet)
