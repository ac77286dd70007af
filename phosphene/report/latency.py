"""How long each step of the chain took, from the stamps of the recorded messages.

Data is acquired when the amplifier stamped it, or when the last file of a volume was closed; in a
replay, when it was pushed into the chain.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phosphene.messages import FrameInfo
from phosphene.report.load import RunData

__all__ = ["STAGES", "latencies_ms", "summary_of"]

STAGES = (
    "acquired_to_features",
    "features_to_percept",
    "percept_to_frame",
    "acquired_to_frame",
    "acquired_to_passed",
    "frame_interval",
    "frame_interval_deviation",
)


def _first_frames(data: RunData) -> list[FrameInfo]:
    """First frame that shows each percept; percepts are told apart by their time of sending."""
    first: dict[float, FrameInfo] = {}
    for info in data.frameinfos:
        if info.percept_seq >= 0:
            first.setdefault(info.t_percept, info)
    return list(first.values())


def latencies_ms(data: RunData) -> dict[str, list[float]]:
    """Measure every stage.

    Parameters
    ----------
    data : RunData
        The run.

    Returns
    -------
    dict of str to list of float
        Milliseconds, one value per message; ``frame_interval`` is the time between two frames,
        ``frame_interval_deviation`` its distance from the wanted one. Stages that nothing was
        recorded of are empty.
    """
    first = _first_frames(data)
    passed: dict[float, float] = {}
    for frame in data.frames:
        if frame.percept_seq >= 0:
            passed.setdefault(frame.t_percept, frame.t_sent - frame.t_acquired)
    percepts = [m.header for m in data.percepts]
    interval_s = _intervals_s(data)
    wanted_s = 1.0 / data.fps if data.fps else 0.0
    seconds = {
        "acquired_to_features": [f.t_sent - f.t_acquired for f in data.features],
        "features_to_percept": [p.t_sent - p.t_features for p in percepts],
        "percept_to_frame": [i.t_rendered - i.t_percept for i in first],
        "acquired_to_frame": [i.t_rendered - i.t_acquired for i in first],
        "acquired_to_passed": list(passed.values()),
        "frame_interval": interval_s,
        "frame_interval_deviation": [abs(v - wanted_s) for v in interval_s],
    }
    return {name: [1000.0 * v for v in values] for name, values in seconds.items()}


def _intervals_s(data: RunData) -> list[float]:
    if data.fps is None or len(data.frameinfos) < 2:
        return []
    times = np.sort([i.t_rendered for i in data.frameinfos])
    return [float(v) for v in np.diff(times)]


def summary_of(values: list[float]) -> dict[str, Any] | None:
    """Return p50, p95, p99 and n; None where there is nothing."""
    if not values:
        return None
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "n": len(values)}
