"""The one table of what the operator can do; menus, keys, buttons, help and tests come from it.

No Qt. What an action does is said by the handlers at the end: those of a run belong to the run's
window, which has them wherever it stands; the others to the console around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from gui.texts import mark, tr
from gui.words import ALL_STATES, State

__all__ = [
    "ACTIONS",
    "CONSOLE_HANDLERS",
    "RUN_ACTIONS",
    "RUN_HANDLERS",
    "Action",
    "ConsoleHandlers",
    "Debounce",
    "Place",
    "RunHandlers",
    "help_html",
    "may",
]

Place = Literal["run", "console", "both"]
DEBOUNCE_S = 0.5
NOT_RUNNING: frozenset[State] = frozenset({"IDLE", "CHECKED", "ENDED"})
BEGUN: frozenset[State] = frozenset({"RUNNING", "PAUSED", "BLANKED"})
WHILE_LOCKED = frozenset({"blank", "acknowledge", "help", "lock"})
"""What works while the keys are locked: a blank always does."""
NEVER_DEBOUNCED = frozenset({"blank"})


class RunHandlers(Protocol):
    """What the window of a run must be able to do."""

    def stop_run(self) -> None:
        """End the run."""

    def blank(self) -> None:
        """Take every picture away at once."""

    def unblank(self) -> None:
        """Ask the gate to let pictures pass again."""

    def toggle_pause(self) -> None:
        """Ask the gate to pause, or to go on."""

    def marker(self) -> None:
        """Take a marker: its words are typed, or it has none."""

    def toggle_participant(self) -> None:
        """Open or close the participant's window."""

    def toggle_observer(self) -> None:
        """Open or close the observers' window."""

    def acknowledge(self) -> None:
        """Note that the alarms have been seen."""

    def release_held(self) -> None:
        """Let observers have what is held back for them."""

    def withdraw_held(self) -> None:
        """Forget what is held back for observers."""

    def begin_run(self) -> None:
        """Let an armed run begin."""

    def confirm_stop(self) -> None:
        """Ask who agrees to go on after the participant's stop."""

    def toggle_fullscreen(self) -> None:
        """Fill the screen with the operator's window, or no longer."""

    def toggle_lock(self) -> None:
        """Lock the keys, or unlock them."""

    def show_help(self) -> None:
        """Show what the keys do."""


class ConsoleHandlers(Protocol):
    """What the console around the pages must be able to do."""

    def start(self) -> None:
        """Begin the session that is set up."""

    def blank(self) -> None:
        """Cover every page."""

    def unblank(self) -> None:
        """Show the pages again."""

    def show_replay(self) -> None:
        """Show the page of recordings."""

    def open_file(self) -> None:
        """Open a study file or a recording, as the page has it."""

    def save_file(self) -> None:
        """Save the study file."""

    def quit(self) -> None:
        """Close the console."""

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or no longer."""

    def toggle_lock(self) -> None:
        """Lock the keys, or unlock them."""

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
        Words on the button, in English.
    key : str
        Key, in Qt's portable spelling; never a letter or the space bar alone.
    states : frozenset of str
        States in which it is enabled.
    explanation : str
        One sentence for the help, in English.
    place : str
        ``run``: of the run's window; ``console``: of the window around the pages; ``both``: of
        whichever is there.
    """

    id: str
    text: str
    key: str
    states: frozenset[State]
    explanation: str
    place: Place = "run"


