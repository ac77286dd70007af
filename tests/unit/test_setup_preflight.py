from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gui.screens import ScreenFacts
from gui.setup.checks import FLOOR_DISK, LOW_DISK
from gui.setup.last_run import HIDDEN, differences, last_run, remember
from gui.setup.preflight import holds, rows_of
from gui.setup.probes import World, free_bytes, why_not_readable, why_not_writable
from gui.setup.streams import Streams, findings_of
from gui.setup.subject import Probes, Row, Subject
from phosphene.consent import Consent, Scope
from phosphene.consent.confirm import confirm
from phosphene.consent.words import Circumstances
from phosphene.doctor import Finding
from phosphene.errors import BundleError, ConsentError
from phosphene.filters.look import filter_finding
from phosphene.seal.places import note
from phosphene.session import Session
from phosphene.session_seal import seal_findings

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CONSENT = Consent(
    person="p01", scopes=frozenset({Scope.VIEW_SELF}), expires=NOW + timedelta(days=1)
)
SCREENS = (
    ScreenFacts("CONSOLE", 0, 0, 1280, 720),
    ScreenFacts("PROJECTOR", 1280, 0, 640, 480),
    ScreenFacts("MIRROR", 100, 100, 640, 480),
)


class _Manifest:
    person, modality, features, mask_hash = "p01", "fmri", 1200, "3fa81234"

    class window:  # noqa: N801 (stands in for an attribute)
        length = 3


class _Bundle:
    manifest = _Manifest()


def probes(**instead: Any) -> Probes:
    fine: dict[str, Callable[..., Any]] = {
        "source": lambda session: [Finding("ok", "folder: there")],
        "streams": lambda subject: [Finding("ok", "EEG 'cap': there")],
        "free_bytes": lambda path: 100 * LOW_DISK,
        "why_not_writable": lambda path: "",
        "why_not_readable": lambda path: "",
        "renderer": lambda settings: [Finding("ok", "weights are there")],
        "engine": lambda name: None,
        "bundle": lambda subject: _Bundle(),
        "grid": lambda bundle, source: None,
        "consent": lambda subject: CONSENT,
        "now": lambda: NOW,
        "clock_trouble": lambda now: "",
        "synchronised": lambda: True,
        "presses": lambda settings: 1,
        "locked": lambda subject: None,
        "seal": lambda session, consent: [Finding("ok", "recording: sealed to 1a2b")],
        "swap": lambda: Finding("ok", "no swap"),
        "filter": lambda settings: Finding("ok", '"flashes"'),
    }
    return Probes(**(fine | instead))


def session(**tables: Any) -> Session:
    facts: dict[str, Any] = {
        "person": "p01", "modality": "fmri", "source": {"kind": "folder", "path": "/in"},
        "stop": {"keyboard": "/dev/input/event0"}, "consent": {"unsigned": True},
    }  # fmt: skip
    return Session.model_validate(facts | tables)


def subject(live: Session | None = None, **fields: Any) -> Subject:
    live = live or session()
    done = confirm(CONSENT, Circumstances.of(live), "AB", NOW - timedelta(minutes=5))
    facts: dict[str, Any] = {
        "session": live, "file": Path("/s.toml"), "bundle": Path("/b"), "consent": Path("/c.toml"),
        "out": Path("/out"), "screen": "PROJECTOR", "screens": SCREENS, "operator": "CONSOLE",
        "card_seen": "PROJECTOR", "confirmation": done,
    }  # fmt: skip
    return Subject("live", **(facts | fields))


def row(name: str, at: Subject, seen: Probes | None = None) -> Row:
    return next(one for one in rows_of(at, seen or probes()) if one.id == name)


def raising(error: Exception) -> Callable[..., Any]:
    def probe(*_: Any) -> Any:
        raise error

    return probe


def test_a_session_of_which_all_holds_may_begin() -> None:
    rows = rows_of(subject(), probes())
    assert [one.id for one in rows if one.level != "ok"] == []
    assert {one.id for one in rows} == {
        "study", "source", "bundle", "engine", "folder", "disk", "clock", "screen", "consent",
        "confirmed", "stop", "filter", "seal", "swap",
    }  # fmt: skip
    assert holds(rows)
    assert not holds(()), "nothing was looked at yet"


