"""Colours of channels, the same in the traces and in the spectra. No Qt."""

from __future__ import annotations

from gui.palette import CURVES

__all__ = ["CHOSEN", "MOST_COLOURED", "OTHERS", "channel_colour"]

MOST_COLOURED = 6
"""Up to so many channels each has a colour of its own."""
CHOSEN = "#ffffff"
OTHERS = ("#6cb6ff", "#8fb0a0")
"""Where there are more channels, these take turns."""


def channel_colour(channel: int, chosen: int, n_channels: int) -> str:
    """Return the colour of a channel; the chosen one is white."""
    if channel == chosen:
        return CHOSEN
    return CURVES[channel] if n_channels <= MOST_COLOURED else OTHERS[channel % len(OTHERS)]