ACTIONS: tuple[Action, ...] = (
    Action(
        "start", mark("Start"), "F5", frozenset({"CHECKED", "ENDED"}),
        mark("Starts the session that is set up; after a run it goes back to the set-up."),
        "console",
    ),
    Action(
        "stop", mark("Stop run"), "Shift+F5", ALL_STATES - {"CHECKED", "ENDED"},
        mark("Ends the run; asks first while a recording is being written."),
    ),
    Action(
        "blank", mark("Blank"), "F8", ALL_STATES,
        mark("Takes every picture away at once, on every screen, without asking. "
             "Stays until unblanked."), "both",
    ),
    Action(
        "unblank", mark("Unblank"), "Shift+F8", frozenset({"BLANKED"}),
        mark("Asks the gate to let pictures pass again; the gate decides."), "both",
    ),
    Action(
        "pause", mark("Pause"), "F7", frozenset({"RUNNING", "PAUSED"}),
        mark("Pauses: nothing is decoded or shown, recording goes on. Again: goes on."),
    ),
    Action(
        "marker", mark("Marker"), "F9", BEGUN | {"ARMED"},
        mark("Goes to the marker box; Enter writes the words into the recording."),
    ),
    Action(
        "begin", mark("Begin"), "Ctrl+F5", frozenset({"ARMED"}),
        mark("Lets an armed run begin, once the participant's stop button was tested."),
    ),
    Action(
        "confirm", mark("Confirm"), "Ctrl+F8", frozenset({"BLANKED"}),
        mark("After the participant's stop: asks for the pseudonym and whether they agree to "
             "go on. Unblank afterwards."),
    ),
    Action(
        "participant", mark("Participant"), "F6", ALL_STATES,
        mark("Opens or closes the participant's full-screen window on the second screen."),
    ),
    Action(
        "observer", mark("Observer"), "Shift+F6", ALL_STATES,
        mark("Opens or closes the window for observers."),
    ),
    Action(
        "release", mark("Release"), "F10", frozenset({"RUNNING"}),
        mark("Lets observers see what is held back for them, after its delay."),
    ),
    Action(
        "withdraw", mark("Withdraw"), "Shift+F10", BEGUN,
        mark("Forgets what is held back for observers; they never see it."),
    ),
    Action(
        "acknowledge", mark("Seen"), "F4", ALL_STATES,
        mark("Takes alarms away that are over; until then they stay."),
    ),
    Action(
        "open", mark("Open"), "Ctrl+O", NOT_RUNNING,
        mark("Opens a study file; on the replay page a recording."), "console",
    ),
    Action(
        "save", mark("Save"), "Ctrl+S", frozenset({"IDLE", "CHECKED"}),
        mark("Saves the study file."), "console",
    ),
    Action(
        "replay", mark("Replay"), "Ctrl+R", NOT_RUNNING,
        mark("Shows the page of recordings; again: goes back."), "console",
    ),
    Action(
        "fullscreen", mark("Full screen"), "F11", ALL_STATES,
        mark("Fills the screen with this window, or no longer."), "both",
    ),
    Action(
        "lock", mark("Lock"), "Ctrl+L", ALL_STATES,
        mark("Locks all keys but Blank, Seen and Help; again: unlocks them."), "both",
    ),
    Action(
        "help", mark("Help"), "F1", ALL_STATES, mark("Shows this table."), "both",
    ),
    Action(
        "quit", mark("Quit"), "Ctrl+Q", NOT_RUNNING,
        mark("Closes the console; a run has to be stopped first."), "console",
    ),
)  # fmt: skip

RUN_ACTIONS: tuple[Action, ...] = tuple(a for a in ACTIONS if a.place != "console")
"""What the window of a run has, in the table's order."""

RUN_HANDLERS: Mapping[str, Callable[[RunHandlers], None]] = {
    "stop": lambda window: window.stop_run(),
    "blank": lambda window: window.blank(),
    "unblank": lambda window: window.unblank(),
    "pause": lambda window: window.toggle_pause(),
    "marker": lambda window: window.marker(),
    "begin": lambda window: window.begin_run(),
    "confirm": lambda window: window.confirm_stop(),
    "participant": lambda window: window.toggle_participant(),
    "observer": lambda window: window.toggle_observer(),
    "release": lambda window: window.release_held(),
    "withdraw": lambda window: window.withdraw_held(),
    "acknowledge": lambda window: window.acknowledge(),
    "fullscreen": lambda window: window.toggle_fullscreen(),
    "lock": lambda window: window.toggle_lock(),
    "help": lambda window: window.show_help(),
}
CONSOLE_HANDLERS: Mapping[str, Callable[[ConsoleHandlers], None]] = {
    "start": lambda console: console.start(),
    "blank": lambda console: console.blank(),
    "unblank": lambda console: console.unblank(),
    "open": lambda console: console.open_file(),
    "save": lambda console: console.save_file(),
    "replay": lambda console: console.show_replay(),
    "fullscreen": lambda console: console.toggle_fullscreen(),
    "lock": lambda console: console.toggle_lock(),
    "help": lambda console: console.show_help(),
    "quit": lambda console: console.quit(),
}


def may(action: Action, state: State, *, locked: bool = False) -> bool:
    """Return whether an action is enabled in a state, and while the keys are locked."""
    return state in action.states and (not locked or action.id in WHILE_LOCKED)


class Debounce:
    """Swallows a second press of the same action within half a second, but never a blank."""

    def __init__(self) -> None:
        self._taken_s: dict[str, float] = {}

    def takes(self, action: str, now_s: float) -> bool:
        """Return whether a press at `now_s` (seconds) counts."""
        if action in NEVER_DEBOUNCED:
            return True
        last_s = self._taken_s.get(action)
        if last_s is not None and 0 <= now_s - last_s < DEBOUNCE_S:
            return False
        self._taken_s[action] = now_s
        return True


def help_html() -> str:
    """Return the help as an HTML table, made from `ACTIONS`."""
    rows = "".join(
        f"<tr><td><b>{a.key}</b>&nbsp;&nbsp;</td><td><b>{tr(a.text)}</b>&nbsp;&nbsp;</td>"
        f"<td>{tr(a.explanation)}</td></tr>"
        for a in ACTIONS
    )
    return f"<table cellpadding='2'>{rows}</table>"
