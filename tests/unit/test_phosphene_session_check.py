from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.run import RunOptions, _open_ended
from phosphene.session import Session
from phosphene.session_check import source_findings

SESSION = """
person = "p01"
modality = "fmri"
[source]
kind = "folder"
path = "incoming"
"""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    file = tmp_path / "session.toml"
    file.write_text(SESSION)
    return file


def test_a_source_that_is_not_there_is_named_before_anything_starts(
    session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absolute = str(session.parent / "incoming")
    assert main(["live", str(session), "--out", str(session.parent / "out")]) == 1
    said = capsys.readouterr().err
    assert f"source folder {absolute}: does not exist" in said
    assert "counts from the session file's folder" in said
    assert not (session.parent / "out").exists()
    (session.parent / "incoming").touch()
    assert main(["live", str(session)]) == 1
    assert f"{absolute}: is not a folder" in capsys.readouterr().err


def test_checks_before_a_session_look_at_its_source(
    session: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("live", "doctor"):
        monkeypatch.setattr(f"phosphene.commands.{name}.streams_are_there", lambda *_: True)
    commands = [["live", str(session), "--check"], ["doctor", "--quick", "--session", str(session)]]
    assert [main(command) for command in commands] == [1, 1]
    assert capsys.readouterr().out.count(f"{session.parent / 'incoming'}: does not exist") == 2
    (session.parent / "incoming").mkdir()
    assert main(commands[0]) == 0
    said = capsys.readouterr().out
    assert "there and readable" in said
    assert "hint     source: acquisition.fmri.tr_s is not set" in said
    session.write_text(SESSION + "[acquisition.fmri]\ntr_s = 1.5\n")
    assert main(commands[0]) == 0
    assert "hint" not in capsys.readouterr().out


def test_a_folder_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.session_check.os.access", lambda *_: False)
    source = {"kind": "folder", "path": tmp_path}
    session = Session.model_validate({"person": "p", "modality": "fmri", "source": source})
    first = source_findings(session)[0]
    assert (first.level, first.text) == ("error", f"source folder {tmp_path}: cannot be read")


@pytest.mark.parametrize(
    ("kind", "seconds", "mode", "open_ended"),
    [
        ("folder", None, "live", True),
        ("folder", 60.0, "live", False),
        ("recording", None, "live", False),
        ("recording", None, "replay", False),
    ],
)
def test_only_live_runs_without_a_planned_end_wait_for_their_operator(
    tmp_path: Path, kind: str, seconds: float | None, mode: str, open_ended: bool
) -> None:
    source = {"kind": kind, "path": tmp_path}
    session = Session.model_validate({"person": "p", "modality": "fmri", "source": source})
    options = RunOptions(mode=mode, seconds=seconds)  # type: ignore[arg-type]
    assert _open_ended(options, session) is open_ended
