"""What outlives a restart of the gate, in the run's private folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from phosphene.gate.latch import StopMemory

__all__ = ["GateMemory", "latest_in", "stop_in"]

BLANK_FILE = "blanked"
PAUSE_FILE = "paused"
STOP_FILE = "stop.json"
OPEN_FILE = "gate-was-here"
DATE_FILE = "latest-date"


def stop_in(folder: Path) -> StopMemory | None:
    """Return what a run's folder knows of the stop; what cannot be read counts as pressed."""
    try:
        return msgspec.json.decode((folder / STOP_FILE).read_bytes(), type=StopMemory)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, ValueError):
        return StopMemory(tested=True, begun=True, stopped=True)


def latest_in(folder: Path) -> datetime | None:
    """Return the latest date that a run has seen; what cannot be read lets nothing be valid."""
    try:
        found = datetime.fromisoformat((folder / DATE_FILE).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return datetime.max.replace(tzinfo=UTC)
    return found if found.tzinfo else datetime.max.replace(tzinfo=UTC)


class GateMemory:
    """Blank, pause, the participant's stop, the latest date, whether there was a gate before.

    Parameters
    ----------
    folder : Path
        The run's folder.

    Attributes
    ----------
    fell : bool
        True where an earlier process of the gate served this run. How it ended does not matter: one
        that fails closes in an orderly way too, and a run has one gate where nothing has happened.
    failure : str
        Why the latest date could not be kept; empty while it could.
    """

    def __init__(self, folder: Path) -> None:
        self._blank, self._stop = folder / BLANK_FILE, folder / STOP_FILE
        self._open, self._pause = folder / OPEN_FILE, folder / PAUSE_FILE
        self._date = folder / DATE_FILE
        self.fell = self._open.exists()
        self._open.touch(mode=0o600)
        self._saved: StopMemory | None = None
        self.failure = ""

    def blanked(self) -> str | None:
        """Return why the operator has blanked; None where nobody has."""
        return self._blank.read_text(encoding="utf-8") if self._blank.is_file() else None

    def blank(self, reason: str | None) -> None:
        """Keep an operator's blank, or forget it."""
        if reason is None:
            self._blank.unlink(missing_ok=True)
        else:
            self._write(self._blank, reason.encode())

    def paused(self) -> bool:
        """Return whether the operator has paused."""
        return self._pause.exists()

    def pause(self, *, on: bool) -> None:
        """Keep an operator's pause, or forget it."""
        if on:
            self._pause.touch(mode=0o600)
        else:
            self._pause.unlink(missing_ok=True)

    def stop(self) -> StopMemory | None:
        """Return what is known of the stop."""
        return stop_in(self._stop.parent)

    def keep_stop(self, memory: StopMemory) -> None:
        """Keep the state of the stop where it has changed."""
        if memory != self._saved:
            self._write(self._stop, msgspec.json.encode(memory))
            self._saved = memory

    def latest(self) -> datetime | None:
        """Return the latest date that has been seen; None where nobody has looked yet."""
        return latest_in(self._date.parent)

    def keep_latest(self, latest: datetime) -> None:
        """Keep the latest date that has been seen.

        Where the disk is full this gate goes on by what it knows; only a later one may know less.
        """
        try:
            self._write(self._date, latest.astimezone(UTC).isoformat().encode())
        except OSError as error:
            self.failure = f"the latest date cannot be kept in the run's folder: {error.strerror}"
        else:
            self.failure = ""

    def _write(self, path: Path, data: bytes) -> None:
        new = path.with_name(f"{path.name}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        new.replace(path)
