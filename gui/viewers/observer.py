"""An observer's window: the picture of their own level, as old as it is, and nothing to press."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QScreen

from gui.screens import choose_screen
from gui.texts import tr
from gui.viewers.state import ViewerState
from gui.viewers.window import ViewerWindow, screen_facts, screens_now
from phosphene.sink import Showing

__all__ = ["ObserverWindow", "observer_view"]

_SIDE_PX = (512, 560)


def observer_view(showing: Showing, *, recording: bool) -> ViewerState:
    """Return what observers see.

    They are not told why nothing is shown: that somebody stopped, or withdrew, is not theirs.

    Parameters
    ----------
    showing : Showing
        What the gate lets through to observers.
    recording : bool
        Whether the run is recorded.
    """
    frame, picture = showing.frame, showing.picture
    if picture is None or frame is None or showing.age_s is None:
        return ViewerState(
            caption=tr("Nothing is shown at present"),
            recording=recording, passing=showing.passing,
        )  # fmt: skip
    age_s = max(0, round(showing.age_s))
    words = (
        tr("Generated from brain data: a guess, {seconds} s old", seconds=age_s)
        if frame.state == "picture"
        else tr("Neutral picture: nothing decoded")
    )
    return ViewerState(picture=picture, caption=words, recording=recording, passing=True)


class ObserverWindow(ViewerWindow):
    """Shows observers what the gate lets through to them; takes no key and no focus.

    Parameters
    ----------
    screen_name : str or None
        Name or serial number of a screen to fill; None makes an ordinary window.
    operator_screen : str or None
        Name of the operator's screen, which is refused.
    keep_off : collection of str
        Names or serial numbers of further screens that are refused: the participant's.

    Raises
    ------
    ConfigError
        If that screen may not be used.
    """

    def __init__(
        self,
        screen_name: str | None = None,
        operator_screen: str | None = None,
        *,
        keep_off: Collection[str] = (),
    ) -> None:
        screen = None
        if screen_name is not None:
            index = choose_screen(screen_name, screens_now(), operator_screen, keep_off, "--screen")
            screen = QGuiApplication.screens()[index]
        super().__init__(screen, tr("Phosphene observer"))
        self._keep_off = frozenset(keep_off)
        # F8 and all other keys go on to the operator's window.
        self.setWindowFlag(Qt.WindowType.WindowDoesNotAcceptFocus)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if screen is None:
            self.resize(*_SIDE_PX)

    def _wrong_now(self, operator: QScreen | None = None) -> str:
        if any(map(screen_facts(self.screen()).called, self._keep_off)):
            return tr("it is on the participant's screen")
        return super()._wrong_now(operator)
