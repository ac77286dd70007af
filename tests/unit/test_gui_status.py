"""The newest lines of the log under the lamps of the nodes."""

from __future__ import annotations

from PySide6.QtGui import QTextDocumentFragment
from pytestqt.qtbot import QtBot

from gui.status import StatusPanel

LONG = "no volume came for a while: blanked by the window, unblank to go on"


def test_a_line_without_room_ends_in_an_ellipsis_and_is_whole_in_the_tool_tip(qtbot: QtBot) -> None:
    panel = StatusPanel()
    qtbot.addWidget(panel)
    panel.resize(220, 60)
    panel.show()
    panel.add_line("all is <well>", "12:00:00")
    panel.add_line(LONG, "12:00:01", "high")
    label = panel.recent

    def shown() -> list[str]:
        return QTextDocumentFragment.fromHtml(label.text()).toPlainText().split("\n")

    first, second = shown()
    assert first.endswith("all is <well>")
    assert second.endswith("…")
    assert label.fontMetrics().horizontalAdvance(second) <= label.width()
    assert LONG in label.toolTip()
    assert "&lt;well&gt;" in label.toolTip()
    panel.resize(900, 60)
    assert shown()[1].endswith(LONG), "with room it is whole"
