from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QPixmap
from pytestqt.qtbot import QtBot

from gui.shot import Shot
from phosphene.commands.options import gui_arguments


class Window:
    def refresh_board(self) -> None:
        pass

    def grab(self) -> QPixmap:
        made = QPixmap(4, 4)
        made.fill()
        return made


def test_it_is_counted_from_the_first_decoded_picture(qtbot: QtBot, tmp_path: Path) -> None:
    target, asked, window = tmp_path / "window.png", list[bool](), Window()  # type: Any, Any, Any

    def decoded() -> bool:
        asked.append(target.exists())
        return len(asked) > 3

    shot = Shot(window, target, decoded)
    shot.after_picture(0.0)
    qtbot.waitUntil(target.exists, timeout=5000)
    assert asked == [False] * 4, "neutral frames do not count, and nobody asks afterwards"


def test_the_option_reaches_the_window_and_the_old_one_means_what_it_meant(tmp_path: Path) -> None:
    asked: Any = type("Asked", (), {
        "participant_screen": None, "screenshot": tmp_path / "w.png", "screenshot_after": 20.0,
        "screenshot_at_picture": None,
    })  # fmt: skip
    plain = gui_arguments(asked)
    assert plain == ("--screenshot", str(tmp_path / "w.png"), "--after", "20.0")
    asked.screenshot_at_picture = 5.0
    assert gui_arguments(asked) == (*plain, "--after-picture", "5.0")
