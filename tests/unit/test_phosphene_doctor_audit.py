"""Whether a second place is told the heads of the audit log, and lies where it helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from phosphene.doctor import CHECKS
from phosphene.doctor_audit import second_place_finding
from phosphene.seal.places import SECOND_VARIABLE


def look(monkeypatch: pytest.MonkeyPatch, state: Path, second: object) -> tuple[str, str]:
    monkeypatch.setenv("PHOSPHENE_STATE", str(state))
    monkeypatch.setenv(SECOND_VARIABLE, str(second))
    found = second_place_finding()
    assert bool(found.fix) == (found.level != "ok")
    return found.level, found.text


def test_without_a_second_place_it_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    level, text = look(monkeypatch, tmp_path, "")
    assert level == "hint"
    assert "no second place" in text
    assert "audit log" in {check.name for check in CHECKS}


def test_a_second_place_helps_on_another_disk_and_where_it_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state, elsewhere = tmp_path / "state", Path("/dev/shm")
    assert look(monkeypatch, state, tmp_path / "heads")[0] == "hint"
    assert look(monkeypatch, state, tmp_path)[0] == "warning", "a folder is no file"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert look(monkeypatch, state, tmp_path / "heads")[0] == "warning"
    monkeypatch.undo()
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    heads = elsewhere / f"phosphene-heads-{os.getpid()}"
    assert look(monkeypatch, state, heads)[0] == "ok"
    assert not heads.exists(), "it was only looked at"
    assert not state.exists()
