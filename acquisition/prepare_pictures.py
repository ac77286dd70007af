"""Pictures that the events of a BIDS data set name (``stim_file``), from its folder ``stimuli``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from acquisition.sources.recorded import FmriRecording, Recording
from phosphene.dataset import PreparedData
from phosphene.pictures import LARGEST_PX, read_pictures

__all__ = ["with_pictures"]


def with_pictures(
    data: PreparedData,
    runs: Sequence[Recording],
    folder: Path | None = None,
    largest_px: int = LARGEST_PX,
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
    largest_px : int
        Shorter side that pictures have at most, in pixels.

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
    wanted = {
        (place, event.stimulus): None
        for event in named
        if (place := places.get(event.run)) is not None
    }
    if not wanted:
        note = "events name stimuli, but the data set has no folder of them: only names are known"
        return data, (note,) if named else ()
    row_of: dict[tuple[Path | None, str], int] = {key: row for row, key in enumerate(wanted)}
    pictures, notes = read_pictures([place / name for place, name in wanted], largest_px)
    events = [
        structs.replace(event, picture=row_of.get((places.get(event.run), event.stimulus), -1))
        for event in data.meta.events
    ]
    made = replace(data, meta=structs.replace(data.meta, events=events), pictures=pictures)
    return made, notes
