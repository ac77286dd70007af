"""What the console asks of its pages, and of its part in a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import SignalInstance
from PySide6.QtWidgets import QWidget

from gui.words import State
from phosphene.plan import Plan

__all__ = ["ConsolePage", "Guest", "Left", "RecordingsPage", "RunSetup", "RunSummary"]

Left = Callable[[Exception | None], None]


class ConsolePage(Protocol):
    """One page of the console."""

    def widget(self) -> QWidget:
        """Return what is laid into the console's window."""
        ...

    def focus_first(self) -> None:
        """Put the keys where the page begins."""
        ...

    def shut(self) -> None:
        """End every thread, timer and process of the page."""
        ...


class RunSetup(ConsolePage, Protocol):
    """Where a run is set up."""

    @property
    def begin(self) -> SignalInstance:
        """Tells the command line of the run to start, a list of str, and its key's passphrase."""
        ...

    @property
    def state_changed(self) -> SignalInstance:
        """Tells ``IDLE`` or ``CHECKED``."""
        ...

    def checked(self) -> bool:
        """Return whether the run may begin."""
        ...

    def start(self) -> None:
        """Begin the run, if all checks hold."""
        ...

    def choose_screen(self, name: str) -> None:
        """Choose the participant's screen."""
        ...

    def open_path(self, path: Path) -> None:
        """Open a study file."""
        ...

    def say(self, text: str) -> None:
        """Show a sentence, until there is another."""
        ...

    def open_file(self) -> None:
        """Ask for a study file and open it."""
        ...

    def save_file(self) -> None:
        """Save the study file."""
        ...


class RecordingsPage(ConsolePage, Protocol):
    """Where recordings are looked at."""

    def open(self, path: Path) -> None:
        """Open a recording or a run's folder."""
        ...

    def open_file(self) -> None:
        """Ask for a recording and open it."""
        ...

    def close_recording(self) -> None:
        """Let go of what is open."""
        ...


class RunSummary(ConsolePage, Protocol):
    """What is shown after a run."""

    @property
    def replay_asked(self) -> SignalInstance:
        """Tells the folder of a run that is to be opened among the recordings."""
        ...

    @property
    def deleted(self) -> SignalInstance:
        """Tells the folder of a run that is being deleted."""
        ...

    def show_run(self, out_folder: Path) -> None:
        """Show the run in an output folder."""
        ...


class Guest(Protocol):
    """The console's part in a run that is going on."""

    @property
    def plan(self) -> Plan:
        """Plan of the run."""
        ...

    @property
    def page(self) -> QWidget:
        """The run's window, to be laid into the console's."""
        ...

    def state(self) -> State:
        """Return the state of the run as one word."""
        ...

    def blank(self) -> None:
        """Take every picture away, as the action does."""
        ...

    def stop(self) -> None:
        """End the run as the action does: it asks while a recording is being written."""
        ...

    def leave(self) -> None:
        """Leave the run: its process has ended."""
        ...

    def fail(self, error: Exception) -> None:
        """Leave the run because of an error; it gets an ordinary window."""
        ...