EEG = session(
    modality="eeg", source={"kind": "lsl-eeg", "source_ids": ["cap", "marks"]},
)  # fmt: skip
ASKED = session(stop={"demanded": True})
FILTERED = session(gate={"filter": {"name": "concepts", "folder": "/nowhere"}})
KEEPING = session(recorder={"out": "/out"}, decoder={"bundle": "/b"})
KEPT = CONSENT.model_copy(update={"scopes": frozenset({Scope.RECORD_BRAIN, Scope.RECORD_IMAGES})})
BRAIN = CONSENT.model_copy(update={"scopes": frozenset({Scope.RECORD_BRAIN})})


@pytest.mark.parametrize(
    ("name", "change", "probe", "level"),
    [
        ("study", {"session": None, "problems": 2}, {}, "error"),
        ("study", {"saved": False}, {}, "error"),
        ("study", {"file": None}, {}, "error"),
        ("source", {}, {"source": lambda s: [Finding("error", "gone", "make it")]}, "error"),
        ("streams", {"live": EEG}, {"streams": lambda s: None}, "waiting"),
        ("streams", {"live": EEG}, {"streams": lambda s: ()}, "error"),
        ("streams", {"live": EEG}, {"streams": lambda s: [Finding("error", "missing")]}, "error"),
        ("streams", {"live": EEG}, {}, "ok"),
        ("bundle", {}, {"bundle": raising(BundleError("of p02"))}, "error"),
        ("bundle", {}, {"bundle": raising(PermissionError("no"))}, "error"),
        ("bundle", {"bundle": None}, {}, "warning"),
        (
            "bundle",
            {},
            {"grid": lambda *_: Finding("error", "another grid", "scan as then")},
            "error",
        ),
        ("bundle", {}, {"locked": lambda s: Finding("error", "sealed", "name its key")}, "error"),
        ("bundle", {}, {"locked": lambda s: Finding("ok", "sealed; opened at the start")}, "ok"),
        ("engine", {}, {"engine": lambda name: "no driver"}, "warning"),
        ("engine", {}, {"renderer": lambda s: [Finding("error", "no weights")]}, "error"),
        ("folder", {}, {"why_not_writable": lambda p: "read only"}, "error"),
        ("folder", {"out": None}, {}, "hint"),
        ("disk", {}, {"free_bytes": lambda p: LOW_DISK - 1}, "warning"),
        ("disk", {}, {"free_bytes": lambda p: FLOOR_DISK - 1}, "error"),
        ("clock", {}, {"clock_trouble": lambda now: "is before"}, "warning"),
        ("clock", {}, {"synchronised": lambda: False}, "warning"),
        ("clock", {}, {"synchronised": lambda: None}, "ok"),
        ("screen", {"screen": ""}, {}, "hint"),
        ("screen", {"screen": "CONSOLE"}, {}, "error"),
        ("screen", {"screen": "MIRROR"}, {}, "error"),
        ("screen", {"screen": "GONE"}, {}, "error"),
        ("screen", {"card_seen": ""}, {}, "error"),
        ("consent", {}, {"consent": raising(ConsentError("RAISES not signed"))}, "error"),
        ("consent", {}, {"consent": lambda s: None}, "warning"),
        ("consent", {}, {"now": lambda: CONSENT.expires}, "error"),
        ("consent", {"live": session(person="p02")}, {}, "error"),
        ("confirmed", {"confirmation": None}, {}, "error"),
        ("confirmed", {}, {"now": lambda: NOW + timedelta(hours=1)}, "error"),
        ("confirmed", {}, {"consent": raising(ConsentError("gone"))}, "waiting"),
        ("stop", {}, {"presses": lambda s: 0}, "error"),
        ("stop", {}, {"presses": raising(OSError("RAISES unplugged"))}, "error"),
        ("stop", {"live": session(stop={})}, {}, "hint"),
        ("stop", {"live": session(stop={}, decoder={"bundle": "/b"})}, {}, "error"),
        (
            "stop",
            {"live": session(stop={"none": "a phantom"}, decoder={"bundle": "/b"})},
            {},
            "warning",
        ),
        ("stop", {"live": ASKED}, {}, "hint"),
        ("seal", {"live": KEEPING}, {"seal": seal_findings, "consent": lambda s: KEPT}, "error"),
        ("seal", {"live": KEEPING}, {"seal": seal_findings, "consent": lambda s: BRAIN}, "warning"),
        ("seal", {}, {"consent": raising(ConsentError("gone"))}, "ok"),
        ("filter", {}, {"filter": filter_finding}, "hint"),
        ("filter", {"live": FILTERED}, {"filter": filter_finding}, "error"),
        ("swap", {}, {"swap": lambda: Finding("warning", "bare swap", "encrypt it")}, "warning"),
    ],
)
def test_each_check_says_what_is_wrong_and_what_to_do(
    name: str, change: dict[str, Any], probe: dict[str, Any], level: str
) -> None:
    found = row(name, subject(**change), probes(**probe))
    assert found.level == level, found
    assert found.text
    told_by_probe = any(name in probe for name in ("streams", "engine", "renderer", "bundle"))
    if level in ("error", "warning") and not told_by_probe and "RAISES" not in found.text:
        assert found.cure, found


