"""Pairs the pulses of a scanner with its volumes, causally. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["TriggerPairs"]

_BOUNCE = 0.5
_KEPT = 4096


class TriggerPairs:
    """Pulse n marks the onset of volume n.

    Pulses are numbered by their distance: less than half a repetition time after the last one is an
    extra (a bounce of the switch, a second key press); two and more are as many missing ones. So a
    pulse that is lost never shifts the pairs after it.

    Parameters
    ----------
    tr_s : float
        Announced repetition time in seconds; the measured one replaces it as soon as there is one.
    skip : int
        Pulses before the first volume, of volumes that the scanner does not send.
    start : tuple of int and float, optional
        Number and time of the last pulse that an earlier process of the run heard.
    keep : Callable, optional
        Called with number and time (seconds) of each pulse that counts.

    Attributes
    ----------
    pulses, missing, extra : int
        Pulses taken, pulses that must have been lost in between, and pulses too many.
    """

    def __init__(
        self,
        tr_s: float,
        skip: int = 0,
        start: tuple[int, float] | None = None,
        keep: Callable[[int, float], None] | None = None,
    ) -> None:
        self._announced_s, self._keep = tr_s, keep
        self._first_number = -skip
        self._onsets: dict[int, float] = {}
        self.pulses = self.missing = self.extra = 0
        if start is not None:
            self._onsets[start[0]] = start[1]

    @property
    def tr_s(self) -> float | None:
        """Mean interval of the pulses so far in seconds; None before the second."""
        if len(self._onsets) < 2:
            return None
        (first, first_s), (last, last_s) = self._ends()
        return (last_s - first_s) / (last - first)

    def pulse(self, stamp_s: float) -> None:
        """Take the next pulse, heard at `stamp_s` seconds."""
        number = self._first_number
        if self._onsets:
            last, last_s = self._ends()[1]
            steps = (stamp_s - last_s) / (self.tr_s or self._announced_s)
            if steps < _BOUNCE:
                self.extra += 1
                return
            number = last + max(1, round(steps))
            self.missing += number - last - 1
        self.pulses += 1
        self._onsets[number] = stamp_s
        if len(self._onsets) > _KEPT:
            del self._onsets[next(iter(self._onsets))]
        if self._keep is not None:
            self._keep(number, stamp_s)

    def onset_s(self, index: int, arrived_s: float) -> float | None:
        """Return when a volume began, None where its pulse was not heard.

        A volume cannot arrive before it has ended. Where it would have, the first pulses were not
        heard: all numbers move up, and the pulses are counted as missing.

        Parameters
        ----------
        index : int
            Number of the volume.
        arrived_s : float
            When it arrived, in seconds, on the clock of the pulses.
        """
        onset_s = self._onsets.get(index)
        if onset_s is None:
            return None
        tr_s = self.tr_s or self._announced_s
        early_s = onset_s + _BOUNCE * tr_s - arrived_s
        if early_s > 0:
            self._move(math.ceil(early_s / tr_s))
            return self._onsets.get(index)
        return onset_s

    def data_time_s(self, stamp_s: float) -> float | None:
        """Return the data time of a moment, None before the first pulse.

        The data's axis counts announced repetition times, so the pulse before the moment gives the
        whole ones, and the clock what has passed since.
        """
        before = [(n, s) for n, s in reversed(self._onsets.items()) if s <= stamp_s]
        if not before:
            return None
        number, onset_s = before[0]
        return number * self._announced_s + stamp_s - onset_s

    def _move(self, by: int) -> None:
        self._onsets = {number + by: stamp_s for number, stamp_s in self._onsets.items()}
        self.missing += by

    def _ends(self) -> tuple[tuple[int, float], tuple[int, float]]:
        first, last = next(iter(self._onsets)), next(reversed(self._onsets))
        return (first, self._onsets[first]), (last, self._onsets[last])
