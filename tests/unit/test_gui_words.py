from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from gui.actions import ACTIONS, help_html
from gui.alarms import Alarm, alarms, silence
from gui.facts import Board
from gui.latch import Latch
from gui.peers import Peer
from gui.platform import check_display, explain_import
from gui.scan_line import scan_html, tally_html
from gui.scanner import Scan, Tally
from gui.screens import ScreenFacts, choose_screen
from gui.status import peer_html
from gui.texts import told, use
from gui.words import (
    ALL_STATES,
    caption,
    consent_words,
    recording_words,
    state_word,
)
from phosphene.consent import Consent, Scope
from phosphene.errors import ConfigError
from phosphene.gate.card import FILTERED, LATE, UNSURE
from phosphene.gate.silence import NO_DATA_STEPS
from phosphene.messages import Features, Frame
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.sink import Showing

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SHOWING = Showing(None, None, True, "", None)
BOARD = Board(
    scopes=("view_operator",), decode_reason="", operator=SHOWING, participant=SHOWING,
    features=None, step_s=2.0, fd_mm=None, fd_limits_mm=(0.2, 0.5), flows={}, blank_here=False,
    trouble="", scan=Scan(), peers=(), shown_once=True, paced=True,
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
    for action in ACTIONS:
        last = action.key.rsplit("+", 1)[-1]
        assert last[1:].isdigit() or action.key == f"Ctrl+{last}", action.id


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
    assert caption(SHOWING, "volume", "cat") == ""


def test_the_caption_says_of_a_coarse_picture_that_it_was_made_coarse() -> None:
    full = Frame(
        run="r", seq=0, t_acquired=1.0, t_sent=1.0, producer="renderer", t_due=1.0, t_rendered=1.0,
        late=False, skipped=0, render_ms=1.0, state="picture", percept_seq=0, percept_index=5,
        confidence=0.5, age_s=0.1, t_percept=1.0, seed=0, model="m", sink="operator", level=4,
    )  # fmt: skip
    showing = Showing(None, full, True, "", 0.14)
    assert caption(showing, "volume", "cat").endswith("volume 5 · age 140 ms")
    coarse = replace(showing, frame=structs.replace(full, level=3))
    assert caption(coarse, "volume", "cat").endswith("age 140 ms · at most 32x32 pixels")


def test_the_caption_says_why_a_card_stands_in_place_of_a_picture() -> None:
    card = Frame(
        run="r", seq=0, t_acquired=1.0, t_sent=1.0, producer="renderer", t_due=1.0, t_rendered=1.0,
        late=False, skipped=0, render_ms=1.0, state="neutral", percept_seq=0, percept_index=5,
        confidence=0.5, age_s=0.1, t_percept=1.0, seed=0, model="m", sink="operator", card=LATE,
    )  # fmt: skip
    found = caption(replace(SHOWING, frame=card, age_s=0.14), "volume", "cat")
    assert found == "<b>no picture: pictures come too late</b><br>age 140 ms"
    plain = replace(SHOWING, frame=structs.replace(card, card=""), age_s=0.14)
    low = "confidence <b>0.50</b> · too low for a picture: neutral<br>age 140 ms"
    assert caption(plain, "volume", "cat", least=0.6) == low
    assert "neutral: no picture" in caption(plain, "volume", "cat", least=0.5)
    assert "nothing decoded" in caption(plain, "volume", "cat", 9.0), "an old percept says nothing"
    none = replace(plain, frame=structs.replace(card, card="", percept_seq=-1))
    assert "nothing decoded" in caption(none, "volume", "cat")
    use("ja")
    assert all(told(why) != why for why in (LATE, UNSURE, FILTERED))
    use("en")


def test_missing_volumes_are_a_warning_after_two_and_an_alarm_when_the_gate_blanks() -> None:
    board = replace(BOARD, features=features(10.0))
    for t_s, level in ((13.9, "none"), (14.1, "medium"), (15.9, "medium"), (16.1, "high")):
        assert alarms(board, "RUNNING", "volume", t_s)[0].level == level
    assert NO_DATA_STEPS == 3.0
    for t_s, lost in ((18.1, False), (21.9, False), (22.1, True)):
        assert alarms(board, "RUNNING", "volume", t_s)[0].lost == lost
    assert "No volume for 12 s" in alarms(board, "RUNNING", "volume", 22.1)[0].words()
    assert alarms(board, "ENDED", "volume", 99.0)[0].level == "none"


def test_epochs_may_stay_away_for_longer_than_volumes() -> None:
    board = replace(BOARD, features=features(10.0), source="amp-17", samples_s=30.0)
    for t_s, level in ((15.9, "none"), (16.1, "medium"), (21.9, "medium"), (22.1, "high")):
        assert alarms(board, "RUNNING", "epoch", t_s)[0].level == level


def test_an_amplifier_that_is_gone_comes_before_everything() -> None:
    waiting = replace(BOARD, source="amp-17", samples_s=10.0, since_s=1.0)
    assert [a.text for a in alarms(waiting, "RUNNING", "epoch", 10.5)] == [
        "Waiting for the first epoch"
    ]
    lost = replace(waiting, trouble="gate is mute")
    assert alarms(lost, "RUNNING", "epoch", 11.4)[0].text == "gate is mute"
    for t_s, gone in ((12.0, False), (14.0, True), (111.0, True)):
        first = alarms(lost, "RUNNING", "epoch", t_s)[0]
        assert (first.level, first.lost) == ("high", gone)
        assert first.text == f"No data from amp-17 for {t_s - 10:.0f} s"
    assert silence(replace(waiting, peers=(Peer("bridge", "ended"),)), "epoch", 99.0) is None
    never = replace(waiting, samples_s=None)
    assert silence(never, "epoch", 5.0) is None
    found = silence(never, "epoch", 9.0)
    assert found is not None
    assert found.text == "No data from amp-17 yet, for 8 s"
    mute = replace(waiting, peers=(Peer("gate", "silent", silent_s=9.0),))
    assert alarms(mute, "RUNNING", "epoch", 99.0)[0].text.startswith("gate: no sign of life")


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


def test_a_warning_before_the_first_picture_needs_no_acknowledgement() -> None:
    board = replace(BOARD, operator=replace(SHOWING, passing=False, reason="not yet"))
    board = replace(board, features=features(0.0))
    assert alarms(board, "BLANKED", "volume", 0.0)[0].latches
    assert not alarms(replace(board, shown_once=False), "BLANKED", "volume", 0.0)[0].latches


def test_nodes_that_are_silent_or_have_something_to_tell_are_alarms() -> None:
    peers = (
        Peer("gate", "fine"), Peer("bridge", "noted", "file left out: no DICM mark"),
        Peer("decoder", "silent", silent_s=4.2), Peer("renderer", "starting", "loading weights"),
    )  # fmt: skip
    board = replace(BOARD, features=features(0.0), peers=peers)
    found = [(a.level, a.text) for a in alarms(board, "RUNNING", "volume", 0.0)]
    assert found == [
        ("high", "decoder: no sign of life for 4 s"),
        ("medium", "bridge: file left out: no DICM mark"),
        ("info", "renderer: loading weights"),
    ]
    assert alarms(board, "ENDED", "volume", 0.0)[0].level == "none"
    early = replace(board, features=None, peers=(Peer("bridge", "starting", "file left out"),))
    told = alarms(early, "RUNNING", "volume", 0.0)
    assert "bridge: file left out" in [a.text for a in told if a.level == "info"]


def test_without_the_gate_nothing_is_said_of_the_others() -> None:
    peers = (Peer("gate", "silent", silent_s=2.0), Peer("decoder", "silent", silent_s=2.0))
    board = replace(BOARD, features=features(0.0), peers=peers)
    assert [a.text for a in alarms(board, "RUNNING", "volume", 0.0)] == [
        "gate: no sign of life for 2 s"
    ]


def test_no_volume_is_missed_once_the_source_has_ended() -> None:
    board = replace(BOARD, features=features(0.0), peers=(Peer("bridge", "ended"),))
    assert alarms(board, "RUNNING", "volume", 99.0)[0].level == "none"


def test_the_limit_of_motion_is_the_sessions() -> None:
    board = replace(BOARD, fd_mm=0.4)
    assert alarms(board, "RUNNING", "volume", 0.0)[0].level == "info", "waiting for data, no motion"
    moved = alarms(replace(board, fd_limits_mm=(0.1, 0.3)), "RUNNING", "volume", 0.0)[0]
    assert moved.text == "Head motion: displacement 0.40 mm"


def test_lost_volumes_are_a_note_and_a_wrong_tr_is_a_warning() -> None:
    scan = Scan(tr_announced_s=2.0, tr_measured_s=2.2, tallies=(Tally("lost", 2),))
    board = replace(BOARD, features=features(0.0), scan=scan)
    found = [(a.level, a.text) for a in alarms(board, "RUNNING", "volume", 0.0)]
    note = ("info", "volumes lost: 2")
    assert found == [("medium", "TR is 2.200 s, announced 2.000 s"), note]
    fast = alarms(replace(board, paced=False), "RUNNING", "volume", 0.0)
    assert [(a.level, a.text) for a in fast] == [note], "at full speed there is no TR to compare"


def test_a_scan_that_was_started_anew_is_an_alarm() -> None:
    scan = Scan(tallies=(Tally("restarts", 1), Tally("duplicates", 9)))
    board = replace(BOARD, features=features(0.0), scan=scan)
    found = [(a.level, a.text.split(":")[0]) for a in alarms(board, "RUNNING", "volume", 0.0)]
    assert found == [("high", "restarts of the series")]


def test_the_scan_in_words_has_units_and_marks() -> None:
    scan = Scan(45, 120, 1.0, 1.1, 61.3, -0.1, (Tally("late", 0), Tally("lost", 3)))
    words = scan_html(scan, paced=True)
    for part in ("45 of 120", "1.000 s", "▲ 1.100 s", ">61<", "-0.10 %/min"):
        assert part in words
    assert "▲" not in scan_html(scan, paced=False)
    assert "▲ lost 3" in tally_html(scan)
    assert "late 0" in tally_html(scan)
    assert "volume</span> <b style='color:#e6e9ee'>–" in scan_html(Scan(), paced=True)


def test_nodes_are_told_along_the_chain_with_a_symbol_each() -> None:
    words = peer_html((Peer("decoder", "silent", restarts=2), Peer("bridge", "fine")))
    assert words.index("bridge") < words.index("decoder")
    assert "■" in words
    assert "2×" in words


FD = Alarm("medium", "Head motion: displacement 0.70 mm")


def test_a_warning_stays_until_it_is_over_and_seen() -> None:
    latch = Latch()
    assert latch.update([FD], "12:00:01") == [FD]
    more = replace(FD, text="Head motion: displacement 0.90 mm")
    assert latch.update([more], "12:00:02") == [], "the same trouble with another figure"
    assert latch.update([], "12:00:03") == []
    (over,) = latch.over()
    assert (over.alarm, over.at, over.active) == (more, "12:00:01", False)
    assert latch.acknowledge() == 1
    assert latch.over() == []
    assert not latch.unseen()
    assert latch.update([FD], "12:00:09") == [FD], "a new one begins"
    latch.acknowledge()
    latch.update([], "12:00:10")
    assert latch.over() == [], "seen while it lasted: gone with its cause"


def test_notes_and_wanted_blanks_do_not_stay() -> None:
    latch = Latch()
    passing = Alarm("medium", "No pictures: blanked by the operator", passing=True)
    assert latch.update([Alarm("info", "Statistics are warming up"), passing], "1") == []
    latch.update([], "2")
    assert latch.over() == []


def test_a_number_that_was_seen_is_told_again_when_it_grows() -> None:
    latch = Latch()
    one, two = (Alarm("medium", f"volumes lost: {n}", counting=True) for n in (1, 2))
    assert latch.update([one], "1") == [one]
    assert latch.to_show([one]) == [one]
    latch.acknowledge()
    latch.update([one], "2")
    assert latch.to_show([one]) == []
    assert latch.update([two], "3") == [two]
    assert latch.to_show([two]) == [two]


SCREENS = (
    ScreenFacts("A", 0, 0, 1280, 720),
    ScreenFacts("B", 1280, 0, 640, 480),
    ScreenFacts("M", 640, 0, 640, 720),
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
