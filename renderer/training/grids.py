"""Contact sheets of pictures, to look at a training with one's own eyes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def save_grid(rows: list[npt.NDArray[np.uint8]], file: Path, zoom: int = 2) -> None:
    """Write rows of pictures, each uint8 (n, 64, 64, 3), one under the other as a PNG."""
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    height, width = sheet.shape[:2]
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(sheet)
    picture.resize((width * zoom, height * zoom), Image.Resampling.NEAREST).save(file)
