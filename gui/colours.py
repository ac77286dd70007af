"""Colours of the dark look, and how well one can be read on another. No Qt."""

from __future__ import annotations

__all__ = [
    "AMBER", "BACKGROUND", "BUTTON", "CHOSEN", "CHOSEN_TEXT", "CURVES", "CYAN", "DIM", "EDGE",
    "FINE", "GREY", "GROUNDS", "INK", "LEAST_CONTRAST", "LINK", "PANEL", "RED", "TEXT", "contrast",
]  # fmt: skip

BACKGROUND = "#14171c"
PANEL = "#1d2127"
EDGE = "#333a44"
BUTTON = "#2a3038"
TEXT = "#e6e9ee"
DIM = "#9aa4b2"
"""Text that matters less, and what cannot be used now."""
INK = "#0d0f12"
"""Text on bright grounds."""
CHOSEN, CHOSEN_TEXT = "#3d6ea8", "#ffffff"
LINK = "#6cb6ff"
CURVES = ("#6cb6ff", "#f2a65a", "#8ddb8c", "#e9dc6a", "#d69ae0", "#f58a80", "#7fd6d0", "#b9b3a6")
"""Colours of curves; the first three stay apart for colour-blind eyes, by lightness too."""
FINE = "#4cc38a"
"""What is as it should be."""
RED, AMBER, CYAN, GREY = "#ff5c5c", "#f2c94c", "#56c8d8", "#8a94a3"
"""The ladder of alarms: at once, soon, to be known, and nothing to tell."""
GROUNDS = (BACKGROUND, PANEL, BUTTON)
"""What text stands on."""
LEAST_CONTRAST = 4.5
"""For text of ordinary size (WCAG 2.2, success criterion 1.4.3)."""


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21.

    Parameters
    ----------
    one, other : str
        As ``#rrggbb``; the order does not matter.

    Notes
    -----
    (L1 + 0.05) / (L2 + 0.05) with the relative luminances of WCAG 2.2.
    """
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
