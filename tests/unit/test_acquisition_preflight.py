from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acquisition.preflight.judge import Present, Required, judge, others, required_of
from phosphene.commands.preflight import reduced
from phosphene.errors import ConfigError
from phosphene.session import Session, SourceSettings

CAP = Present("cap-1", "EEG", "EEG", "lab", "u1", 33, 250.0, "float32")
MARKS = Present("marks", "Stim", "Markers", "lab", "u2", 1, 0.0, "string")
WANTED = (Required("cap-1", "EEG"), Required("marks", "markers"))


def verdicts(*present: Present) -> list[str]:
    return [found.verdict for found in judge(WANTED, present)]


def test_only_exact_ids_count() -> None:
    assert verdicts(CAP, MARKS) == ["there", "there"]
    neighbour = replace(CAP, source_id="cap-2", uid="u3")
    assert verdicts(neighbour, MARKS) == ["missing", "there"]
    assert others(WANTED, [neighbour, MARKS]) == (neighbour,)


def test_twins_are_told_and_one_outlet_seen_twice_is_none() -> None:
    assert verdicts(CAP, CAP, MARKS) == ["there", "there"]
    assert verdicts(CAP, replace(CAP, uid="u9", host="other"), MARKS) == ["several", "there"]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"format": "int32"}, "unfit"),
        ({"rate_hz": 0.0}, "unfit"),
        ({"channels": 1}, "there"),
    ],
)
def test_eeg_must_be_usable(change: dict[str, object], verdict: str) -> None:
    assert verdicts(replace(CAP, **change), MARKS)[0] == verdict


def test_markers_must_be_texts() -> None:
    assert verdicts(CAP, replace(MARKS, format="int32"))[1] == "unfit"


def test_what_may_be_missing_was_named() -> None:
    source = SourceSettings(kind="lsl-eeg", source_ids=("cap-1", "marks"))
    wanted = required_of(source, ["marks"])
    assert [(w.role, w.optional) for w in wanted] == [("EEG", False), ("markers", True)]
    assert [f.good for f in judge(wanted, [CAP])] == [True, True]
    with pytest.raises(ConfigError, match="--without: got 'mark'; allowed: cap-1, marks"):
        required_of(source, ["mark"])


def test_a_session_without_markers_keeps_its_eeg() -> None:
    session = Session.model_validate(
        {"person": "p01", "modality": "eeg",
         "source": {"kind": "lsl-eeg", "source_ids": ["cap-1", "marks", "keys"]}}
    )  # fmt: skip
    assert reduced(session, ["marks", "cap-1"]).source.source_ids == ("cap-1", "keys")
    scan = Session.model_validate(
        {"person": "p01", "modality": "fmri",
         "source": {"kind": "folder", "path": Path("x"), "source_ids": ["pulses"]}}
    )  # fmt: skip
    assert required_of(scan.source)[0].role == "markers"
    assert reduced(scan, ["pulses"]).source.source_ids == ()
