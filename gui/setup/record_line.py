"""What is recorded at this start: off until it is switched on, brain data and pictures apart."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from gui.setup.looks import check_box
from gui.texts import tr
from phosphene.session_record import Kind

__all__ = ["RecordLine"]


class RecordLine(QWidget):
    """Two switches for a session that names a folder; nothing remembers them."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.brain = check_box(tr("brain data"))
        self.brain.setAccessibleName(tr("Record brain data in this run"))
        self.pictures = check_box(tr("pictures"))
        self.pictures.setAccessibleName(tr("Record pictures in this run"))
        line = QHBoxLayout(self)
        line.setContentsMargins(4, 2, 4, 2)
        line.addWidget(QLabel(tr("Record")))
        for box in (self.brain, self.pictures):
            box.toggled.connect(self.changed)
            line.addWidget(box)
        line.addStretch(1)
        self.hide()

    @property
    def kinds(self) -> frozenset[Kind]:
        """What is switched on, where there is something to switch."""
        if self.isHidden():
            return frozenset()
        on: dict[Kind, bool] = {
            "brain": self.brain.isChecked(), "pictures": self.pictures.isChecked(),
        }  # fmt: skip
        return frozenset(kind for kind, wanted in on.items() if wanted)

    def want(self, folder: bool) -> None:
        """Offer the switches, or no longer; they are off then."""
        if folder == self.isHidden():
            self.setVisible(folder)
            self.off()

    def off(self) -> None:
        """Switch both off, as every start begins."""
        for box in (self.brain, self.pictures):
            box.blockSignals(True)
            box.setChecked(False)
            box.blockSignals(False)
