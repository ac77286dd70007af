"""What can be wrong with an EEG channel: told by acquisition, shown by the window."""

from __future__ import annotations

from enum import IntFlag

__all__ = ["ChannelFlag"]


class ChannelFlag(IntFlag):
    """What is wrong with a channel in one step; 0 is good."""

    FLAT = 1
    RAILED = 2
    HELD = 4
    NOISY = 8
    LARGE = 16
    LISTED = 32
    INTERPOLATED = 64
    MAINS = 128
