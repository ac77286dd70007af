"""Alarms that stay until the operator has seen them, even when their cause is over. No Qt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gui.alarms import Alarm

__all__ = ["Latch", "Latched"]


@dataclass(frozen=True)
class Latched:
    """An alarm that was raised.

    Attributes
    ----------
    alarm : Alarm
        Its newest words.
    at : str
        Time of day when it began.
    active : bool
        Whether its cause is still there.
    seen : bool
        Whether the operator has acknowledged it.
    """

    alarm: Alarm
    at: str
    active: bool = True
    seen: bool = False


class Latch:
    """Remembers warnings and alarms from their beginning until they are over and acknowledged."""

    def __init__(self) -> None:
        self._held: dict[str, Latched] = {}

    def update(self, alarms: Sequence[Alarm], at: str) -> list[Alarm]:
        """Take in the alarms of this moment, at the time of day `at`; return those that begin."""
        begun: list[Alarm] = []
        present = {_key(a): a for a in alarms if a.latches}
        for key, alarm in present.items():
            held = self._held.get(key)
            if held is not None and held.active and not _grown(held.alarm, alarm):
                self._held[key] = replace(held, alarm=alarm)
                continue
            begun.append(alarm)
            self._held[key] = Latched(alarm, at)
        for key, held in list(self._held.items()):
            if key in present or not held.active:
                continue
            if held.seen:
                del self._held[key]
            else:
                self._held[key] = replace(held, active=False)
        return begun

    def acknowledge(self) -> int:
        """Note that the operator has seen everything; return how many there were to see."""
        unseen = sum(not held.seen for held in self._held.values())
        self._held = {k: replace(h, seen=True) for k, h in self._held.items() if h.active}
        return unseen

    def to_show(self, alarms: Sequence[Alarm]) -> list[Alarm]:
        """Leave out numbers that the operator has seen and that have not grown since."""
        return [a for a in alarms if not (a.counting and self._held[_key(a)].seen)]

    def over(self) -> list[Latched]:
        """Return what is over and not acknowledged, the worst and newest first."""
        found = [held for held in self._held.values() if not held.active]
        found.reverse()
        return sorted(found, key=lambda held: held.alarm.rank)

    def unseen(self) -> bool:
        """Tell whether there is anything to acknowledge."""
        return any(not held.seen for held in self._held.values())


def _grown(before: Alarm, now: Alarm) -> bool:
    return now.counting and now.text != before.text


def _key(alarm: Alarm) -> str:
    # Only figures differ between two tellings of the same trouble.
    return f"{alarm.level} {re.sub(r'[0-9.]+', '#', alarm.text)}"
