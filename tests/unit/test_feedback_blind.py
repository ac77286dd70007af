"""Sham control and blinding: nothing but the participant's number tells the arm."""

from __future__ import annotations

import logging
import math
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import numpy as np
import pytest

from phosphene.consent import Consent
from phosphene.errors import ConfigError, PhospheneError, SealError
from phosphene.feedback import desk as desk_module
from phosphene.feedback.blinding import (
    ARMS,
    Assignment,
    Chooser,
    allocate,
    console_key,
    load_assignment,
    save_assignment,
    seal_arm,
)
from phosphene.feedback.desk import FeedbackDesk
from phosphene.feedback.donor import Donor, donor_of, load_donor, troubles_of
from phosphene.feedback.facts import facts_of
from phosphene.feedback.record import About, Row, pack_about, score_file, unpack
from phosphene.messages import Message, Percept
from phosphene.plan import Plan
from phosphene.seal.audit import Entry
from phosphene.seal.keys import StewardKey, load_public
from phosphene.seal.places import LOG
from phosphene.session import Session

TELLING = re.compile(rb"sham|yoked|own score|recorded score", re.IGNORECASE)
STEWARD = StewardKey.new()
BLOCKS = [{"kind": "rest", "duration_s": 6}, {"kind": "regulate", "duration_s": 10}]
PASSPHRASE = "long enough"  # noqa: S105


def _percept(index: int) -> Message:
    p = 0.5 + 0.4 * math.sin(index)
    header = Percept(
        run="r", seq=index, t_acquired=100.0 + index, t_sent=0.0, producer="decoder", index=index,
        t_data=float(index), t_seen=float(index), t_features=0.0, confidence=0.5, label="face",
        probabilities={"face": p, "house": 1 - p}, bundle="b",
    )  # fmt: skip
    return Message(header, {})


def _donor(folder: Path) -> Path:
    about = About("r0", "p99", "category", "1", "", [("rest", 0.0, 6.0, ""),
                                                     ("regulate", 6.0, 16.0, "")])  # fmt: skip
    rows = [Row(t, 1, 1, float(t), 0.0, 0.0, math.nan if t < 6 else (t % 5) / 5, math.nan, math.nan)
            for t in range(16)]  # fmt: skip
    path = folder / "donor.json"
    donor_of(about, rows).save(path)
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PHOSPHENE_PASSPHRASE", PASSPHRASE)
    STEWARD.save(tmp_path / "s.key", tmp_path / "s.pub", PASSPHRASE, cost=2)
    _donor(tmp_path)
    return tmp_path


def _session(folder: Path, **more: Any) -> Session:
    protocol = {
        "blocks": BLOCKS, "donor": folder / "donor.json",
        "score": {"kind": "category", "target": "face"}, **more,
    }  # fmt: skip
    return Session.model_validate({
        "person": "p01", "modality": "fmri", "source": {"kind": "recording", "path": folder},
        "recorder": {"seal": [folder / "s.pub"]}, "protocol": protocol,
    })  # fmt: skip


def _blind_desk(folder: Path, arm: int, name: str = "run") -> tuple[FeedbackDesk, Plan]:
    state = folder / "state"
    path = folder / f"{name}-{arm}.blind"
    console = console_key(state).public_key().public_bytes_raw()
    save_assignment(seal_arm(arm, "study", "p01", console, [STEWARD.public]), path)
    out = folder / f"{name}-{arm}"
    consent = Consent(person="p01", scopes=frozenset({"record_brain", "view_self"}),
                      expires=datetime.now(UTC) + timedelta(days=1))  # fmt: skip
    plan = Plan(run="r1", folder=folder, mode="pilot", session=_session(folder, assignment=path),
                consent=consent, out=out)  # fmt: skip
    return FeedbackDesk(plan, record=True), plan


def _told(desk: FeedbackDesk) -> dict[str, list[dict[str, Any]]]:
    told: dict[str, list[dict[str, Any]]] = {}
    for index in range(16):
        message = _percept(index)
        header = message.header
        assert isinstance(header, Percept)
        for given in desk.take(message):
            for sink in ("self", "operator", "observer", "stream"):
                told.setdefault(sink, []).append(desk.fields(given, sink, header))
    desk.close()
    return told


