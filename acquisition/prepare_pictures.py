"""Pictures that the events of a BIDS data set name (``stim_file``), from its folder ``stimuli``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import structs
from PIL import Image, UnidentifiedImageError

from acquisition.sources.recorded import FmriRecording, Recording
from phosphene.dataset import PreparedData
from phosphene.errors import InputError, check_all, problem

__all__ = ["LARGEST_PX", "read_pictures", "with_pictures"]

Pictures = npt.NDArray[np.uint8]

LARGEST_PX = 256
"""Pictures are held with at most this shorter side, in pixels."""

_SHOWN = 5


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


def read_pictures(
    paths: Sequence[Path], largest_px: int = LARGEST_PX
) -> tuple[Pictures, tuple[str, ...]]:
    """Read picture files.

    Parameters
    ----------
    paths : sequence of Path
        One or more.
    largest_px : int
        Shorter side at most, in pixels.

    Returns
    -------
    array (n, H, W, 3) uint8
        Where they are of one shape, in that shape; otherwise the centred squares, as large as the
        smallest of them.
    tuple of str
        What was done to them, in words.
    """
    found: list[Image.Image] = []
    lost: dict[str, list[str]] = {}
    for path in paths:
        try:
            with Image.open(path) as image:
                found.append(image.convert("RGB"))
        except FileNotFoundError:
            lost.setdefault("missing", []).append(str(path))
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
            lost.setdefault("no pictures that can be read", []).append(str(path))
    check_all(_told(lost, len(paths)), InputError, "stimuli")
    notes: tuple[str, ...] = ()
    sizes = {image.size for image in found}
    if len(sizes) > 1:
        side = min(min(size) for size in sizes)
        found = [_square(image, side) for image in found]
        notes = (f"pictures of {len(sizes)} sizes: the centred squares are taken, {side} px",)
    width, height = found[0].size
    if min(width, height) > largest_px:
        scale = largest_px / min(width, height)
        size = (round(width * scale), round(height * scale))
        found = [image.resize(size, Image.Resampling.BICUBIC) for image in found]
        notes += (f"pictures are held in {size[0]} x {size[1]} px instead of {width} x {height}",)
    return np.stack([np.asarray(image) for image in found]), notes


def _square(image: Image.Image, side: int) -> Image.Image:
    own = min(image.size)
    left, top = (image.width - own) // 2, (image.height - own) // 2
    cut = image.crop((left, top, left + own, top + own))
    return cut.resize((side, side), Image.Resampling.BICUBIC) if own != side else cut


def _told(lost: Mapping[str, Sequence[str]], count: int) -> list[str]:
    return [
        problem(f"{len(names)} of {count} stimuli", f"{what}: {', '.join(names[:_SHOWN])}"
                f"{' ...' if len(names) > _SHOWN else ''}", "pictures (PNG, JPEG and so on)",
                "Put them into the data set's folder stimuli, or name it with --stimuli-folder.")
        for what, names in lost.items()
    ]  # fmt: skip
