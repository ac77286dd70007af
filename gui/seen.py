"""What was really shown, and when: events of the run as a timeline. No Qt."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import Literal

import msgspec

from phosphene.messages import Event
from phosphene.stimuli import Clip, Scene

__all__ = ["REST_WORDS", "Block", "Seen", "Timeline"]

REST_WORDS = frozenset({"", "rest", "baseline", "fixation"})
_ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Seen:
    """What was shown at one time.

    Attributes
    ----------
    kind : str
        ``scene`` (it can be drawn), ``label`` (only its name is known), ``rest`` or ``unknown``.
    label : str
        Its name.
    scene : Scene or None
        The scene, where it is known.
    """

    kind: Literal["scene", "label", "rest", "unknown"]
    label: str = ""
    scene: Scene | None = None


@dataclass(frozen=True)
class Block:
    """A condition from `start_s` to `end_s` on the recording's axis, in seconds."""

    start_s: float
    end_s: float
    label: str


class _Lasting(msgspec.Struct, frozen=True):
    duration_s: float


@dataclass(frozen=True)
class _Entry:
    label: str
    stimulus: Clip | Scene | None
    duration_s: float  # infinite: until the next event


def _entry(event: Event) -> _Entry:
    """Read an event; a detail that is neither clip, scene nor duration leaves the label alone."""
    for kind in (Clip, Scene, _Lasting):
        try:
            made: object = msgspec.json.decode(event.detail or "null", type=kind)
        except (msgspec.DecodeError, ValueError):
            continue
        if isinstance(made, Scene):
            return _Entry(event.label or made.category, made, math.inf)
        if isinstance(made, Clip):
            return _Entry(event.label or made.start.category, made, made.duration_s)
        if isinstance(made, _Lasting):
            return _Entry(event.label, None, made.duration_s)
    return _Entry(event.label, None, math.inf)


class Timeline:
    """Events in the order of the recording.

    Parameters
    ----------
    most : int
        Events kept.
    """

    def __init__(self, most: int = 500) -> None:
        self._most = most
        self._onsets: list[float] = []
        self._entries: list[_Entry] = []

    def add(self, event: Event) -> None:
        """Take in an event; it lasts as long as its detail says, at most until the next one."""
        place = bisect.bisect_right(self._onsets, event.t_data)
        self._onsets.insert(place, event.t_data)
        self._entries.insert(place, _entry(event))
        del self._onsets[: -self._most], self._entries[: -self._most]

    def at(self, t_s: float) -> Seen:
        """Return what was shown at `t_s` on the recording's axis, in seconds."""
        place = bisect.bisect_right(self._onsets, t_s + _ROUNDING_S) - 1
        if place < 0:
            return Seen("rest", "rest") if self._onsets else Seen("unknown")
        entry, since_s = self._entries[place], t_s - self._onsets[place]
        if since_s >= entry.duration_s or _is_rest(entry):
            return Seen("rest", "rest")
        if isinstance(entry.stimulus, Clip):
            return Seen("scene", entry.label, entry.stimulus.scene_at(since_s))
        if entry.stimulus is not None:
            return Seen("scene", entry.label, entry.stimulus)
        return Seen("label", entry.label)

    def blocks(self, until_s: float, most: int) -> list[Block]:
        """Return the newest `most` conditions that began before `until_s`, without rest."""
        found: list[Block] = []
        for k in range(len(self._onsets) - 1, -1, -1):
            entry, start_s = self._entries[k], self._onsets[k]
            following_s = self._onsets[k + 1] if k + 1 < len(self._onsets) else until_s
            end_s = min(start_s + entry.duration_s, following_s, until_s)
            if end_s > start_s and not _is_rest(entry):
                found.append(Block(start_s, end_s, entry.label))
            if len(found) == most:
                break
        return found[::-1]


def _is_rest(entry: _Entry) -> bool:
    return entry.stimulus is None and entry.label.lower() in REST_WORDS
