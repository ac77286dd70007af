"""The row of small buttons above the traces: pages, scale, filter, channel."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from gui.palette import DIM, TEXT
from gui.texts import tr

__all__ = ["Tools"]


class Tools(QWidget):
    """Heading, words about the channels, and the buttons.

    Parameters
    ----------
    page, scale, channel : Callable
        Take -1 or 1.
    everything, automatic, look : Callable
        Change pages to all channels and back, the scale to automatic, and the filter.
    """

    def __init__(
        self,
        page: Callable[[int], None],
        everything: Callable[[], None],
        scale: Callable[[int], None],
        automatic: Callable[[], None],
        look: Callable[[], None],
        channel: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        heading = QLabel("EEG")
        heading.setStyleSheet(f"color: {TEXT}; font-weight: 600;")
        row.addWidget(heading)
        self.page_words, self.scale_words, self.channel_words = (QLabel("") for _ in range(3))
        row.addStretch(1)
        self._button("◀", tr("Channels before these"), lambda: page(-1))
        self._words(self.page_words)
        self._button("▶", tr("Channels after these"), lambda: page(1))
        self.all = self._button(tr("all"), tr("All channels at once, or pages"), everything)
        row.addSpacing(8)
        self._button("−", tr("Lower traces"), lambda: scale(1))
        self._words(self.scale_words)
        self._button("+", tr("Higher traces"), lambda: scale(-1))
        self._button(tr("auto"), tr("Height that suits the signal"), automatic)
        row.addSpacing(8)
        self.look = self._button("", tr("Filter of the traces"), look)
        row.addSpacing(8)
        self._button("◀", tr("Spectrum and average of the channel before"), lambda: channel(-1))
        self._words(self.channel_words)
        self._button("▶", tr("Spectrum and average of the next channel"), lambda: channel(1))

    def _button(self, text: str, tip: str, pressed: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setFixedHeight(20)
        button.setStyleSheet("font-size: 11px; padding: 0 3px;")
        button.clicked.connect(lambda: pressed())
        self._row.addWidget(button)
        return button

    def _words(self, label: QLabel) -> None:
        label.setStyleSheet(f"color: {DIM}; font-size: 11px;")
        label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self._row.addWidget(label)

    def tell(self, page: str, scale: str, look: str, channel: str) -> None:
        """Show what is chosen."""
        for widget, words in (
            (self.page_words, page),
            (self.scale_words, scale),
            (self.look, look),
            (self.channel_words, channel),
        ):
            if widget.text() != words:
                widget.setText(words)
