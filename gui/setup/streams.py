"""Looks for a session's LSL streams, again and again, by a process of acquisition. No Qt."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from phosphene.doctor import Finding

__all__ = ["Streams", "findings_of"]

AGAIN_S, PATIENCE_S, WAIT_S = 8.0, 30.0, 2.0
_LEVELS = ("ok", "hint", "warning", "error")


def findings_of(told: str) -> tuple[Finding, ...]:
    """Read what the process has told, a JSON object on each line; other lines are passed over."""
    found = []
    for line in told.splitlines():
        try:
            one = json.loads(line)
            level, text = one["level"], str(one["text"])
        except (ValueError, KeyError, TypeError):
            continue
        if level in _LEVELS:
            cure = "start it, or correct source.source_ids" if level == "error" else ""
            found.append(Finding(level, text, cure))
    return tuple(found)


class Streams:
    """Starts the process, takes what it tells, waits a while and starts it again.

    Parameters
    ----------
    monotonic : Callable
        Clock in seconds.
    again_s : float
        Pause between two looks.
    """

    def __init__(self, monotonic: Callable[[], float], again_s: float = AGAIN_S) -> None:
        self._now, self._again_s = monotonic, again_s
        self._about: tuple[Path, str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._begun_s = self._ended_s = float("-inf")
        self._found: tuple[Finding, ...] | None = None

    def look(self, session: Path, lsl_session: str) -> Sequence[Finding] | None:
        """Return what was found last; None as long as nothing is known of this session.

        Parameters
        ----------
        session : Path
            Session file, as it is on the disk.
        lsl_session : str
            LSL session id.
        """
        about = (session, lsl_session)
        if about != self._about:
            self.close()
            self._about, self._found, self._ended_s = about, None, float("-inf")
        now_s = self._now()
        if self._process is not None:
            self._take(self._process, now_s)
        elif now_s - self._ended_s >= self._again_s:
            self._process, self._begun_s = _start(session, lsl_session), now_s
        return self._found

    def forget(self) -> None:
        """Look anew at once: the file has changed."""
        self.close()
        self._about = None

    def close(self) -> None:
        """End the process, if one is looking."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def _take(self, process: subprocess.Popen[str], now_s: float) -> None:
        if process.poll() is None:
            if now_s - self._begun_s > PATIENCE_S:
                self.close()
                self._found, self._ended_s = (), now_s
            return
        told, errors = process.communicate()
        # Told on standard error: a session or a clock that does not let it look at all.
        self._found = findings_of(told) or tuple(
            Finding("error", line) for line in errors.strip().splitlines()[-1:]
        )
        self._process, self._ended_s = None, now_s


def _start(session: Path, lsl_session: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "acquisition.preflight", str(session), "--json"]
    command += ["--lsl-session", lsl_session, "--wait", f"{WAIT_S:g}"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
