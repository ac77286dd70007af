"""A sheet of pictures side by side, a name before each row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pictures = npt.NDArray[np.uint8]
CELL_PX = 128
MARGIN_PX = 150
INK, PAPER = (20, 20, 20), (255, 255, 255)


def save_sheet(rows: list[tuple[str, Pictures]], file: Path, cell_px: int = CELL_PX) -> None:
    """Write rows of pictures (n, side, side, 3) as a PNG, scaled to cells of `cell_px`.

    Raises
    ------
    ValueError
        If rows have different numbers of pictures.
    """
    if len({len(pictures) for _, pictures in rows}) != 1:
        lengths = [len(pictures) for _, pictures in rows]
        raise ValueError(f"rows of {lengths} pictures: allowed are rows of the same length")
    width = MARGIN_PX + cell_px * len(rows[0][1])
    sheet = Image.new("RGB", (width, cell_px * len(rows)), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for k, (name, pictures) in enumerate(rows):
        pen.multiline_text((8, k * cell_px + cell_px // 2 - 18), name, INK, font)
        for i, picture in enumerate(pictures):
            cell = Image.fromarray(picture).resize((cell_px, cell_px), Image.Resampling.BOX)
            sheet.paste(cell, (MARGIN_PX + i * cell_px, k * cell_px))
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file, optimize=True)
