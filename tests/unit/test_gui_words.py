from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gui.actions import ACTIONS, help_html
from gui.alarms import alarms
from gui.model import Board, Flow
from gui.platform import check_display, explain_import
from gui.screens import ScreenFacts, choose_screen
from gui.status import node_words
from gui.words import ALL_STATES, caption, consent_words, recording_words, state_word
from phosphene.consent import Consent, Scope
from phosphene.errors import ConfigError
from phosphene.messages import Features
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.sink import Showing

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SHOWING = Showing(None, None, True, "", None)
BOARD = Board(
    scopes=("view_operator",), decode_reason="", operator=SHOWING, participant=SHOWING,
    features=None, step_s=2.0, fd_mm=None, flows={}, blank_here=False, trouble="",
)  # fmt: skip


def features(t: float, ready: bool = True) -> Features:
    return Features(
        run="r", seq=0, t_acquired=t, t_sent=t, producer="acquisition", kind="fmri", index=0,
        t_data=0.0, mask_hash="m", ready=ready,
    )  # fmt: skip


def test_no_two_actions_share_a_key_or_a_name() -> None:
    keys = [a.key.lower() for a in ACTIONS]
    assert len(set(keys)) == len(keys)
    assert len({a.id for a in ACTIONS}) == len(ACTIONS)


def test_keys_are_function_keys_never_letters_or_space() -> None:
    assert all(a.key.rsplit("+", 1)[-1][1:].isdigit() for a in ACTIONS)


def test_blank_is_possible_in_every_state_and_help_names_every_key() -> None:
    assert next(a for a in ACTIONS if a.id == "blank").states == ALL_STATES
    assert all(a.key in help_html() and a.explanation in help_html() for a in ACTIONS)


def test_state_is_one_word() -> None:
    assert state_word(going=False, ended=False, blanked=True) == "IDLE"
    assert state_word(going=True, ended=False, blanked=False) == "RUNNING"
    assert state_word(going=True, ended=False, blanked=True) == "BLANKED"
    assert state_word(going=True, ended=True, blanked=True) == "ENDED"


def test_consent_in_words() -> None:
    assert consent_words(("record_brain", "view_self")) == "participant view, save brain data"
    assert consent_words(()) == "nothing is allowed"
    assert "no grant" in consent_words(None)


@pytest.mark.parametrize(
    ("scopes", "out", "expected"),
    [
        (frozenset(Scope), Path("x"), (True, "REC brain data + pictures")),
        (frozenset({Scope.RECORD_BRAIN}), Path("x"), (True, "REC brain data")),
        (frozenset(), Path("x"), (True, "REC events only")),
        (frozenset(Scope), None, (False, "not recording")),
    ],
)
def test_recording_lamp_tells_what_is_kept(
    scopes: frozenset[Scope], out: Path | None, expected: tuple[bool, str]
) -> None:
    source = {"kind": "recording", "path": "x"}
    session = Session.model_validate({"person": "p", "modality": "fmri", "source": source})
    consent = Consent(person="p", scopes=scopes, expires=datetime(2027, 1, 1, tzinfo=UTC))
    plan = Plan(
        run="r", folder=Path("/"), mode="live", session=session, consent=consent, out=out,
        nodes=("recorder",),
    )  # fmt: skip
    assert recording_words(plan, NOW) == expected


def test_caption_without_a_frame_is_empty() -> None:
    assert caption(SHOWING, "volume", 0.5, "cat") == ""


def test_missing_data_is_an_alarm_after_three_steps() -> None:
    board = replace(BOARD, features=features(10.0))
    assert alarms(board, "RUNNING", "volume", 15.9)[0].level == "none"
    worst = alarms(board, "RUNNING", "volume", 16.1)[0]
    assert worst.level == "high"
    assert "No volume for 6 s" in worst.words()
    assert alarms(board, "ENDED", "volume", 99.0)[0].level == "none"


def test_the_worst_alarm_comes_first() -> None:
    board = replace(BOARD, features=features(10.0, ready=False), fd_mm=0.6, trouble="gate is mute")
    levels = [a.level for a in alarms(board, "RUNNING", "volume", 10.0)]
    assert levels == ["high", "medium", "info"]


def test_a_wanted_blank_is_no_fault_but_a_lost_bond_is() -> None:
    lost = replace(BOARD, operator=replace(SHOWING, passing=False, reason="decoder: no sign"))
    board = replace(lost, features=features(0.0))
    assert alarms(board, "BLANKED", "volume", 0.0)[0].level == "high"
    assert alarms(replace(board, blank_here=True), "BLANKED", "volume", 0.0)[0].level == "medium"
    assert alarms(replace(board, scopes=()), "BLANKED", "volume", 0.0)[0].level == "medium"


def test_node_words_tell_silence() -> None:
    words = node_words({"features": Flow(3, 1.0), "grant": Flow(9, 9.0)}, 9.5)
    assert "acquisition: 3 features, silent for 8 s" in words
    assert "decoder: nothing yet" in words
    assert "gate: 9 grants" in words.removesuffix(" ")


SCREENS = (
    ScreenFacts("A", 0, 0, 1280, 720),
    ScreenFacts("B", 1280, 0, 640, 480),
    ScreenFacts("M", 640, 0, 1280, 720),
)


def test_the_participants_screen_is_chosen_by_name() -> None:
    assert choose_screen("B", SCREENS, operator="A") == 1


@pytest.mark.parametrize(
    ("wanted", "words"),
    [("A", "operator's own"), ("C", "B, M"), (None, "--participant-screen"), ("M", "mirror")],
)
def test_an_unfit_screen_is_refused(wanted: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose_screen(wanted, SCREENS, operator="A")


def test_no_display_points_to_headless() -> None:
    with pytest.raises(ConfigError, match="--headless"):
        check_display({})


def test_every_missing_library_is_named_with_its_package() -> None:
    with pytest.raises(ConfigError) as caught:
        check_display({"DISPLAY": ":0"}, loads=lambda name: False)
    assert "libxcb-cursor0" in str(caught.value)
    assert "libxkbcommon-x11-0" in str(caught.value)
    check_display({"DISPLAY": ":0"}, loads=lambda name: True)
    check_display({"QT_QPA_PLATFORM": "offscreen"}, loads=lambda name: False)


def test_a_failed_import_is_explained() -> None:
    error = ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
    assert "apt-get install libegl1" in str(explain_import(error))
    assert "pip install" in str(explain_import(ImportError("No module named 'PySide6'")))
