"""Blocks: what may be shown when, from a table or a BIDS events file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phosphene.errors import ConfigError
from phosphene.feedback.protocol import OUTSIDE, DataClock, Protocol
from phosphene.session import Session
from phosphene.session_check import source_findings
from phosphene.session_protocol import ProtocolSettings

BLOCKS = [
    {"kind": "rest", "duration_s": 20},
    {"kind": "regulate", "duration_s": 30, "condition": "face", "instruction": "make it grow"},
    {"kind": "feedback", "duration_s": 5},
    {"kind": "task", "duration_s": 10},
]


def _protocol(**more: object) -> Protocol:
    return Protocol.of(ProtocolSettings.model_validate({"blocks": BLOCKS, "cycles": 2, **more}))


def test_blocks_follow_each_other_over_cycles() -> None:
    protocol = _protocol()
    assert [b.onset_s for b in protocol.blocks] == [0, 20, 50, 55, 65, 85, 115, 120]
    assert protocol.end_s == 130
    assert protocol.blocks[5].condition == "face"


def test_rest_is_measured_against_what_it_is_rest_of() -> None:
    blocks = [
        {"kind": "rest", "duration_s": 9},
        {"kind": "regulate", "duration_s": 9, "target": "face", "foil": "house"},
        {"kind": "rest", "duration_s": 9},
        {"kind": "regulate", "duration_s": 9, "target": "shoe"},
        {"kind": "rest", "duration_s": 9},
        {"kind": "rest", "duration_s": 9, "target": "bird"},
        {"kind": "task", "duration_s": 9},
    ]
    found = _protocol(blocks=blocks, cycles=1).blocks
    aims = [(b.target, b.foil) for b in found]
    assert aims == [
        ("face", "house"), ("face", "house"), ("shoe", ""), ("shoe", ""), ("shoe", ""),
        ("bird", ""), ("", ""),
    ]  # fmt: skip
    whole = _protocol(blocks=blocks, cycles=1, score={"kind": "category", "target": "cat"}).blocks
    assert [b.target for b in whole] == ["cat", "face", "cat", "shoe", "cat", "bird", "cat"]


def test_an_onset_counts_from_its_cycle() -> None:
    blocks = [{"kind": "rest", "duration_s": 5, "onset_s": 2}, {"kind": "task", "duration_s": 1}]
    protocol = _protocol(blocks=blocks)
    assert [(b.onset_s, b.end_s) for b in protocol.blocks] == [(2, 7), (7, 8), (10, 15), (15, 16)]
    assert protocol.state_at(8.5) == OUTSIDE


@settings(max_examples=60, deadline=None)
@given(st.floats(-10, 150), st.sampled_from(["picture", "score"]), st.booleans())
def test_no_picture_at_rest_and_nothing_outside(t_s: float, display: str, continuous: bool) -> None:
    protocol = _protocol(display=display, feedback="continuous" if continuous else "intermittent")
    state = protocol.state_at(t_s)
    kind = "" if state.block is None else state.block.kind
    assert (state.block is not None) == (0 <= t_s < 130) == state.decode
    assert not (state.picture and state.score)
    if kind in ("", "rest", "task"):
        assert not state.picture and not state.score and state.reason
    elif kind == "feedback" or continuous:
        assert state.picture == (display == "picture") != state.score
    else:
        assert not state.picture and not state.score


@pytest.mark.parametrize("t_s", [None, math.nan])
def test_while_nobody_knows_the_time_nothing_is_shown(t_s: float | None) -> None:
    assert _protocol().state_at(t_s) == OUTSIDE


def test_overlaps_are_refused_together() -> None:
    blocks = [{"kind": "rest", "duration_s": 5}, {"kind": "rest", "duration_s": 5, "onset_s": 3},
              {"kind": "rest", "duration_s": 5, "onset_s": 4}]  # fmt: skip
    with pytest.raises(ConfigError, match="2 problem"):
        _protocol(blocks=blocks, cycles=1)
    with pytest.raises(ConfigError, match="blocks of kind feedback"):
        _protocol(blocks=BLOCKS[:2], feedback="intermittent")


def test_settings_tell_every_contradiction() -> None:
    given = {"blocks": BLOCKS, "display": "picture", "sham": True, "assignment": "a.blind"}
    with pytest.raises(ValidationError) as caught:
        ProtocolSettings.model_validate(given)
    text = str(caught.value)
    for part in ("needs donor", "remove sham", "picture cannot be replaced"):
        assert part in text
    with pytest.raises(ValidationError, match="either blocks or events"):
        ProtocolSettings.model_validate({})


def test_events_file(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text(
        "onset\tduration\ttrial_type\ttarget\tfoil\n"
        "10.0\t20\timagine\tface\thouse\n0\t10.0004\trest\tn/a\tn/a\n30\t5\tsing\tn/a\tn/a\n",
        encoding="utf-8",
    )
    given = {"events": path, "kinds": {"imagine": "regulate"}, "score": {"target": "cat"}}
    blocks = Protocol.of(ProtocolSettings.model_validate(given)).blocks
    assert [(b.kind, b.onset_s, b.end_s) for b in blocks] == [
        ("rest", 0, 10), ("regulate", 10, 30), ("task", 30, 35)
    ]  # fmt: skip
    assert [(b.target, b.foil) for b in blocks] == [("cat", ""), ("face", "house"), ("cat", "")]


def test_every_bad_line_of_an_events_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("onset\tduration\ttrial_type\nx\t1\trest\n5\t0\trest\n7\t2\trest\n")
    with pytest.raises(ConfigError, match=r"2 problem[\s\S]*line 2[\s\S]*line 3"):
        Protocol.of(ProtocolSettings(events=path))
    path.write_text("onset\ttrial_type\n")
    with pytest.raises(ConfigError, match="no column duration"):
        Protocol.of(ProtocolSettings(events=path))


def test_data_clock_runs_between_messages() -> None:
    clock = DataClock(2.0)
    assert clock.now(5.0) is None
    clock.saw(10.0, 100.0)
    assert clock.now(101.0) == 12.0
    clock.saw(9.0, 101.0)  # an older message turns nothing back
    assert clock.now(101.0) == 12.0
    still = DataClock(None)
    still.saw(10.0, 100.0)
    assert still.now(500.0) == 10.0


@pytest.mark.parametrize(
    ("second", "words"),
    [(None, "2 blocks until 10 s"), (3, "at least 5")],
)
def test_blocks_are_laid_out_before_a_run_starts(
    tmp_path: Path, second: float | None, words: str
) -> None:
    rest = {"kind": "rest", "duration_s": 5}
    given = {
        "person": "p", "modality": "fmri", "source": {"kind": "folder", "path": tmp_path},
        "acquisition": {"fmri": {"tr_s": 2}},
    }  # fmt: skip
    assert {f.level for f in source_findings(Session.model_validate(given))} == {"ok"}
    given["protocol"] = {"blocks": [rest, {**rest, "onset_s": second}]}
    found = source_findings(Session.model_validate(given))
    assert [f.level for f in found] == ["ok", "ok" if second is None else "error"]
    assert words in found[1].text


def test_everything_that_a_study_lacks_is_told_before_a_run_starts(tmp_path: Path) -> None:
    protocol = {
        "blocks": [{"kind": "regulate", "duration_s": 5, "target": "face"}],
        "donor": tmp_path / "missing.json", "assignment": tmp_path / "missing.blind",
    }  # fmt: skip
    given = {
        "person": "p", "modality": "eeg", "protocol": protocol,
        "source": {"kind": "lsl-eeg", "source_ids": ["amplifier"]},
    }  # fmt: skip
    found = source_findings(Session.model_validate(given))
    assert {f.level for f in found} == {"error"}
    texts = " ".join(f.text for f in found)
    assert "missing.json" in texts and "[recorder] seal" in texts
    del protocol["assignment"], protocol["donor"]
    protocol["blocks"] = [{"kind": "regulate", "duration_s": 5}]
    (finding,) = source_findings(Session.model_validate(given))
    assert "none in blocks [0]" in finding.text


def _hints(**protocol: object) -> list[str]:
    session = Session.model_validate({
        "person": "p", "modality": "fmri", "source": {"kind": "recording", "path": "x"},
        "protocol": protocol,
    })  # fmt: skip
    return [f.text for f in source_findings(session) if f.level == "hint"]


def test_blocks_that_end_before_their_feedback_are_told_before_the_run() -> None:
    tried = {"kind": "regulate", "duration_s": 8, "target": "face"}
    (words,) = _hints(blocks=[{"kind": "rest", "duration_s": 8}, tried])
    assert "lasts 8 s" in words and "only the last 3 s show feedback" in words
    shown = {"kind": "feedback", "duration_s": 5}
    assert _hints(blocks=[tried, shown], feedback="intermittent") == []
    assert _hints(blocks=[{**tried, "duration_s": 20}]) == []
    (words,) = _hints(blocks=[{**tried, "duration_s": 20}], shape={"baseline": "first"})
    assert "there is no block of rest" in words
