"""The participant's window: the picture that the gate lets through, or black. No text, no lamps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication, QImage, QPainter, QPaintEvent, QScreen
from PySide6.QtWidgets import QWidget

from gui.screens import ScreenFacts, choose_screen

__all__ = ["ParticipantWindow", "screen_facts"]


def screen_facts(screen: QScreen) -> ScreenFacts:
    """Return name and place of a screen."""
    place = screen.geometry()
    return ScreenFacts(screen.name(), place.left(), place.top(), place.width(), place.height())


class ParticipantWindow(QWidget):
    """Shows one picture as large as it fits, on a screen that is not the operator's.

    Parameters
    ----------
    wanted : str or None
        Name of the screen.
    operator : QScreen
        The operator's screen, which is refused.

    Raises
    ------
    ConfigError
        If that screen may not be used.
    """

    def __init__(self, wanted: str | None, operator: QScreen) -> None:
        screens = QGuiApplication.screens()
        index = choose_screen(wanted, [screen_facts(s) for s in screens], operator.name())
        super().__init__()
        self._screen_name = screens[index].name()
        self._image: QImage | None = None
        self._pixels: npt.NDArray[np.uint8] | None = None
        self.setWindowTitle("Phosphene participant")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.BlankCursor)
        self.setScreen(screens[index])
        self.setGeometry(screens[index].geometry())

    def on_right_screen(self) -> bool:
        """Return False once the desktop has moved the window to another screen."""
        return self.screen().name() == self._screen_name

    def show_picture(self, picture: npt.NDArray[np.uint8] | None) -> None:
        """Show a picture, uint8 (height, width, 3), or black for None."""
        if picture is self._pixels:
            return
        # The image shares the array's memory, so both are kept together.
        self._pixels = None if picture is None else np.ascontiguousarray(picture)
        if self._pixels is None:
            self._image = None
        else:
            height, width = self._pixels.shape[:2]
            self._image = QImage(
                self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888
            )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw the picture in the middle of black."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if self._image is not None:
            size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(0, 0, size.width(), size.height())
            place.moveCenter(self.rect().center())
            painter.drawImage(place, self._image)
        painter.end()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Forget the picture."""
        self.show_picture(None)
        super().closeEvent(event)
