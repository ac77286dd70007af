"""A small sheet of pictures as they were read, so that transposed ones are seen at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from decoder.readers.layout import Pictures

__all__ = ["sheet_of", "write_sheet"]

_MOST = 12
_TILE_PX = 96
_LINE_PX = 16


def sheet_of(pictures: Pictures) -> Pictures:
    """Draw up to 12 pictures as they were read, and below them turned the other way.

    Parameters
    ----------
    pictures : array (n, H, W, 3) uint8
        Spread over the data set.

    Returns
    -------
    array (rows, columns, 3) uint8
    """
    rows = np.unique(np.linspace(0, len(pictures) - 1, min(_MOST, len(pictures))).astype(int))
    tall = 2 * (_TILE_PX + _LINE_PX)
    sheet = Image.new("RGB", (len(rows) * _TILE_PX, tall), "white")
    pen = ImageDraw.Draw(sheet)
    lines = ("as read", "the other --picture-order")
    for line, (words, turned) in enumerate(zip(lines, (False, True), strict=True)):
        top = line * (_TILE_PX + _LINE_PX)
        pen.text((2, top + 2), words, fill="black")
        for place, row in enumerate(rows):
            picture = pictures[row].swapaxes(0, 1) if turned else pictures[row]
            tile = Image.fromarray(np.ascontiguousarray(picture))
            tile.thumbnail((_TILE_PX - 2, _TILE_PX - 2))
            grown = min((_TILE_PX - 2) // tile.width, (_TILE_PX - 2) // tile.height)
            if grown > 1:
                size = (tile.width * grown, tile.height * grown)
                tile = tile.resize(size, Image.Resampling.NEAREST)
            sheet.paste(tile, (place * _TILE_PX + 1, top + _LINE_PX))
    return np.asarray(sheet)


def write_sheet(path: Path, pictures: Pictures) -> None:
    """Write `sheet_of` as PNG."""
    Image.fromarray(sheet_of(pictures)).save(path, format="PNG")
