"""The one table of what the operator can do; menu, keys, buttons, help and tests come from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gui.words import ALL_STATES, State

__all__ = ["ACTIONS", "Action", "Handlers", "help_html"]


class Handlers(Protocol):
    """What the window must be able to do."""

    def blank(self) -> None:
        """Take every picture away at once."""

    def unblank(self) -> None:
        """Ask the gate to let pictures pass again."""

    def stop_run(self) -> None:
        """End the run."""

    def toggle_participant(self) -> None:
        """Open or close the participant's window."""

    def acknowledge(self) -> None:
        """Note that the alarms have been seen."""

    def show_help(self) -> None:
        """Show what the keys do."""


@dataclass(frozen=True)
class Action:
    """One thing the operator can do.

    Attributes
    ----------
    id : str
        Name in tests and logs.
    text : str
        Words on the button.
    key : str
        Key, in Qt's portable spelling; never a letter or the space bar alone.
    states : frozenset of str
        States of the run in which it is enabled.
    handler : Callable
        What it does.
    explanation : str
        One sentence for the help.
    """

    id: str
    text: str
    key: str
    states: frozenset[State]
    handler: Callable[[Handlers], None]
    explanation: str


ACTIONS: tuple[Action, ...] = (
    Action(
        "blank",
        "Blank",
        "F8",
        ALL_STATES,
        lambda window: window.blank(),
        "Takes every picture away at once, on every screen, without asking. Stays until unblanked.",
    ),
    Action(
        "unblank",
        "Unblank",
        "Shift+F8",
        frozenset({"BLANKED"}),
        lambda window: window.unblank(),
        "Asks the gate to let pictures pass again; the gate decides.",
    ),
    Action(
        "stop",
        "Stop run",
        "Shift+F5",
        frozenset({"IDLE", "RUNNING", "BLANKED"}),
        lambda window: window.stop_run(),
        "Ends the run; asks first while a recording is being written.",
    ),
    Action(
        "participant",
        "Participant",
        "F11",
        ALL_STATES,
        lambda window: window.toggle_participant(),
        "Opens or closes the participant's full-screen window on the second screen.",
    ),
    Action(
        "acknowledge",
        "Seen",
        "F4",
        ALL_STATES,
        lambda window: window.acknowledge(),
        "Takes alarms away that are over; until then they stay.",
    ),
    Action(
        "help", "Help", "F1", ALL_STATES, lambda window: window.show_help(), "Shows this table."
    ),
)


def help_html() -> str:
    """Return the help as an HTML table, made from `ACTIONS`."""
    rows = "".join(
        f"<tr><td><b>{a.key}</b>&nbsp;&nbsp;</td><td><b>{a.text}</b>&nbsp;&nbsp;</td>"
        f"<td>{a.explanation}</td></tr>"
        for a in ACTIONS
    )
    return f"<table cellpadding='4'>{rows}</table>"
