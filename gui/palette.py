"""The dark look: an explicit palette on Fusion, the same on every desktop."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

__all__ = ["BACKGROUND", "CURVES", "DIM", "PANEL", "TEXT", "apply"]

BACKGROUND = "#14171c"
PANEL = "#1d2127"
EDGE = "#333a44"
TEXT = "#e6e9ee"
DIM = "#9aa4b2"
CURVES = ("#6cb6ff", "#f2a65a", "#8ddb8c", "#e9dc6a", "#d69ae0", "#f58a80", "#7fd6d0", "#b9b3a6")
"""Colours of curves; the first three stay apart for colour-blind eyes, by lightness too."""

_ROLES = {
    QPalette.ColorRole.Window: BACKGROUND,
    QPalette.ColorRole.WindowText: TEXT,
    QPalette.ColorRole.Base: PANEL,
    QPalette.ColorRole.AlternateBase: BACKGROUND,
    QPalette.ColorRole.Text: TEXT,
    QPalette.ColorRole.PlaceholderText: DIM,
    QPalette.ColorRole.Button: "#2a3038",
    QPalette.ColorRole.ButtonText: TEXT,
    QPalette.ColorRole.ToolTipBase: PANEL,
    QPalette.ColorRole.ToolTipText: TEXT,
    QPalette.ColorRole.Highlight: "#3d6ea8",
    QPalette.ColorRole.HighlightedText: "#ffffff",
}


def apply(app: QApplication) -> None:
    """Give the application its look."""
    app.setStyle("Fusion")
    palette = QPalette()
    for role, colour in _ROLES.items():
        palette.setColor(role, QColor(colour))
    dim = QColor("#626b78")
    for role in (QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, dim)
    app.setPalette(palette)
    font = QFont("DejaVu Sans")
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPixelSize(12)
    app.setFont(font)