def test_wrong_settings_hide_what_only_right_ones_could_tell() -> None:
    rows = rows_of(Subject("live", problems=1), probes())
    assert [one.id for one in rows] == ["study", "clock", "screen"]
    assert not holds(rows)


def test_a_confirmation_of_other_words_does_not_count() -> None:
    before = subject()
    coarser = session(gate={"level_self": 2})
    assert coarser.gate.level_self == 2
    changed = replace(before, session=coarser)
    found = row("confirmed", changed)
    assert found.level == "error"
    assert not holds(rows_of(changed, probes()))


def test_replays_and_pilots_ask_for_less() -> None:
    replay = Subject("replay", recording=Path("/r.mcap"), bundle=Path("/b"))
    rows = {one.id: one.level for one in rows_of(replay, probes())}
    assert "confirmed" not in rows
    assert not {"stop", "filter", "seal", "swap"} & rows.keys()
    assert holds(rows_of(replay, probes()))
    assert row("source", Subject("replay"), probes()).level == "error"
    gone = probes(why_not_readable=lambda p: "does not exist")
    assert row("source", replay, gone).level == "error"
    pilot = Subject("pilot", out=Path("/out"))
    assert holds(rows_of(pilot, probes()))
    assert row("bundle", pilot).level == "ok"
    card = replace(pilot, screen="PROJECTOR", screens=SCREENS, operator="CONSOLE")
    assert row("screen", card).level == "warning", "nobody has to look at it"


# ---- what looks at the world --------------------------------------------------------------------


def test_folders_are_looked_at_and_not_made(tmp_path: Path) -> None:
    goal = tmp_path / "out" / "p01" / "run"
    assert why_not_writable(goal) == ""
    assert free_bytes(goal) > 0
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("x")
    assert "not a folder" in why_not_writable(tmp_path / "file" / "run")
    assert why_not_readable(tmp_path / "nothing") == "does not exist"
    assert why_not_readable(tmp_path / "file") == ""


def test_the_stop_button_is_read_and_let_go(tmp_path: Path) -> None:
    import struct

    line = tmp_path / "keyboard"
    os.mkfifo(line)
    world = World()
    seen = world.probes()
    settings = session(stop={"keyboard": line, "keys": [57]}).stop
    writing = os.open(line, os.O_RDWR)
    try:
        assert seen.presses(settings) == 0
        os.write(writing, struct.pack("@llHHi", 0, 0, 1, 30, 1))
        assert seen.presses(settings) == 0, "another key"
        os.write(writing, struct.pack("@llHHi", 0, 0, 1, 57, 1))
        assert seen.presses(settings) == 1
        assert seen.presses(settings) == 1, "remembered"
        world.close()
        assert world.probes().presses(settings) == 0, "a new look starts anew"
    finally:
        world.close()
        os.close(writing)


