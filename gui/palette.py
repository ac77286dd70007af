"""The dark look: an explicit palette on Fusion, the same on every desktop and at every scale.

Desktops that ask for a dark scheme are not listened to: what arrives depends on plug-ins that a
machine may lack. Sizes are in Qt's pixels, which high-resolution screens multiply by any factor.
"""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from gui.colours import (
    BACKGROUND,
    BUTTON,
    CHOSEN,
    CHOSEN_TEXT,
    CURVES,
    DIM,
    EDGE,
    LINK,
    PANEL,
    TEXT,
)

__all__ = ["BACKGROUND", "CURVES", "DIM", "EDGE", "PANEL", "TEXT", "apply", "look"]

FONT_PX = 12
FAMILIES = (
    "DejaVu Sans",
    # Where the first has no letters: Japanese ones, before Chinese fonts offer theirs.
    "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAGothic", "IPAPGothic", "VL PGothic",
    "TakaoPGothic", "Hiragino Sans", "Yu Gothic UI", "Meiryo",
)  # fmt: skip

_Role = QPalette.ColorRole
_ROLES = {
    _Role.Window: BACKGROUND,
    _Role.WindowText: TEXT,
    _Role.Base: PANEL,
    _Role.AlternateBase: BACKGROUND,
    _Role.Text: TEXT,
    _Role.PlaceholderText: DIM,
    _Role.Button: BUTTON,
    _Role.ButtonText: TEXT,
    _Role.BrightText: "#ffffff",
    _Role.ToolTipBase: PANEL,
    _Role.ToolTipText: TEXT,
    _Role.Highlight: CHOSEN,
    _Role.HighlightedText: CHOSEN_TEXT,
    _Role.Accent: CHOSEN,
    _Role.Link: LINK,
    _Role.LinkVisited: LINK,
    _Role.Light: "#3b434e",
    _Role.Midlight: "#333a44",
    _Role.Mid: "#20252c",
    _Role.Dark: "#0f1216",
    _Role.Shadow: "#000000",
}
_DISABLED = {
    # Flat and dim: still readable, for a word that cannot be used now is told all the same.
    _Role.Button: PANEL,
    _Role.ButtonText: DIM,
    _Role.WindowText: DIM,
    _Role.Text: DIM,
    _Role.Highlight: EDGE,
    _Role.HighlightedText: TEXT,
}


def look() -> QPalette:
    """Return the palette."""
    palette = QPalette()
    for role, colour in _ROLES.items():
        palette.setColor(role, QColor(colour))
    for role, colour in _DISABLED.items():
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colour))
    return palette


def apply(app: QApplication) -> None:
    """Give the application its look."""
    app.setStyle("Fusion")
    app.setPalette(look())
    font = QFont()
    font.setFamilies(list(FAMILIES))
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPixelSize(FONT_PX)
    app.setFont(font)