def test_both_arms_show_what_they_should(place: Path) -> None:
    donor = load_donor(place / "donor.json")
    for arm in (0, 1):
        desk, _ = _blind_desk(place, arm)
        shown = {f["t_data"]: f["score"] for f in _told(desk)["self"] if f["display"] != "none"}
        assert sorted(shown) == list(range(6, 16))
        own = [0.5 + 0.4 * math.sin(t) for t in range(6, 16)]
        expected = [donor.at(t) for t in range(6, 16)] if arm else own
        assert list(shown.values()) == pytest.approx(expected)


def test_nothing_but_the_score_of_the_participant_tells_the_arm(
    place: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told, texts, sizes = [], [], []
    for arm in (0, 1):
        desk, plan = _blind_desk(place, arm)
        found = _told(desk)
        for fields in (*found["self"], *found["stream"]):
            fields.pop("score")
        told.append(found)
        facts = facts_of(plan.session)
        texts.append((repr(desk.counts()), sorted(facts), repr(desk._choose), caplog.text))
        sizes.append({p.relative_to(plan.out).name: p.stat().st_size for p in plan.out.iterdir()})
        everything = b"\n".join(p.read_bytes() for p in plan.out.rglob("*"))
        everything += plan.model_dump_json().replace('"sham":false', "").encode()
        everything += repr((found, facts, desk._choose, desk.counts())).encode()
        everything += caplog.text.encode() + "".join(capsys.readouterr()).encode()
        everything += plan.session.protocol.assignment.read_bytes()  # type: ignore[union-attr]
        # File names of this test hold the arm; nothing that Phosphene writes does.
        everything = everything.replace(str(place).encode(), b"")
        assert TELLING.search(everything) is None
    assert told[0] == told[1]
    assert texts[0] == texts[1]
    assert sizes[0] == sizes[1]
    for sink in ("operator", "observer"):
        assert {f["score"] for f in told[0][sink]} == {0.0}
        assert {f["display"] for f in told[0][sink]} == {"none"}
    assert {(f["label"], f["confidence"]) for s in told[0].values() for f in s} == {(None, 0.0)}


def test_both_arms_take_the_same_path(place: Path) -> None:
    """The lines that run, in order, are the same: so nothing takes longer in one arm."""
    ran: list[list[tuple[str, int]]] = []
    for arm in (0, 1):
        desk, _ = _blind_desk(place, arm)
        lines: list[tuple[str, int]] = []

        def trace(
            frame: FrameType, event: str, _: Any, lines: list[tuple[str, int]] = lines
        ) -> Any:
            name = frame.f_code.co_filename
            if "phosphene/feedback" in name:
                lines.append((f"{name}:{event}", frame.f_lineno))
                return trace
            return None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            _told(desk)
        finally:
            sys.settrace(before)
        ran.append(lines)
    assert len(ran[0]) > 1000
    assert ran[0] == ran[1]


def test_sealed_scores_hold_both_and_only_the_steward_opens_them(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from phosphene.cli import main

    desk, plan = _blind_desk(place, 1)
    _told(desk)
    path = score_file(plan.out or place, "r1", sealed=True)
    assert path.stat().st_mode & 0o077 == 0
    key = ["--key", str(place / "s.key")]
    options = ["--scores", str(path), "--csv", str(place / "s.csv"), "--summary", "--donor",
               str(place / "new.json")]  # fmt: skip
    assert main(["unblind", str(place / "run-1.blind"), *options, *key]) == 0
    text = capsys.readouterr().out
    assert f"person p01: {ARMS[1]}" in text and "16 scores" in text and "are needed" in text
    assert len((place / "s.csv").read_text().splitlines()) == 17
    again = load_donor(place / "new.json")
    assert again.is_of("p01") and not again.is_of("p99")
    assert again.at(8.2) == pytest.approx(0.5 + 0.4 * math.sin(8))
    lines = (place / "state" / LOG).read_bytes().splitlines()
    named = [msgspec.json.decode(line, type=Entry).what for line in lines]
    assert named.count("unblinded") == 1 and named.count("scores opened") == 1
    assert TELLING.search(b"".join(lines)) is None
    # Scores of another assignment are told apart.
    _blind_desk(place, 0, "other")[0].close()
    assert main(["unblind", str(place / "other-0.blind"), "--scores", str(path), *key]) == 1
    assert "another assignment" in capsys.readouterr().out


def test_nothing_is_told_where_the_audit_log_cannot_be_written(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from phosphene.cli import main

    _blind_desk(place, 1)[0].close()
    (place / "file").touch()
    monkeypatch.setenv("PHOSPHENE_STATE", str(place / "file" / "below"))
    assert main(["unblind", str(place / "run-1.blind"), "--key", str(place / "s.key")]) != 0
    assert TELLING.search("".join(capsys.readouterr()).encode()) is None


def test_allocation_from_the_command_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from phosphene.cli import main

    assert main(["blind", "console", "--out", str(place / "c.pub")]) == 0
    persons = [f"p{k:02d}" for k in range(1, 9)]
    options = ["blind", "allocate", "--study", "s", "--persons", ",".join(persons), "--console",
               str(place / "c.pub"), "--steward", str(place / "s.pub")]  # fmt: skip
    assert main([*options, "--out", str(place / "a")]) == 0
    assert TELLING.search("".join(capsys.readouterr()).encode()) is None
    found = [load_assignment(place / "a" / f"s-{p}.blind") for p in persons]
    arms = [f.open(STEWARD.private) for f in found]
    assert sum(arms[:4]) == sum(arms[4:]) == 2
    assert arms == [f.open(console_key(place / "state")) for f in found]
    assert len({(place / "a" / f"s-{p}.blind").stat().st_size for p in persons}) == 1
    assert main([*options, "--out", str(place / "a")]) != 0  # never overwritten
    assert load_public(place / "c.pub").hex() == found[0].keys[0]


def test_an_assignment_is_bound_to_its_person_and_study(place: Path) -> None:
    sealed = seal_arm(1, "study", "p01", StewardKey.new().public, [STEWARD.public])
    assert sealed.open(STEWARD.private) == 1
    for name in ("person", "study", "id"):
        other = msgspec.structs.replace(sealed, **{name: "other"})
        with pytest.raises(SealError, match="altered"):
            other.open(STEWARD.private)
    with pytest.raises(SealError, match="not sealed to"):
        sealed.open(StewardKey.new().private)
    (place / "x.blind").write_text("{}")
    with pytest.raises(SealError, match="not a sealed assignment"):
        load_assignment(place / "x.blind")
    assert isinstance(sealed, Assignment)


def test_a_chooser_stays_closed() -> None:
    import pickle

    assert repr(Chooser(0)) == repr(Chooser(1))
    assert [Chooser(arm)(0.1, 0.9) for arm in (0, 1)] == [0.1, 0.9]
    with pytest.raises(TypeError):
        pickle.dumps(Chooser(1))


def test_allocation_is_balanced_and_checked() -> None:
    arms = allocate([str(k) for k in range(40)], 4)
    assert all(sum(arms[k : k + 4]) == 2 for k in range(0, 40, 4))
    with pytest.raises(ConfigError, match="even"):
        allocate(["a"], 3)
    with pytest.raises(ConfigError, match="each once"):
        allocate(["a", "a"], 2)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"score": {"kind": "similarity", "target": "face"}}, "this score"),
        ({"blocks": [*BLOCKS, {"kind": "rest", "duration_s": 5}]}, "this protocol"),
        ({"score": {"kind": "category"}}, "none in blocks"),
    ],
)
def test_a_desk_refuses_what_does_not_fit(place: Path, more: dict[str, Any], match: str) -> None:
    plan = Plan(run="r", folder=place, mode="pilot", session=_session(place, **more))
    with pytest.raises(ConfigError, match=match):
        FeedbackDesk(plan, record=False)