def test_a_clock_that_went_back_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path))
    trouble = World().probes().clock_trouble
    assert trouble(NOW) == "", "no log yet"
    assert note("test", tmp_path) == ""
    now = World().probes().now()
    assert trouble(now) == ""
    assert trouble(now + timedelta(days=30)) == "", "a console may have been off for weeks"
    assert "before the newest line" in trouble(now - timedelta(hours=1))


class _Process:
    """Stands in for the process that looks for streams."""

    def __init__(self, command: list[str]) -> None:
        self.command, self.code, self.told, self.killed = command, None, ("", ""), False
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.code

    def communicate(self) -> tuple[str, str]:
        return self.told

    def kill(self) -> None:
        self.killed = True


def test_streams_are_looked_for_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[_Process] = []

    def start(command: list[str], **_: Any) -> _Process:
        started.append(_Process(command))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    now = [0.0]
    streams = Streams(lambda: now[0], again_s=4)
    assert streams.look(Path("/s.toml"), "lab") is None
    assert started[0].command[:3] == [sys.executable, "-m", "acquisition.preflight"]
    assert streams.look(Path("/s.toml"), "lab") is None
    started[0].code = 3
    started[0].told = (json.dumps({"level": "error", "text": "EEG 'cap': missing"}) + "\n", "")
    found = streams.look(Path("/s.toml"), "lab")
    assert found is not None
    assert [f.text for f in found] == ["EEG 'cap': missing"]
    now[0] = 3.9
    assert streams.look(Path("/s.toml"), "lab") == found
    assert len(started) == 1
    now[0] = 4.1
    assert streams.look(Path("/s.toml"), "lab") == found, (
        "what was found stays till it is known anew"
    )
    assert len(started) == 2
    assert streams.look(Path("/other.toml"), "lab") is None
    assert started[1].killed
    assert len(started) == 3
    now[0] = 60.0
    assert streams.look(Path("/other.toml"), "lab") == ()
    assert started[2].killed, "it hangs"
    streams.close()


def test_what_the_process_tells_is_read_line_by_line() -> None:
    told = 'noise\n{"level": "ok", "text": "EEG"}\n{"level": "odd", "text": "x"}\n[1]\n'
    assert [(f.level, f.text) for f in findings_of(told)] == [("ok", "EEG")]


# ---- the last run -------------------------------------------------------------------------------


def test_differences_to_the_last_run_of_this_file(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    assert last_run(study, tmp_path) is None
    before = session(
        decoder={"bundle": "/data/Erika-Mustermann/b"}, renderer={"fps": 24.0, "seed": 1}
    )
    remember(study, before, NOW, tmp_path)
    held = last_run(study, tmp_path)
    assert held is not None
    assert held.at == NOW
    assert differences(held, before) == ()
    now = session(decoder={"bundle": "/data/other/b"}, renderer={"fps": 30.0}, person="p02")
    found = {one.name: (one.before, one.now) for one in differences(held, now)}
    assert found["person"] == ("p01", "p02")
    assert found["renderer.fps"] == (24.0, 30.0)
    assert found["renderer.seed"] == (1, None)
    was, is_now = found["decoder.bundle"]
    assert str(was).startswith(HIDDEN)
    assert is_now == Path("/data/other/b")
    assert set(found) == {"person", "renderer.fps", "renderer.seed", "decoder.bundle"}
    assert last_run(tmp_path / "another.toml", tmp_path) is None


def test_no_path_lies_in_what_is_remembered(tmp_path: Path) -> None:
    study = tmp_path / "Erika.toml"
    held = session(source={"kind": "folder", "path": "/data/Erika-Mustermann"},
                   recorder={"seal": ["/keys/Mustermann.pub"]})  # fmt: skip
    remember(study, held, NOW, tmp_path / "state")
    (file,) = (tmp_path / "state").rglob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    told = file.read_text() + file.name
    assert "Erika" not in told
    assert "Mustermann" not in told
    file.write_text("{")
    assert last_run(study, tmp_path / "state") is None, "what cannot be read is no last run"
