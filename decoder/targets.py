"""Targets from what was shown: events of a recording to labels, c and z for every row.

Row by row the target is what was on show at its time. Delays are applied later, in steps of the
TR (`decoder.window.target_rows`), so the part of the delay that is no whole TR is taken off here:
together the target is that of exactly t - delay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset
from decoder.window import whole_periods
from phosphene.dataset import PreparedData, TimedEvent
from phosphene.errors import InputError, problem
from phosphene.manifest import REST
from phosphene.stimuli import C_DIM, Z_SHAPE, Scene, draw, embed
from phosphene.stimuli.clip import Clip

_EDGE_S, _ONSET_S = 1e-6, 0.01
__all__ = ["Encode", "make_dataset", "scene_at", "sub_period"]

Encode = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Pictures (n, 64, 64, 3) to latents (n, 4, 16, 16), such as `WorldEncoder.encode`."""


def sub_period(delay_s: float, period_s: float) -> float:
    """Return what whole TRs leave of a delay, in seconds, 0 to one TR."""
    return max(delay_s - period_s * whole_periods(delay_s, period_s), 0.0)


def make_dataset(
    data: PreparedData, delay_s: float, period_s: float, encode: Encode | None
) -> Dataset:
    """Attach targets to prepared responses.

    Parameters
    ----------
    data : PreparedData
        Responses with the events of their runs.
    delay_s : float
        Delay that will be fitted, in seconds from the end of the data; epochs and betas, which have
        events of their own, ignore it.
    period_s : float
        TR or epoch length, in seconds.
    encode : Callable, optional
        Makes z; without it there is no z.

    Returns
    -------
    Dataset
        With c and z where every event tells its picture; labels always.

    Raises
    ------
    InputError
        If nothing was shown, or an event's picture cannot be read.
    """
    events = _by_run(data.meta.events)
    if not events:
        raise InputError(problem("events", 0, "1 or more", "Record what was shown."))
    epochs = data.meta.kind in ("eeg-epoch", "fmri-beta")
    times = data.t_event if epochs else data.t_data - sub_period(delay_s, period_s)
    find = _nearest_event if epochs else _event_at
    shown = [
        find(events.get(run, ()), float(t))
        for run, t in zip(data.runs.tolist(), times, strict=True)
    ]
    nothing = "" if epochs else REST
    labels = np.array([nothing if event is None else event.label for event in shown])
    c, z = None, None
    if any(event.detail for event in data.meta.events):
        c, z = _pictures(shown, times, encode)
    return Dataset(
        responses=data.responses,
        groups=data.runs,
        # Two betas may be ready with the same volume, but no two events begin at once.
        times=data.t_event if data.meta.kind == "fmri-beta" else data.t_data,
        z=z,
        c=c,
        labels=labels,
        spikes=data.spikes,
        at_delays={}
        if data.at_delays is None
        else dict(zip(data.meta.delays_s, data.at_delays, strict=True)),
    )


def scene_at(event: TimedEvent, t_s: float) -> Scene:
    """Return the scene of an event at a time of the run, in seconds.

    Raises
    ------
    InputError
        If its detail is neither a clip nor a scene.
    """
    try:
        raw = msgspec.json.decode(event.detail)
        if isinstance(raw, dict) and "start" in raw:
            return msgspec.convert(raw, Clip).scene_at(t_s - event.t_s)
        return msgspec.convert(raw, Scene)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputError(
            problem(f"event at {event.t_s} s", str(error), "JSON of a clip or scene", "Mend it.")
        ) from error


def _pictures(
    shown: Sequence[TimedEvent | None], times: npt.NDArray[Any], encode: Encode | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    n = len(shown)
    c = np.full((n, C_DIM), np.nan, np.float32)
    z = None if encode is None else np.full((n, *Z_SHAPE), np.nan, np.float32)
    rows, scenes = [], []
    for row, event in enumerate(shown):
        if event is not None and event.detail:
            rows.append(row)
            scenes.append(scene_at(event, float(times[row])))
            c[row] = embed(scenes[-1])
    if z is not None and encode is not None:
        for start in range(0, len(rows), 64):
            pictures = np.stack([draw(scene) for scene in scenes[start : start + 64]])
            z[rows[start : start + 64]] = encode(pictures)
    return c, z


def _by_run(events: Sequence[TimedEvent]) -> dict[str, list[TimedEvent]]:
    found: dict[str, list[TimedEvent]] = {}
    for event in sorted(events, key=lambda e: (e.run, e.t_s)):
        found.setdefault(event.run, []).append(event)
    return found


def _event_at(events: Sequence[TimedEvent], t_s: float) -> TimedEvent | None:
    """Return the event on show at a time; one without duration never is."""
    for event in events:
        if event.t_s - _EDGE_S <= t_s < event.t_s + event.duration_s - _EDGE_S:
            return event
    return None


def _nearest_event(events: Sequence[TimedEvent], t_s: float) -> TimedEvent | None:
    """Return the event whose onset an epoch was cut around."""
    nearest = min(events, key=lambda e: abs(e.t_s - t_s), default=None)
    return nearest if nearest and abs(nearest.t_s - t_s) <= _ONSET_S else None
