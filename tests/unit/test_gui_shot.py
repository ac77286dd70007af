from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtGui import QPixmap
from pytestqt.qtbot import QtBot

from gui.shot import Shot, noted
from phosphene.commands.options import gui_arguments
from phosphene.plan import Plan
from phosphene.seal.places import LOG


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

    shot = Shot(window, target, decoded, lambda: "", lambda why: None)
    shot.after_picture(0.0)
    qtbot.waitUntil(target.exists, timeout=5000)
    assert asked == [False] * 4, "neutral frames do not count, and nobody asks afterwards"


def test_the_option_reaches_the_window_and_the_old_one_means_what_it_meant(tmp_path: Path) -> None:
    asked: Any = type("Asked", (), {
        "participant_screen": None, "screenshot": tmp_path / "w.png", "screenshot_after": 20.0,
        "screenshot_at_picture": None, "observer_screen": None,
    })  # fmt: skip
    plain = gui_arguments(asked)
    assert plain == ("--screenshot", str(tmp_path / "w.png"), "--after", "20.0")
    asked.screenshot_at_picture = 5.0
    assert gui_arguments(asked) == (*plain, "--after-picture", "5.0")
    asked.participant_screen, asked.observer_screen = "A", "B"
    screens = ("--participant-screen", "A", "--observer-screen", "B")
    assert gui_arguments(asked) == (*screens, *plain, "--after-picture", "5.0")


def test_one_that_may_not_be_taken_is_not_and_that_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    target, told, window = tmp_path / "window.png", list[str](), Window()  # type: Any, Any, Any
    shot = Shot(window, target, lambda: True, lambda: "no log", told.append)
    shot.after(0.0)
    qtbot.waitUntil(lambda: bool(told), timeout=5000)
    assert told == ["no picture of the window was taken: no log"]
    assert not target.exists()


@pytest.mark.parametrize("mode", ["live", "replay"])
def test_each_picture_of_the_window_is_a_line_of_the_audit_log(tmp_path: Path, mode: str) -> None:
    session = {"person": "p01", "modality": "fmri", "source": {"kind": "folder", "path": "/in"}}
    plan = Plan.model_validate(
        {"run": "r7", "folder": tmp_path, "mode": mode, "session": session, "audit": tmp_path}
    )
    assert noted(plan) == ""
    line = json.loads((tmp_path / LOG).read_text().splitlines()[-2])
    assert (line["what"], line["facts"]) == ("window pictured", {"run": "r7", "by": "operator"})
    (tmp_path / "file").write_text("")
    for lost in (None, tmp_path / "file"):
        why = noted(plan.model_copy(update={"audit": lost}))
        assert bool(why) == (mode == "live"), "what stands in no log is not taken of a person"
