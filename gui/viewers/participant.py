"""The participant's window: picture or score, instruction, cross, lamp; and a key that stops."""

from __future__ import annotations

from collections.abc import Callable, Collection

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QScreen

from gui.screens import choose_screen
from gui.texts import tr
from gui.viewers.state import ViewerState
from gui.viewers.window import ViewerWindow, screens_now

__all__ = ["STOP_KEYS", "ParticipantWindow"]

STOP_KEYS = frozenset({Qt.Key.Key_Escape, Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter})
"""Keys of this window that stop. Letters and digits do not: scanners send pulses as such."""
_FIRST_CODE = 8
"""X11 and Wayland number the keys of Linux' input layer from here."""


class ParticipantWindow(ViewerWindow):
    """Fills a screen that is not the operator's.

    A stop key darkens the window at once, before anybody is asked. It stays dark until the gate has
    been seen to hold everything back; from then on the gate decides.

    Parameters
    ----------
    screen_name : str or None
        Name or serial number of the screen.
    operator_screen : QScreen
        The operator's screen, which is refused.
    stop : Callable or None
        Tells the stop device of a press, without waiting.
    codes : collection of int
        Further keys that stop, as Linux numbers them (``stop.keys`` of the session).

    Raises
    ------
    ConfigError
        If that screen may not be used.
    """

    def __init__(
        self,
        screen_name: str | None,
        operator_screen: QScreen,
        *,
        stop: Callable[[], None] | None = None,
        codes: Collection[int] = (),
    ) -> None:
        index = choose_screen(screen_name, screens_now(), operator_screen.name())
        super().__init__(QGuiApplication.screens()[index], tr("Phosphene participant"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._stop, self._codes = stop, frozenset(codes)
        self._dark = False

    def show_view(self, view: ViewerState) -> None:
        """Show a view; after a press nothing but black until the gate has held it back."""
        if self._dark and not view.passing:
            self._dark = False
        super().show_view(ViewerState(recording=view.recording) if self._dark else view)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Stop, if the key is one that stops; no other key means anything here."""
        event.accept()
        known = event.key() in STOP_KEYS
        if (known or event.nativeScanCode() - _FIRST_CODE in self._codes) and (
            not event.isAutoRepeat()
        ):
            self.press()

    def press(self) -> None:
        """Go dark, then tell the stop device."""
        self._dark = True
        self.clear()
        self.repaint()
        if self._stop is not None:
            self._stop()
