from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from phosphene.discretion import DiscreetLog, Discretion
from phosphene.plan import Plan
from phosphene.session import Session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "Doe Jane"
    (where / "s1").mkdir(parents=True)
    for name in ("Doe_Jane_0001.dcm", "s1/sub-DoeJane_task-look_bold.nii.gz", "s1/0002.dcm"):
        (where / name).touch()
    return where


@pytest.mark.parametrize(
    "text",
    [
        "{folder}/Doe_Jane_0001.dcm: the file is empty",
        "Doe_Jane_0001.dcm: got nothing; allowed: pixels",
        "run of {folder}: got None; allowed: sub-DoeJane_task-look",
        "cannot read '{folder}/s1/Doe Jane (late).dcm'",
        "Doe_Jane_0001 and Doe Jane",
    ],
)
def test_names_of_the_source_are_left_out(folder: Path, text: str) -> None:
    said = Discretion([folder])(text.format(folder=folder))
    assert "Doe" not in said
    assert "Jane" not in said
    assert str(folder.parent) not in said
    assert "file-" in said


def test_other_words_and_plain_numbers_stay(folder: Path) -> None:
    reworded = Discretion([folder])
    for text in ("", "no data for 3 s", "0002.dcm: the file is cut off", "/usr/lib/python: gone"):
        assert reworded(text) == text


def test_a_file_that_is_not_there_and_its_neighbours(folder: Path) -> None:
    reworded = Discretion([folder / "Doe_gone.xdf"])
    assert "Doe" not in reworded(f"{folder}/Doe_gone.xdf: no such file")
    assert "Doe" not in reworded("Doe_Jane_0001.dcm is no XDF")
    assert reworded(f"{folder}/Doe_gone.xdf: no such file").endswith(": no such file")


def test_lines_of_a_log_are_worded_anew(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("reworded")
    caplog.handler.addFilter(DiscreetLog(Discretion([folder])))
    log.warning("%s: %d files", folder, 3)
    assert caplog.messages[0].endswith(": 3 files")
    assert "Doe" not in caplog.text


def test_a_sentence_stays_though_files_are_called_like_its_words(tmp_path: Path) -> None:
    for name in ("run 1.nii", "volume_0003.nii", "Leeson.nii"):
        (tmp_path / name).touch()
    reworded = Discretion([tmp_path])
    for text in ("run 1 of 3", "volume 3 did not come", "Leesons, aLeeson and Lees"):
        assert reworded(text) == text
    for text in ("Leeson.nii: cut off", "Leeson_2.nii: cut off", "of Leeson"):
        assert "Leeson" not in reworded(text)


def test_a_beat_never_waits_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def scandir(path: str | Path) -> object:
        looked.append(str(path))
        return real(path)

    real = os.scandir
    monkeypatch.setattr("phosphene.discretion.os.scandir", scandir)
    folder = tmp_path / "Doe Jane"
    folder.mkdir()
    reworded = Discretion([folder])
    assert looked == [str(folder)]
    assert "Doe" not in reworded(f"{folder}/x.dcm: waiting")
    assert looked == [str(folder)]
    assert "Doe" not in Discretion([], [folder])(f"nothing in {folder}/x for Doe Jane")
    assert looked == [str(folder)]


def test_a_live_folder_is_not_listed_and_a_large_recording_not_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.discretion._MOST_FILES", 5)
    (source := tmp_path / "in").mkdir()
    for index in range(20):
        (source / f"Doe_Jane_{index:04d}.dcm").touch()

    def of(kind: str) -> Discretion:
        session = {
            "person": "t", "modality": "fmri", "source": {"kind": kind, "path": source},
        }  # fmt: skip
        mode = "live" if kind == "folder" else "replay"
        held = Session.model_validate(session)
        return Discretion.of(Plan(run="r", folder=tmp_path, mode=mode, session=held))  # type: ignore[arg-type]

    # readers have hashed it where it comes from a live folder
    assert of("folder")("Doe_Jane_0001.dcm") == "Doe_Jane_0001.dcm"
    assert "Jane" not in of("folder")(f"{source}/Doe_Jane_0001.dcm: cut off")
    reworded = of("recording")
    assert all("Jane" not in reworded(f"Doe_Jane_{index:04d}.dcm") for index in range(20))
