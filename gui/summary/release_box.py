"""The question before a run is released; its default is not to."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from gui.replay.dialogs import Question
from gui.texts import tr
from phosphene.release import DELAY_S, MOST_NAME

__all__ = ["ReleaseBox"]


class ReleaseBox(Question):
    """Asks who releases a run; Enter leaves it held.

    Parameters
    ----------
    parent : QWidget
        The page.
    run : str
        Identifier of the run.
    """

    answered = Signal(str)

    def __init__(self, parent: QWidget, run: str) -> None:
        words = tr(
            "Run {run} may leave {s} s after its release, as far as the consent allows: report, "
            "tables, film, EEG. The audit log notes it. You can hold it again; what has left until "
            "then is not reached.",
            run=run,
            s=f"{DELAY_S:.0f}",
        )
        super().__init__(parent, tr("Release this run?"), words, tr("Release"))
        self.by = QLineEdit()
        self.by.setMaxLength(MOST_NAME)
        self.by.setAccessibleName(tr("Who releases it: initials or role, no full name"))
        self.by.setPlaceholderText(tr("initials or role, no full name"))
        self.add(tr("Who releases it"), self.by)
        self.leave.setDefault(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.by.setFocus()

    def wrong(self) -> str:
        """Say what is missing."""
        return "" if self.by.text().strip() else tr("Say who releases it.")

    def accept(self) -> None:
        """Hand the answer over."""
        by = self.by.text().strip()
        super().accept()
        self.answered.emit(by)
