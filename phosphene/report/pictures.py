"""Recorded pictures: which one stands for which percept, and pairs of seen and decoded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.messages import Frame, Message
from phosphene.report.accuracy import Joined

__all__ = ["Pair", "PictureKeeper", "chosen_of", "pairs_of"]

Picture = npt.NDArray[np.uint8]
MOST_PAIRS = 16
MOST_SIDE_PX = 128


@dataclass(frozen=True)
class Pair:
    """What was seen, beside what was decoded from it.

    Attributes
    ----------
    t_seen_s : float
        When, on the recording's axis, in seconds.
    seen, decoded : uint8 array (height, width, 3)
        The pictures; `seen` is None where only its label is known.
    label : str
        Label of what was seen.
    said : str
        Label of what was decoded; empty where there is none.
    confidence : float
        Of the percept.
    """

    t_seen_s: float
    seen: Picture | None
    decoded: Picture
    label: str
    said: str
    confidence: float


class PictureKeeper:
    """Keeps the last recorded picture of each percept while frames pass by.

    Parameters
    ----------
    chosen : collection of float
        Percepts, by their time of sending, whose picture is also kept at its own size.

    Attributes
    ----------
    pictures : dict of float to uint8 array
        Of every percept, at most `MOST_SIDE_PX` pixels wide.
    whole : dict of float to uint8 array
        Of the chosen ones, as recorded.
    """

    def __init__(self, chosen: Collection[float] = ()) -> None:
        self._chosen = frozenset(chosen)
        self.pictures: dict[float, Picture] = {}
        self.whole: dict[float, Picture] = {}

    def see(self, message: Message) -> None:
        """Take in one recorded frame; a percept is known by its time of sending."""
        header: Frame = message.header
        if header.percept_seq >= 0:
            picture = message.arrays["picture"]
            if header.t_percept in self._chosen:
                self.whole[header.t_percept] = np.array(picture)
            step = max(1, -(-max(picture.shape[:2]) // MOST_SIDE_PX))
            self.pictures[header.t_percept] = np.ascontiguousarray(picture[::step, ::step])


def chosen_of(joined: Sequence[Joined], pictured: Collection[float]) -> list[Joined]:
    """Choose the percepts to show by a fixed rule, in time order.

    Of each stimulus the percept seen nearest to its middle; of more than `MOST_PAIRS` stimuli,
    evenly spaced ones. None is chosen by how well it looks.

    Parameters
    ----------
    joined : sequence of Joined
        Percepts and what was seen.
    pictured : collection of float
        Percepts, by their time of sending, of which there is a picture.
    """
    nearest: dict[int, Joined] = {}
    for j in joined:
        if j.percept.header.t_sent not in pictured:
            continue
        best = nearest.get(j.block)
        if best is None or _from_middle(j) < _from_middle(best):
            nearest[j.block] = j
    chosen = [nearest[k] for k in sorted(nearest)]
    if len(chosen) > MOST_PAIRS:
        at = np.linspace(0, len(chosen) - 1, MOST_PAIRS).round().astype(int)
        chosen = [chosen[k] for k in at]
    return chosen


def pairs_of(joined: Sequence[Joined], pictures: Mapping[float, Picture]) -> list[Pair]:
    """Return what was seen and decoded of those that `chosen_of` chooses.

    What was seen is drawn at the size of what was decoded.
    """
    return [_pair(j, pictures) for j in chosen_of(joined, pictures)]


def _from_middle(j: Joined) -> float:
    middle: float = j.shown.onset_s + j.shown.duration_s / 2
    return abs(float(j.percept.header.t_seen) - middle)


def _pair(j: Joined, pictures: Mapping[float, Picture]) -> Pair:
    header = j.percept.header
    decoded = pictures[header.t_sent]
    return Pair(
        t_seen_s=header.t_seen,
        seen=j.shown.picture_at(header.t_seen, max(decoded.shape[:2])),
        decoded=decoded,
        label=j.shown.label,
        said=header.label or "",
        confidence=header.confidence,
    )
