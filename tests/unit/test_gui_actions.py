from __future__ import annotations

import inspect
import re

import pytest

from gui.actions import (
    ACTIONS,
    CONSOLE_HANDLERS,
    RUN_ACTIONS,
    RUN_HANDLERS,
    ConsoleHandlers,
    Debounce,
    RunHandlers,
    help_html,
    may,
)
from gui.words import ALL_STATES, MODE_COLOURS, STATE_COLOURS, state_word

BY_ID = {action.id: action for action in ACTIONS}


def enabled(state: str, *, locked: bool = False) -> set[str]:
    return {a.id for a in ACTIONS if may(a, state, locked=locked)}  # type: ignore[arg-type]


def test_no_two_actions_share_a_key_or_a_name() -> None:
    keys = [a.key.lower() for a in ACTIONS]
    assert len(set(keys)) == len(keys)
    assert len({a.id for a in ACTIONS}) == len(ACTIONS)


def test_keys_are_function_keys_or_have_ctrl_never_letters_or_space() -> None:
    for action in ACTIONS:
        assert re.fullmatch(r"((Ctrl|Shift)\+)*F\d+|(Shift\+)?Ctrl\+[A-Z]", action.key), action


def test_blank_is_possible_in_every_state_locked_or_not() -> None:
    assert BY_ID["blank"].states == ALL_STATES
    for state in ALL_STATES:
        assert "blank" in enabled(state, locked=True)
        assert enabled(state, locked=True) <= {"blank", "acknowledge", "help", "lock"}


def test_while_running_nothing_else_is_enabled() -> None:
    assert enabled("RUNNING") == {
        "blank", "pause", "stop", "marker", "acknowledge", "help", "lock", "fullscreen",
        "participant", "observer", "release", "withdraw",
    }  # fmt: skip


def test_what_shows_pictures_again_needs_its_state() -> None:
    assert {s for s in ALL_STATES if "unblank" in enabled(s)} == {"BLANKED"}
    assert {s for s in ALL_STATES if "confirm" in enabled(s)} == {"BLANKED"}
    assert {s for s in ALL_STATES if "begin" in enabled(s)} == {"ARMED"}
    assert {s for s in ALL_STATES if "start" in enabled(s)} == {"CHECKED", "ENDED"}
    assert {s for s in ALL_STATES if "stop" in enabled(s)} == ALL_STATES - {"CHECKED", "ENDED"}


def test_every_action_has_exactly_the_handlers_of_its_place() -> None:
    run = {a.id for a in ACTIONS if a.place in ("run", "both")}
    console = {a.id for a in ACTIONS if a.place in ("console", "both")}
    assert (set(RUN_HANDLERS), set(CONSOLE_HANDLERS)) == (run, console)
    assert [a.id for a in RUN_ACTIONS] == [a.id for a in ACTIONS if a.id in run]


class Told:
    """Takes any method and notes its name."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __getattr__(self, name: str) -> object:
        return lambda: self.names.append(name)


@pytest.mark.parametrize(
    ("handlers", "kind"), [(RUN_HANDLERS, RunHandlers), (CONSOLE_HANDLERS, ConsoleHandlers)]
)
def test_each_handler_calls_its_own_method(handlers: object, kind: type) -> None:
    told = Told()
    for do in handlers.values():  # type: ignore[attr-defined]
        do(told)
    methods = [n for n, f in inspect.getmembers(kind, inspect.isfunction) if n[0] != "_"]
    assert sorted(told.names) == sorted(methods)


def test_help_names_every_key() -> None:
    assert all(a.key in help_html() and a.explanation in help_html() for a in ACTIONS)


def test_a_double_click_counts_once_but_a_blank_always() -> None:
    debounce = Debounce()
    assert [debounce.takes("pause", t) for t in (0.0, 0.2, 0.49, 0.6, 1.0)] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert debounce.takes("stop", 0.1)
    assert all(debounce.takes("blank", 0.0) for _ in range(3))


def test_every_state_and_mode_has_a_colour_of_its_own() -> None:
    assert set(STATE_COLOURS) == ALL_STATES
    assert len(set(MODE_COLOURS.values())) == 3


@pytest.mark.parametrize(
    ("phase", "blanked", "word"),
    [
        ("", False, "RUNNING"), ("", True, "BLANKED"), ("running", False, "RUNNING"),
        ("running", True, "BLANKED"), ("armed", True, "ARMED"), ("paused", True, "PAUSED"),
        ("stopped", True, "BLANKED"), ("blanked", False, "BLANKED"),
    ],
)  # fmt: skip
def test_state_is_one_word(phase: str, blanked: bool, word: str) -> None:
    assert state_word(going=True, ended=False, blanked=blanked, phase=phase) == word
    assert state_word(going=False, ended=False, blanked=blanked, phase=phase) == "IDLE"
    assert state_word(going=True, ended=True, blanked=blanked, phase=phase) == "ENDED"
