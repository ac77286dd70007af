"""The strip of pictures, seen above decoded in time order; PNG files that say what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from phosphene.marking import LABEL
from phosphene.report.pictures import Pair

__all__ = ["full_size", "strip"]

SIDE_PX = 118
GAP_PX = 6
LINE_PX = 15
PER_ROW = 8
INK, RIGHT, WRONG = (60, 60, 60), (42, 127, 98), (192, 57, 43)


def strip(pairs: Sequence[Pair]) -> npt.NDArray[np.uint8] | None:
    """Draw the strip.

    Parameters
    ----------
    pairs : sequence of Pair
        In time order.

    Returns
    -------
    uint8 array (height, width, 3) or None
        None without pairs.
    """
    if not pairs:
        return None
    columns = min(PER_ROW, len(pairs))
    rows = -(-len(pairs) // columns)
    cell = (SIDE_PX + GAP_PX, 2 * (SIDE_PX + LINE_PX) + 3 * GAP_PX)
    font = ImageFont.load_default(11)
    foot = f"seen (above), decoded (below) with confidence; {LABEL}"
    # Few pictures are narrower than the line that says what they are.
    width = max(columns * cell[0], math.ceil(font.getlength(foot)) + 4)
    image = Image.new("RGB", (width, rows * cell[1] + LINE_PX), "white")
    drawing = ImageDraw.Draw(image)
    for k, pair in enumerate(pairs):
        row, column = divmod(k, columns)
        _draw_pair(image, drawing, font, pair, (column * cell[0], row * cell[1]))
    drawing.text((2, rows * cell[1]), foot, fill=INK, font=font)
    return np.asarray(image)


def full_size(pairs: Sequence[Pair]) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    """Return seen beside decoded as recorded, with words, where the strip shows them smaller.

    Parameters
    ----------
    pairs : sequence of Pair
        In time order.
    """
    found = []
    for pair in pairs:
        if max(pair.decoded.shape[:2]) > SIDE_PX:
            seen = [] if pair.seen is None else [pair.seen]
            words = f"{pair.label} {pair.t_seen_s:.0f} s, decoded with {pair.confidence:.2f}"
            found.append((words, np.concatenate([*seen, pair.decoded], axis=1)))
    return found


def _draw_pair(
    image: Image.Image,
    drawing: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    pair: Pair,
    corner: tuple[int, int],
) -> None:
    x, y = corner
    drawing.text((x + 2, y), f"{pair.label} {pair.t_seen_s:.0f} s", fill=INK, font=font)
    y += LINE_PX
    if pair.seen is None:
        drawing.rectangle((x, y, x + SIDE_PX - 1, y + SIDE_PX - 1), outline=INK)
        drawing.text((x + 8, y + SIDE_PX // 2 - 6), pair.label, fill=INK, font=font)
    else:
        image.paste(_sized(pair.seen), (x, y))
    y += SIDE_PX + GAP_PX
    image.paste(_sized(pair.decoded), (x, y))
    colour = INK if not pair.said else RIGHT if pair.said == pair.label else WRONG
    words = f"{pair.said or 'decoded'} {pair.confidence:.2f}"
    drawing.text((x + 2, y + SIDE_PX + 1), words, fill=colour, font=font)


def _sized(picture: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(picture).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
