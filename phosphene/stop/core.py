"""What counts as a press of the participant's stop; pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["EVENT_BYTES", "PressCounter", "keyboard_presses", "serial_presses"]

# struct input_event of linux/input.h: two longs of time, type, code, value.
_EVENT = struct.Struct("@llHHi")
EVENT_BYTES = _EVENT.size
_KEY, _DOWN = 1, 1
_SYN, _DROPPED = 0, 3


def keyboard_presses(data: bytes, keys: Sequence[int]) -> int:
    """Count the presses in whole events of a Linux input device.

    Parameters
    ----------
    data : bytes
        A whole number of events; releases, repeats and other events do not count. That the system
        has lost some (``SYN_DROPPED``) counts: one of them may have been the press.
    keys : sequence of int
        Codes that count; none: all.

    Returns
    -------
    int
    """
    return sum(
        (kind == _KEY and value == _DOWN and (not keys or code in keys))
        or (kind, code) == (_SYN, _DROPPED)
        for _s, _us, kind, code, value in _EVENT.iter_unpack(data)
    )


def serial_presses(data: bytes, wanted: Sequence[int]) -> int:
    """Count the bytes of a button box that count as presses; `wanted` empty: all."""
    return sum(not wanted or byte in wanted for byte in data)


class PressCounter:
    """Counts presses; one that follows within the dead time is the bouncing of a contact.

    A count, and not an event, is what the gate is told: it comes again with each beat, so that no
    lost message loses a press.

    Parameters
    ----------
    dead_s : float
        Seconds after a press in which others belong to it.

    Attributes
    ----------
    count : int
        Presses since the process began.
    """

    def __init__(self, dead_s: float = 0.05) -> None:
        self.count = 0
        self._dead_s = dead_s
        self._last_s = float("-inf")

    def press(self, now_s: float) -> bool:
        """Take in a press at `now_s` seconds; return whether it counts."""
        bounced = now_s - self._last_s < self._dead_s
        if not bounced:
            self.count += 1
            self._last_s = now_s
        return not bounced
