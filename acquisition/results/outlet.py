"""The two LSL streams of results: numbers, and texts.

============  ======================================================================================
stream        what it carries
============  ======================================================================================
numbers       type ``Feedback``, irregular, float64: the channels of `CHANNELS`. A sample comes with
              every result, with every change of state, and once a second. Without a result (the
              last two) ``index`` is -1, and score, confidence and times are NaN.
texts         type ``Markers``, one string: JSON with ``state`` and, with a result, ``label``,
              ``score``, ``confidence``, ``index``, ``t``. With every result and change of state.
============  ======================================================================================

``state`` is 0 or ``blanked``, 1 or ``running`` (the last result is fresh), 2 or ``ended``, 3 or
``idle`` (nothing has been decoded yet), 4 or ``stale`` (the last result is too old: no data come,
or nothing is decoded). A sample's time stamp is that of sending, on the LSL clock; both streams
give a result the same one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pylsl

from acquisition.lsl.config import check_session

__all__ = ["CHANNELS", "STATES", "Result", "ResultOutlets", "State"]

State = Literal["blanked", "running", "ended", "idle", "stale"]
STATES: tuple[State, ...] = ("blanked", "running", "ended", "idle", "stale")
CHANNELS = (
    ("score", "1"),
    ("confidence", "1"),
    ("index", "1"),
    ("t_data", "seconds"),
    ("acquired", "seconds"),
    ("state", "1"),
)
"""Name and unit of each number. ``acquired`` is the LSL time of the newest brain data used, so that
stamp minus ``acquired`` is the latency; ``t_data`` is the recording's own time."""
_BUFFER = 10  # times 100 samples: liblsl's unit for irregular streams


@dataclass(frozen=True, slots=True)
class Result:
    """One result.

    Attributes
    ----------
    score, confidence : float
        0 to 1.
    label : str or None
        Category.
    index : int
        Volume or epoch.
    t_data, acquired_s : float
        Seconds on the recording's axis, and LSL time.
    """

    score: float
    confidence: float
    label: str | None
    index: int
    t_data: float
    acquired_s: float


class ResultOutlets:
    """Both streams.

    Parameters
    ----------
    source_id : str
        LSL source id of the numbers; the texts' ends in ``-text``.
    """

    def __init__(self, source_id: str) -> None:
        self._numbers = _outlet(_numbers_info(source_id))
        self._texts = _outlet(_texts_info(f"{source_id}-text"))

    def push(self, state: State, result: Result | None, stamp_s: float) -> None:
        """Send a result, or a change of state, at `stamp_s` seconds (LSL clock)."""
        self.repeat(state, stamp_s, result)
        told: dict[str, Any] = {"state": state}
        if result is not None:
            told |= {
                "label": result.label,
                "score": round(result.score, 6),
                "confidence": round(result.confidence, 6),
                "index": result.index,
                "t": result.t_data,
            }
        self._texts.push_sample([json.dumps(told, allow_nan=False)], stamp_s)

    def repeat(self, state: State, stamp_s: float, result: Result | None = None) -> None:
        """Send the numbers only, for those who come late."""
        row = [np.nan, np.nan, -1.0, np.nan, np.nan, float(STATES.index(state))]
        if result is not None:
            row[:5] = [
                result.score, result.confidence, float(result.index), result.t_data,
                result.acquired_s,
            ]  # fmt: skip
        self._numbers.push_sample(row, stamp_s)

    def close(self) -> None:
        """Take both streams off the network."""
        self._numbers = self._texts = None


def _outlet(info: pylsl.StreamInfo) -> Any:
    outlet = pylsl.StreamOutlet(info, max_buffered=_BUFFER)
    check_session(outlet.get_info().session_id())
    return outlet


def _numbers_info(source_id: str) -> pylsl.StreamInfo:
    info = pylsl.StreamInfo(
        "phosphene-feedback", "Feedback", len(CHANNELS), pylsl.IRREGULAR_RATE, "double64", source_id
    )
    channels = info.desc().append_child("channels")
    for label, unit in CHANNELS:
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", unit)
    return info


def _texts_info(source_id: str) -> pylsl.StreamInfo:
    name = "phosphene-feedback-text"
    return pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, "string", source_id)