def test_a_blind_run_needs_a_steward_and_the_right_person(place: Path) -> None:
    desk, plan = _blind_desk(place, 0)
    desk.close()
    session = plan.session.model_copy(update={"person": "p02"})
    with pytest.raises(ConfigError, match="another person"):
        FeedbackDesk(plan.model_copy(update={"session": session}), record=False)
    unsealed = plan.session.model_copy(
        update={"recorder": plan.session.recorder.model_copy(update={"seal": ()})}
    )
    with pytest.raises(ConfigError, match="needs \\[recorder\\] seal"):
        FeedbackDesk(plan.model_copy(update={"session": unsealed}), record=False)


def test_donors_are_checked(place: Path) -> None:
    plan = Plan(run="r", folder=place, mode="pilot", session=_session(place))
    protocol = FeedbackDesk(plan, record=False).protocol
    donor = load_donor(place / "donor.json")
    assert troubles_of(donor, protocol, "category", "p01", interval_s=1.0) == []
    assert "same person" in troubles_of(donor, protocol, "category", "p99")[0]
    assert troubles_of(donor, protocol, "category", "p99", same_person=True) == []
    assert "same rate" in troubles_of(donor, protocol, "category", "p01", interval_s=2.0)[0]
    short = msgspec.structs.replace(donor, t_s=donor.t_s[:9], scores=donor.scores[:9])
    assert "whole run" in troubles_of(short, protocol, "category", "p01")[0]
    assert b"p99" not in (place / "donor.json").read_bytes()
    for bad in ({"scores": [2.0] * 16}, {"t_s": [0.0] * 16}, {"kind": "else"}):
        (place / "bad.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(donor, **bad)))
        with pytest.raises(ConfigError):
            load_donor(place / "bad.json")
    assert isinstance(donor, Donor)


def test_a_known_sham_shows_the_donor_and_is_in_the_facts(place: Path) -> None:
    session = _session(place, sham=True)
    plan = Plan(run="r", folder=place, mode="pilot", session=session)
    fields = _told(FeedbackDesk(plan, record=False))
    assert [f["score"] for f in fields["operator"][6:9]] == pytest.approx([0.2, 0.4, 0.6])
    assert fields["operator"][6]["label"] == "face"
    assert "sham" in facts_of(session)["protocol_control"]


def test_the_gate_sees_the_blocks(place: Path) -> None:
    plan = Plan(run="r", folder=place, mode="pilot", session=_session(place))
    desk = FeedbackDesk(plan, record=False)
    assert not desk.state(50.0).decode
    desk.take(_percept(5))  # acquired at 105 s
    state = desk.state(105.5)
    assert state.block is not None and state.block.kind == "rest"
    assert state.decode and not state.picture and state.reason == "rest block"
    assert desk.state(106.5).score


def test_a_gate_started_again_writes_a_new_file(place: Path) -> None:
    desk, plan = _blind_desk(place, 0)
    desk.close()
    FeedbackDesk(plan, record=True).close()
    assert plan.out is not None
    assert sorted(p.name for p in plan.out.iterdir()) == ["r1-2.scores.sealed", "r1.scores.sealed"]


def test_rows_have_one_length_and_a_cut_one_is_left_out() -> None:
    about = About("r", "p", "category", "1", "", [])
    rows = [Row(k, 0, 0, k * 1.5, math.nan, 1e300, 0.5, math.nan, 0.25) for k in range(3)]
    raw = pack_about(about) + b"".join(row.pack() for row in rows)
    assert {len(row.pack()) for row in rows} == {64}
    found, again = unpack(raw[:-1])
    assert found == about and [r.t_data for r in again] == [0.0, 1.5]
    np.testing.assert_equal(again[1].pack(), rows[1].pack())
    with pytest.raises(PhospheneError, match="not a file of scores"):
        unpack(b"PHSCORE1" + raw[8:])
    assert desk_module.SCORED_SINKS == ("self", "stream")
