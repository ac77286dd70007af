"""What was shown when: the truth that percepts are measured against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from phosphene.messages import Event
from phosphene.stimuli import Clip, Programme, Scene, draw

__all__ = ["Shown", "from_events", "from_programme", "shown_at"]

# Onsets and times are sums of floats; a microsecond decides no match.
EPS_S = 1e-6
LEAST_PX = 8


class _Lasting(msgspec.Struct, frozen=True):
    duration_s: float


@dataclass(frozen=True)
class Shown:
    """One stimulus.

    Attributes
    ----------
    onset_s, duration_s : float
        On the recording's own axis, in seconds.
    label : str
        Category or marker text.
    clip : Clip, Scene or None
        The picture itself, where it is known.
    """

    onset_s: float
    duration_s: float
    label: str
    clip: Clip | Scene | None = None

    def scene_at(self, t_s: float) -> Scene | None:
        """Return the scene on show at `t_s` seconds of the recording."""
        if isinstance(self.clip, Clip):
            return self.clip.scene_at(t_s - self.onset_s)
        return self.clip

    def picture_at(self, t_s: float, size_px: int = 64) -> npt.NDArray[np.uint8] | None:
        """Return the picture on show at `t_s` seconds, uint8 (size_px, size_px, 3)."""
        scene = self.scene_at(t_s)
        return None if scene is None else draw(scene, max(LEAST_PX, size_px))

    @property
    def identity(self) -> str:
        """What makes two showings the same stimulus."""
        return msgspec.json.encode(self.clip).decode() if self.clip is not None else self.label


def from_programme(programme: Programme) -> list[Shown]:
    """Return the stimuli of a synthetic participant's programme."""
    return [Shown(b.onset_s, b.duration_s, b.clip.start.category, b.clip) for b in programme.blocks]


def from_events(events: Iterable[Event]) -> list[Shown]:
    """Read the stimuli from a run's events, in order of onset, each once.

    A stimulus whose length nobody told lasts until the next one; the last one as long as usual.
    """
    known = {(e.t_data, e.label): e for e in events if e.label}
    ordered = [known[key] for key in sorted(known)]
    read = [(e, *_stimulus(e.detail)) for e in ordered]
    onsets = [e.t_data for e in ordered]
    usual_s = float(np.median(np.diff(onsets))) if len(onsets) > 1 else 1.0
    shown = []
    for k, (event, clip, duration_s) in enumerate(read):
        until_next_s = onsets[k + 1] - onsets[k] if k + 1 < len(onsets) else usual_s
        length_s = duration_s or event.duration_s or until_next_s
        shown.append(Shown(event.t_data, length_s, event.label, clip))
    return shown


def _stimulus(detail: str) -> tuple[Clip | Scene | None, float]:
    """Read an event's detail: the stimulus, and its duration in seconds or 0."""
    kinds: tuple[type[Clip | Scene | _Lasting], ...] = (Clip, Scene, _Lasting)
    for kind in kinds:
        try:
            found = msgspec.json.decode(detail or "null", type=kind)
        except (msgspec.DecodeError, ValueError):
            continue
        if isinstance(found, Scene):
            return found, 0.0
        return (found if isinstance(found, Clip) else None), found.duration_s
    return None, 0.0


def shown_at(shown: Sequence[Shown], t_s: float) -> int | None:
    """Return the index of what was on show at `t_s` seconds; None during rest."""
    for k in range(len(shown) - 1, -1, -1):
        if shown[k].onset_s <= t_s + EPS_S:
            inside = t_s + EPS_S < shown[k].onset_s + shown[k].duration_s
            return k if inside else None
    return None
