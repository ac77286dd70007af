"""Pictures and films that events of a BIDS data set name (``stim_file``), from its ``stimuli``.

An event that shows a film becomes several, half a TR each, that show the frames in their middles;
all keep the name of the film, so that no split parts it. A beta, which is of a whole event, takes
the frame in the middle of the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import structs

from acquisition.sources.recorded import FmriRecording, Recording
from phosphene.dataset import PreparedData, TimedEvent
from phosphene.errors import InputError, problem
from phosphene.pictures import FILMS, LARGEST_PX, read_film, read_pictures

__all__ = ["with_pictures"]

Pictures = npt.NDArray[np.uint8]
Key = tuple[Path, str]

_FILM_PX = 128


def with_pictures(
    data: PreparedData,
    runs: Sequence[Recording],
    folder: Path | None = None,
    largest_px: int | None = None,
) -> tuple[PreparedData, tuple[str, ...]]:
    """Read the pictures that events name.

    Parameters
    ----------
    data : PreparedData
        Prepared from these runs.
    runs : sequence of Recording
        Each may know a folder of stimuli.
    folder : Path, optional
        Where stimuli lie, instead of the folder that the data set has.
    largest_px : int, optional
        Shorter side that pictures have at most, and the side of films, in pixels; None takes 256
        and 128.

    Returns
    -------
    PreparedData
        Its events count the rows of its pictures.
    tuple of str
        What the reader should know, in words.

    Raises
    ------
    InputError
        If pictures are missing or cannot be read; names up to five and counts them.
    """
    places = {
        run.run: folder or (run.stimuli if isinstance(run, FmriRecording) else None) for run in runs
    }
    named = [event for event in data.meta.events if event.stimulus]
    keys: dict[Key, None] = {}
    for event in named:
        place = places.get(event.run)
        if place is not None:
            keys[(place, event.stimulus)] = None
    if not keys:
        note = "events name stimuli, but the data set has no folder of them: only names are known"
        return data, (note,) if named else ()
    films = [key for key in keys if key[1].lower().endswith(FILMS)]
    if films and len(films) < len(keys):
        raise InputError(
            problem("stimuli", f"{len(films)} films and {len(keys) - len(films)} pictures",
                    "one kind", "Take runs that show the same kind.")
        )  # fmt: skip
    if films:
        return _of_films(data, places, films, largest_px or _FILM_PX)
    row_of = {key: row for row, key in enumerate(keys)}
    pictures, notes = read_pictures(
        [place / name for place, name in keys], largest_px or LARGEST_PX
    )
    events = []
    for event in data.meta.events:
        place = places.get(event.run)
        row = -1 if place is None else row_of.get((place, event.stimulus), -1)
        events.append(structs.replace(event, picture=row))
    return _with(data, events, pictures), notes


def _of_films(
    data: PreparedData, places: dict[str, Path | None], films: Sequence[Key], side_px: int
) -> tuple[PreparedData, tuple[str, ...]]:
    """Read each film once, as long as the longest event that shows it."""
    whole = data.meta.kind == "fmri-beta"
    step_s = data.meta.tr_s / 2
    found: list[Pictures] = []
    read: dict[tuple[Key, float], tuple[int, int, int]] = {}
    events: list[TimedEvent] = []
    for event in data.meta.events:
        place = places.get(event.run)
        if place is None or (place, event.stimulus) not in films:
            events.append(event)
            continue
        asked = ((place, event.stimulus), event.duration_s)
        if asked not in read:
            n = 1 if whole else max(1, round(event.duration_s / step_s))
            middles = (np.arange(n) + 0.5) * (event.duration_s / n)
            frames = read_film(place / event.stimulus, middles.tolist(), side_px)
            read[asked] = (sum(map(len, found)), n, len(frames))
            found.append(frames)
        events += _parts(event, *read[asked])
    note = f"films are held in {side_px} x {side_px} px, {sum(map(len, found))} frames in all"
    return _with(data, events, np.concatenate(found)), (note,)


def _parts(event: TimedEvent, row: int, n: int, there: int) -> list[TimedEvent]:
    """Cut an event into `n` parts; those after the end of its film show nothing."""
    long_s = event.duration_s / n
    return [
        structs.replace(event, t_s=event.t_s + k * long_s, duration_s=long_s, picture=row + k)
        for k in range(there)
    ]


def _with(data: PreparedData, events: list[TimedEvent], pictures: Pictures) -> PreparedData:
    return replace(data, meta=structs.replace(data.meta, events=events), pictures=pictures)
