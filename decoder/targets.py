"""Targets from what was shown: events of a recording to labels, c and z for every row.

Row by row the target is what was on show at its time. Delays are applied later, in steps of the
TR (`decoder.window.target_rows`), so the part of the delay that is no whole TR is taken off here:
together the target is that of exactly t - delay.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from phosphene.stimuli.encoder import PICTURE_SHAPE

_EDGE_S, _ONSET_S = 1e-6, 0.01
_BATCH = 64
__all__ = ["Encode", "make_dataset", "scene_at", "stimulus_of", "sub_period"]

Array = npt.NDArray[Any]
Encode = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Pictures (n, 64, 64, 3) to latents (n, 4, 16, 16), such as `WorldEncoder.encode`."""


def sub_period(delay_s: float, period_s: float) -> float:
    """Return what whole TRs leave of a delay, in seconds, 0 to one TR."""
    return max(delay_s - period_s * whole_periods(delay_s, period_s), 0.0)


def make_dataset(
    data: PreparedData,
    delay_s: float,
    period_s: float,
    encode: Encode | None,
    pictures: bool = False,
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
        Makes z of the scenes of the world; without it there is no z.
    pictures : bool
        Whether scenes are drawn even so, for `with_space`.

    Returns
    -------
    Dataset
        With c and z where every event tells its scene, with pictures and stimuli where they are
        known; labels always.

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
    found = Dataset(
        responses=data.responses,
        groups=data.runs,
        # Two betas may be ready with the same volume, but no two events begin at once.
        times=data.t_event if data.meta.kind == "fmri-beta" else data.t_data,
        labels=labels,
        spikes=data.spikes,
        at_delays={}
        if data.at_delays is None
        else dict(zip(data.meta.delays_s, data.at_delays, strict=True)),
        sessions=data.sessions,
        given=data.given,
    )
    if any(event.detail or event.stimulus for event in data.meta.events):
        found = replace(found, stimuli=np.array([stimulus_of(event) for event in shown]))
    if any(event.detail for event in data.meta.events):
        return _with_scenes(found, shown, times, encode, pictures)
    return _with_pictures(found, shown, data)


def stimulus_of(event: TimedEvent | None) -> str:
    """Name what an event shows, the same for the same picture; "" where that is not known."""
    if event is None:
        return ""
    if event.stimulus or not event.detail:
        return event.stimulus
    return hashlib.sha256(event.detail.encode()).hexdigest()[:16]


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


def _with_scenes(
    data: Dataset,
    shown: Sequence[TimedEvent | None],
    times: Array,
    encode: Encode | None,
    pictures: bool,
) -> Dataset:
    """Add c, and z and the pictures where they are wanted, of scenes of the world."""
    n = len(shown)
    c = np.full((n, C_DIM), np.nan, np.float32)
    z = None if encode is None else np.full((n, *Z_SHAPE), np.nan, np.float32)
    rows, scenes = [], []
    for row, event in enumerate(shown):
        if event is not None and event.detail:
            rows.append(row)
            scenes.append(scene_at(event, float(times[row])))
            c[row] = embed(scenes[-1])
    if z is None and not pictures:
        return replace(data, c=c)
    drawn = np.zeros((n, *PICTURE_SHAPE), np.uint8)
    for start in range(0, len(rows), _BATCH):
        now = rows[start : start + _BATCH]
        drawn[now] = np.stack([draw(scene) for scene in scenes[start : start + _BATCH]])
        if z is not None and encode is not None:
            z[now] = encode(drawn[now])
    return replace(data, c=c, z=z, pictures=drawn)


def _with_pictures(
    data: Dataset, shown: Sequence[TimedEvent | None], prepared: PreparedData
) -> Dataset:
    """Add pictures, clips and vectors that came with the data."""
    rows = np.array([-1 if event is None else event.picture for event in shown])
    known = rows >= 0

    def of(values: Array | None, missing: float) -> Array | None:
        if values is None:
            return None
        taken: Array = values[np.maximum(rows, 0)]
        taken[~known] = missing
        return taken

    clips, pictures = of(prepared.clips, 0), of(prepared.pictures, 0)
    if clips is not None and pictures is None:
        pictures = clips[:, clips.shape[1] // 2]
    stimuli = data.stimuli
    if stimuli is not None and pictures is not None:
        stimuli = np.where(known, stimuli, "")
    c = of(prepared.embeddings, np.nan)
    return replace(data, clips=clips, pictures=pictures, c=c, stimuli=stimuli)


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
    """Return the event (of events in order of time) whose onset an epoch was cut around."""
    after = bisect_left(events, t_s, key=lambda e: e.t_s)
    near = min(events[max(after - 1, 0) : after + 1], key=lambda e: abs(e.t_s - t_s), default=None)
    return near if near and abs(near.t_s - t_s) <= _ONSET_S else None
