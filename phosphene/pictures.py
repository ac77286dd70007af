"""Picture files and films that people bring, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from phosphene.errors import InputError, check_all, problem

__all__ = ["FILMS", "LARGEST_PX", "read_film", "read_pictures"]

Pictures = npt.NDArray[np.uint8]

LARGEST_PX = 256
"""Pictures are held with at most this shorter side, in pixels."""

FILMS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
"""Endings of films."""

_SHOWN = 5


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


def read_film(path: Path, times_s: Sequence[float], side_px: int) -> Pictures:
    """Read the frames that are on show at some times of a film.

    Parameters
    ----------
    path : Path
        The film.
    times_s : sequence of float
        Seconds from its beginning, rising.
    side_px : int
        The centred square of each frame is taken and brought to this side, in pixels.

    Returns
    -------
    array (n, side, side, 3) uint8
        Fewer than there are times where the film ends earlier.

    Raises
    ------
    InputError
        If it cannot be read or has no picture.
    """
    taken: list[Pictures] = []
    wanted = list(times_s)
    last: Any = None
    try:
        with av.open(str(path)) as film:
            rate: Any = film.streams.video[0].average_rate
            begin_s = end_s = 0.0
            for frame in film.decode(video=0):
                now_s = float(frame.time or 0.0)
                begin_s = now_s if last is None else begin_s
                while last is not None and wanted and wanted[0] < now_s - begin_s:
                    taken.append(_framed(last, side_px))
                    wanted.pop(0)
                last, end_s = frame, now_s - begin_s + (1 / float(rate) if rate else 0.0)
                if not wanted:
                    break
    except (OSError, ValueError, IndexError, av.FFmpegError) as error:
        raise InputError(f"film {path}: cannot be read: {error}") from error
    if last is None:
        raise InputError(problem(f"film {path}", "no frame", "1 or more", "Check the file."))
    taken += [_framed(last, side_px) for time_s in wanted if time_s < end_s]
    return np.stack(taken) if taken else np.zeros((0, side_px, side_px, 3), np.uint8)


def _framed(frame: Any, side_px: int) -> Pictures:
    return np.asarray(_square(frame.to_image(), side_px))


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
