"""What the participant's and the observers' windows have in common.

Such a window fills one screen and belongs there. Before each painting it looks where it is: on any
other screen, on one that is mirrored or is the operator's, it stays black, and closes itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QGuiApplication,
    QImage,
    QMoveEvent,
    QPainter,
    QPaintEvent,
    QScreen,
)
from PySide6.QtWidgets import QApplication, QWidget

from gui.images import image_of
from gui.screens import ScreenFacts, why_unfit
from gui.texts import tr
from gui.viewers.draw import BLACK, draw_card, draw_lamp, draw_view
from gui.viewers.state import ViewerState

__all__ = ["ViewerWindow", "screen_facts", "screens_now"]

GRACE_MS = 1000


def screen_facts(screen: QScreen) -> ScreenFacts:
    """Return name, place and serial number of a screen."""
    place = screen.geometry()
    return ScreenFacts(
        screen.name(), place.left(), place.top(), place.width(), place.height(),
        screen.serialNumber(),
    )  # fmt: skip


def screens_now() -> list[ScreenFacts]:
    """Return the facts of all screens, in Qt's order."""
    return [screen_facts(screen) for screen in QGuiApplication.screens()]


class ViewerWindow(QWidget):
    """Shows a view on one screen, or black.

    Parameters
    ----------
    screen : QScreen or None
        The screen it fills; None: an ordinary window, wherever the desktop puts it.
    title : str
        Its title.

    Attributes
    ----------
    grace_ms : int
        How long it may stand, black, where it does not belong, in milliseconds.
    """

    closed = Signal(str)
    """Emitted when the window has closed itself, with the reason in words."""

    def __init__(self, screen: QScreen | None, title: str) -> None:
        super().__init__()
        self._chosen = "" if screen is None else screen.name()
        self._view = ViewerState()
        self._image: QImage | None = None
        self._card: int | None = None
        self._black = False
        self._wrong_since = QElapsedTimer()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        # Qt's ordinary timers may come 5 % early, when the time is not over yet.
        self._patience.setTimerType(Qt.TimerType.PreciseTimer)
        self._patience.timeout.connect(self._look)
        self.grace_ms = GRACE_MS
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        # It opens while the operator types elsewhere.
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.screenRemoved.connect(self._screen_removed)
        if screen is not None:
            self.setWindowFlag(Qt.WindowType.FramelessWindowHint)
            self.setCursor(Qt.CursorShape.BlankCursor)
            self.setScreen(screen)
            self.setGeometry(screen.geometry())

    @property
    def shown(self) -> ViewerState:
        """What is on the window now."""
        return self._view

    def showFullScreen(self) -> None:  # noqa: N802 (Qt's name)
        """Fill the screen. Qt's own way takes the keyboard's focus as well; this does not."""
        self.setWindowState(Qt.WindowState.WindowFullScreen)
        self.show()

    # ---- where it is ---------------------------------------------------------------------------

    def on_right_screen(self, operator: QScreen | None = None) -> bool:
        """Return whether the window is where it belongs; elsewhere it is black.

        Parameters
        ----------
        operator : QScreen or None
            Where the operator's window is now; None leaves that out.
        """
        return not self._wrong_now(operator)

    def why_wrong(self, operator: QScreen | None = None) -> str:
        """Return in words why the window has to close; empty where it may stay.

        Desktops may put a window somewhere else for a moment: it is black there at once, and has
        a second to come to its place.
        """
        wrong = self._wrong_now()
        if not wrong:
            self._wrong_since.invalidate()
            # That the operator's window is here is nothing that passes by itself.
            return self._wrong_now(operator)
        if not self._wrong_since.isValid():
            self._wrong_since.start()
        return wrong if self._wrong_since.hasExpired(self.grace_ms) else ""

    def _wrong_now(self, operator: QScreen | None = None) -> str:
        if not self._chosen:
            return ""
        name = None if operator is None else operator.name()
        return why_unfit(self._chosen, self.screen().name(), screens_now(), name)

    def _look(self) -> None:
        if wrong := self.why_wrong():
            self._leave(wrong)
        elif self._wrong_since.isValid():
            self._look_again()

    def _look_again(self) -> None:
        """Look when the time is over; one timer, however often it is painted until then."""
        if not self._patience.isActive():
            self._patience.start(max(0, self.grace_ms + 1 - self._wrong_since.elapsed()))

    def _screen_removed(self, screen: QScreen) -> None:
        # Comes before the desktop moves the window to a screen that is left.
        if self._chosen and screen.name() == self._chosen:
            self._leave(tr("its screen was disconnected"))

    def _leave(self, why: str) -> None:
        if self.isVisible():
            self.close()
            self.closed.emit(why)

    # ---- what it shows -------------------------------------------------------------------------

    def show_view(self, view: ViewerState) -> None:
        """Show a view; one that looks like the last costs nothing."""
        self._set(view)

    def _set(self, view: ViewerState) -> None:
        if view.same(self._view) and self._card is None and self._black == self._misplaced():
            return
        self._view, self._card = view, None
        self._hold(view.picture)
        self.update()

    def show_test_card(self, number: int) -> None:
        """Show the test card with a number that only who looks at this screen can tell.

        The next view takes its place.
        """
        self._card = number
        self.update()

    def clear(self) -> None:
        """Go black; the lamp stays."""
        self._set(ViewerState(recording=self._view.recording))

    def _hold(self, picture: npt.NDArray[np.uint8] | None) -> None:
        self._image = None if picture is None else image_of(picture)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw the view, or black where the window is not where it belongs; the lamp last."""
        painter = QPainter(self)
        self._black = self._misplaced()
        if self._black:
            painter.fillRect(self.rect(), BLACK)
            self.why_wrong()  # notes since when
            self._look_again()
        elif self._card is not None:
            draw_card(painter, self.rect(), self._card)
        else:
            draw_view(painter, self.rect(), self._view, self._image)
        if self._view.recording:
            draw_lamp(painter, self.rect())
        painter.end()

    def _misplaced(self) -> bool:
        return not self.on_right_screen()

    def moveEvent(self, event: QMoveEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw anew: nothing may be taken along to where it does not belong."""
        super().moveEvent(event)
        self.update()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Forget the picture."""
        self._patience.stop()
        self.clear()
        super().closeEvent(event)
