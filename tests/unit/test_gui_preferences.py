from __future__ import annotations

from pathlib import Path

import gui_bench as bench  # first: it chooses the offscreen screens
import pytest

# isort: split
from PySide6.QtCore import QByteArray, Signal
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from gui.console_pages import PAGES, Pages
from gui.console_window import ConsoleWindow
from gui.preferences import KEPT, Preferences, settings_file
from phosphene.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "console.ini"


def test_the_window_the_language_and_the_study_folder_come_back(file: Path, tmp_path: Path) -> None:
    first = Preferences(file)
    first.keep_language("ja")
    first.keep_study_folder(tmp_path)
    first.keep_geometry(QByteArray(b"\x01\x02geometry"))
    first.save()
    again = Preferences(file)
    assert (again.language, again.study_folder) == ("ja", tmp_path)
    assert bytes(again.geometry().data()) == b"\x01\x02geometry"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_fresh_start_knows_nothing(file: Path) -> None:
    fresh = Preferences(file)
    assert (fresh.language, fresh.study_folder) == ("", Path.home())
    assert fresh.geometry().isEmpty()


@pytest.mark.parametrize(
    "name",
    [
        "consent",
        "recorder/out",
        "view/participant",
        "recording",
        "folder/recording",
        "folder/export",
    ],
)
def test_consents_switches_and_folders_of_recordings_have_no_place(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="never kept"):
        Preferences(file)._put(name, True)
    assert not any(word in "".join(KEPT) for word in ("consent", "record", "view", "screen"))


def test_what_is_gone_or_damaged_is_not_offered(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("language=tlh\n[folder]\nstudy=/no/such/folder\n[window]\ngeometry=5\n")
    preferences = Preferences(file)
    assert preferences.language == ""
    assert preferences.study_folder == Path.home()
    assert preferences.geometry().isEmpty()


def test_an_unknown_language_is_refused(file: Path) -> None:
    preferences = Preferences(file)
    with pytest.raises(ConfigError, match="language"):
        preferences.keep_language("tlh")


def test_the_file_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PHOSPHENE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_file() == tmp_path / "phosphene" / "console.ini"
    monkeypatch.setenv("PHOSPHENE_CONFIG", str(tmp_path / "own"))
    assert settings_file() == tmp_path / "own" / "console.ini"


class Page(QWidget):
    """A set-up page that only counts how often it was shut."""

    begin = Signal(list)
    state_changed = Signal(str)

    def __init__(self, _preferences: Preferences) -> None:
        super().__init__()
        self.shuts = 0

    def widget(self) -> Page:
        return self

    def focus_first(self) -> None:
        self.setFocus()

    def checked(self) -> bool:
        return False

    def shut(self) -> None:
        self.shuts += 1


def test_settings_that_cannot_be_written_keep_no_console_open(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").write_text("a file, and no folder")
    preferences = Preferences(tmp_path / "config" / "console.ini")
    with pytest.raises(ConfigError, match=r"console\.ini"):
        preferences.save()
    gone: list[int] = []
    pages = Pages(Page, PAGES.replay, PAGES.summary, PAGES.guest)
    window = ConsoleWindow(preferences, None, gone.append, pages)
    window.show()
    window.close()
    assert gone == [0]
    assert window.setup_page.shuts == 1  # type: ignore[attr-defined]
    assert "console.ini" in capsys.readouterr().err
    assert bench.left_running(window) == []
    bench.drop(window)
