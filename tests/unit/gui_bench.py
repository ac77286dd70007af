# ruff: noqa: E402 (the environment must be set before Qt is imported)
"""What tests of windows share. Import it before Qt: it asks for three offscreen screens.

CONSOLE (1280x720) is the operator's, PROJECTOR stands beside it, MIRROR shows some of CONSOLE's
pixels. With PHOSPHENE_SCREENSHOTS=FOLDER every `screenshot` is kept there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCREENS = Path(__file__).with_name("gui_screens.json")
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={SCREENS}"

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QObject, Qt, QThread, QTimer
from PySide6.QtGui import QAccessible, QImage, QTextDocumentFragment
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

from gui.colours import LEAST_CONTRAST, contrast

__all__ = [
    "LEAST_PX",
    "SCREENS",
    "drop",
    "enlarged",
    "faint",
    "faults_of_reach",
    "interactive",
    "left_running",
    "misfits",
    "pixels_of",
    "screenshot",
    "spoken",
    "standing",
]

Pixels = npt.NDArray[np.uint8]
LEAST_PX = (1280, 700)
"""A 1280x720 screen with room for a title bar."""
_PACK = np.array([1 << 16, 1 << 8, 1])
_INTERACTIVE = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
)


def pixels_of(widget: QWidget) -> Pixels:
    """Return what a widget shows, uint8 (height, width, 3)."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return raw[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def enlarged(pixels: Pixels, factor: int) -> Pixels:
    """Return a picture with every pixel `factor` times as large."""
    return np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)


def screenshot(widget: QWidget, name: str) -> Pixels:
    """Return what a widget shows; keep it as NAME.png where PHOSPHENE_SCREENSHOTS says so."""
    pixels = pixels_of(widget)
    assert np.ptp(pixels, axis=(0, 1)).any(), f"{name} shows nothing at all"
    if folder := os.environ.get("PHOSPHENE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        widget.grab().save(str(Path(folder) / f"{name}.png"), "PNG")
    return pixels


def drop(widget: QWidget) -> None:
    """Delete a widget now, not when an event loop runs again: widgets that pile up slow others."""
    widget.close()
    widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def left_running(parent: QObject) -> list[str]:
    """Return the timers and threads below an object that still run."""
    timers = [f"timer of {t.parent()!r}" for t in parent.findChildren(QTimer) if t.isActive()]
    threads = [repr(t) for t in parent.findChildren(QThread) if t.isRunning()]
    return timers + threads


@contextmanager
def standing(page: Any) -> Iterator[Any]:
    """Show a page, and look at the end that it leaves nothing running."""
    page.resize(*LEAST_PX)
    page.show()
    yield page
    page.shut()
    running = left_running(page)
    drop(page)
    assert not running


def interactive(page: QWidget) -> Iterator[QWidget]:
    """Go through what a person can act on; parts of others (a spin box's line) are left out."""
    for widget in page.findChildren(QWidget):
        if not isinstance(widget, _INTERACTIVE) or isinstance(widget, QScrollBar):
            continue
        if widget.objectName().startswith("qt_") or not widget.isVisibleTo(page):
            continue
        parent = widget.parentWidget()
        inner = (QAbstractSpinBox, QComboBox, QTabBar, QMessageBox, QAbstractItemView, QScrollBar)
        if isinstance(parent, inner):
            continue
        yield widget


def spoken(widget: QWidget) -> str:
    """Return what a screen reader calls a widget."""
    found = QAccessible.queryAccessibleInterface(widget)
    return "" if found is None else str(found.text(QAccessible.Text.Name)).strip()


def faults_of_reach(page: QWidget) -> list[str]:
    """Return what is wrong with names and the tab order of a page.

    Everything that can be acted on has a name, and either is in the tab order or, as a button,
    takes no focus at all, because a key of the action table does what it does.
    """
    faults = []
    for widget in interactive(page):
        what = f"{type(widget).__name__} {widget.objectName() or spoken(widget)!r}"
        if not any(letter.isalnum() for letter in spoken(widget)):
            faults.append(f"{what}: no name for a screen reader (setAccessibleName)")
        policy = widget.focusPolicy()
        told_only = isinstance(widget, (QPlainTextEdit, QTextEdit)) and widget.isReadOnly()
        buttons = isinstance(widget, (QAbstractButton, QAbstractItemView))
        if policy == Qt.FocusPolicy.NoFocus and (buttons or told_only):
            continue
        if not policy & Qt.FocusPolicy.TabFocus:
            faults.append(f"{what}: not in the tab order ({policy})")
    return faults


def faint(page: QWidget) -> list[str]:
    """Return the texts of a page that are hard to read, by the pixels that are really there.

    The commonest colour round a text is its ground; of the others the one that stands out most is
    the text's own, for the middle of a letter's stroke is not smoothed.
    """
    faults, pixels = [], pixels_of(page)
    for widget in page.findChildren(QWidget):
        if not isinstance(widget, (QLabel, QAbstractButton, QLineEdit)):
            continue
        words = widget.text()
        plain = QTextDocumentFragment.fromHtml(words).toPlainText()
        if not widget.isVisibleTo(page) or sum(c.isalnum() for c in plain) < 3:
            continue
        corner = widget.mapTo(page, widget.rect().topLeft())
        left, top = max(0, corner.x()), max(0, corner.y())
        there = pixels[top : corner.y() + widget.height(), left : corner.x() + widget.width()]
        if widget.visibleRegion().isEmpty() or not there.size:
            continue
        colours, counts = np.unique(there @ _PACK, return_counts=True)
        names = [f"#{colour:06x}" for colour in colours]
        ground = names[int(np.argmax(counts))]
        best = max(contrast(ground, name) for name in names)
        if best < LEAST_CONTRAST:
            faults.append(f"{plain[:40]!r} on {ground}: {best:.1f}")
    return faults


def misfits(page: QWidget, least: tuple[int, int] = LEAST_PX) -> list[str]:
    """Return what of a page does not fit into a small screen."""
    faults = []
    hint = page.minimumSizeHint()
    if hint.width() > least[0] or hint.height() > least[1]:
        faults.append(f"needs {hint.width()}x{hint.height()} pixels, there are {least}")
    page.resize(*least)
    QApplication.processEvents()
    inside = page.rect()
    for widget in page.findChildren(QWidget):
        if not widget.isVisibleTo(page) or widget.isWindow() or _scrolled(widget, page):
            continue
        corner = widget.mapTo(page, widget.rect().bottomRight())
        if widget.width() and widget.height() and not inside.contains(corner):
            faults.append(f"{type(widget).__name__} {widget.objectName()!r} ends at {corner}")
    return faults


def _scrolled(widget: QWidget, page: QWidget) -> bool:
    """Tell whether a widget lies in something that scrolls."""
    above = widget.parentWidget()
    while above is not None and above is not page:
        if isinstance(above, QAbstractScrollArea):
            return True
        above = above.parentWidget()
    return False
