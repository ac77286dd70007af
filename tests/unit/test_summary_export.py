"""What leaves from the page after a run: held, released, copied, noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gui.replay.rights import Rights
from gui.summary.export import eeg_command, export_report, unmarked, why_no_export
from phosphene.errors import ConsentError, InputError
from phosphene.marking import LABEL
from phosphene.release import RELEASE_FILE
from phosphene.seal.keys import StewardKey
from tests.unit.replay_bench import NOW, run_messages, write
from tests.unit.summary_bench import FREE, let_go


def exported(folder: Path) -> Path:
    folder.mkdir()
    (folder / "report.html").write_text(f"<p>{LABEL}</p>")
    (folder / "report.json").write_text("{}")
    return let_go(folder)


def test_export_waits_for_a_release(tmp_path: Path) -> None:
    folder, target = exported(tmp_path / "out"), tmp_path / "copy"
    (folder / RELEASE_FILE).unlink()
    with pytest.raises(ConsentError, match="held"):
        export_report(folder, target, "run-1", FREE, NOW)
    assert not target.exists()


def test_a_release_of_another_run_in_the_same_folder_lets_nothing_go(tmp_path: Path) -> None:
    folder = exported(tmp_path / "out")
    assert why_no_export(folder, FREE, "run-1", NOW) == ""
    with pytest.raises(ConsentError, match="another run"):
        export_report(folder, tmp_path / "copy", "run-2", FREE, NOW)
    assert not (tmp_path / "copy").exists()


def test_export_needs_the_scope(tmp_path: Path) -> None:
    folder, target = exported(tmp_path / "out"), tmp_path / "copy"
    rights = Rights("", "", "the consent does not include export", 4)
    with pytest.raises(ConsentError, match="export"):
        export_report(folder, target, "run-1", rights, NOW)
    assert not target.exists()


def test_an_export_is_noted_first_and_never_overwrites(tmp_path: Path) -> None:
    folder, target = exported(tmp_path / "out"), tmp_path / "copy"
    with pytest.raises(InputError, match="no log"):
        export_report(folder, target, "run-1", FREE, NOW, lambda *_a, **_k: "no log")
    assert not target.exists(), "what is not noted does not leave"
    told: list[Any] = []
    made = export_report(folder, target, "run-1", FREE, NOW,
                         lambda *what, **f: told.append((*what, f)) or "")  # fmt: skip
    assert sorted(p.name for p in made) == ["report.html", "report.json"]
    assert told == [("exported", None, {"run": "run-1", "format": "report", "files": "2"})]
    with pytest.raises(InputError, match="never overwritten"):
        export_report(folder, target, "run-1", FREE, NOW)


def test_unmarked_pictures_do_not_leave(tmp_path: Path) -> None:
    folder = exported(tmp_path / "out")
    (folder / "preview.mp4").write_bytes(b"\0\0\0\x08free")
    assert unmarked(folder / "preview.mp4")
    with pytest.raises(InputError, match=r"preview\.mp4"):
        export_report(folder, tmp_path / "copy", "run-1", FREE, NOW)
    (folder / "preview.mp4").unlink()
    (folder / "report.html").write_text("<p>nice pictures</p>")
    with pytest.raises(InputError, match=r"report\.html"):
        export_report(folder, tmp_path / "copy", "run-1", FREE, NOW)


def test_a_sealed_run_is_not_exported_from_here(tmp_path: Path) -> None:
    write(tmp_path, run_messages(), StewardKey.new())
    assert "sealed" in why_no_export(tmp_path, FREE, "run-1", NOW)


def test_the_eeg_command_is_one_that_export_takes(tmp_path: Path) -> None:
    words = eeg_command(["phosphene"], tmp_path / "out", tmp_path / "x.xdf", "xdf")
    assert words == ["phosphene", "export", str(tmp_path / "out"), "--format", "xdf",
                     "--out", str(tmp_path / "x.xdf")]  # fmt: skip
