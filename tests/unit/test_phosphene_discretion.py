from __future__ import annotations

import logging
from pathlib import Path

import pytest

from phosphene.discretion import DiscreetLog, Discretion


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
    discreet = Discretion([folder])
    for text in ("", "no data for 3 s", "0002.dcm: the file is cut off", "/usr/lib/python: gone"):
        assert discreet(text) == text


def test_a_file_that_is_not_there_and_its_neighbours(folder: Path) -> None:
    discreet = Discretion([folder / "Doe_gone.xdf"])
    assert "Doe" not in discreet(f"{folder}/Doe_gone.xdf: no such file")
    assert "Doe" not in discreet("Doe_Jane_0001.dcm is no XDF")
    assert discreet(f"{folder}/Doe_gone.xdf: no such file").endswith(": no such file")


def test_lines_of_a_log_are_worded_anew(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("discreet")
    caplog.handler.addFilter(DiscreetLog(Discretion([folder])))
    log.warning("%s: %d files", folder, 3)
    assert caplog.messages[0].endswith(": 3 files")
    assert "Doe" not in caplog.text
