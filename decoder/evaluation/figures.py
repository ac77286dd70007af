"""Sheets of pictures and histograms, drawn without a display."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from decoder.evaluation.ranking import Ranking
from phosphene.marking import LABEL
from phosphene.metrics import Scored
from phosphene.report.figures import png

__all__ = ["histograms", "sheet"]

Pictures = npt.NDArray[np.uint8]
_INK, _GREY = (40, 40, 40), (110, 110, 110)
_SIDE_PX, _GAP_PX, _LINE_PX, _MARGIN_PX = 96, 5, 15, 52
_COLUMNS = 8


def sheet(
    rows: Mapping[str, Pictures], ranking: Ranking, places: npt.NDArray[Any], title: str
) -> Pictures:
    """Draw stimuli as columns: seen above, then each kind of reconstruction.

    Parameters
    ----------
    rows : mapping of str to array uint8 (n, H, W, 3)
        All pictures by kind, in the order in which they stand below each other.
    ranking : Ranking
        Which row stands for which stimulus.
    places : array of int
        Places in the ranking to draw.
    title : str
        Above the sheet.

    Returns
    -------
    uint8 array (height, width, 3)
    """
    columns = min(_COLUMNS, len(places))
    block = len(rows) * (_SIDE_PX + _GAP_PX) + _LINE_PX + _GAP_PX
    blocks = -(-len(places) // columns)
    font = ImageFont.load_default(11)
    width = max(_MARGIN_PX + columns * (_SIDE_PX + _GAP_PX), 480)
    width = max(width, math.ceil(font.getlength(title)) + 4)
    image = Image.new("RGB", (width, blocks * block + 2 * _LINE_PX), "white")
    draw = ImageDraw.Draw(image)
    draw.text((2, 0), title, fill=_INK, font=font)
    for k, place in enumerate(places.tolist()):
        line, column = divmod(k, columns)
        x, y = _MARGIN_PX + column * (_SIDE_PX + _GAP_PX), _LINE_PX + line * block
        told = f"{place + 1}: {ranking.values[place]:.3f}"
        draw.text((x, y), told, fill=_GREY, font=font)
        for number, (kind, pictures) in enumerate(rows.items()):
            top = y + _LINE_PX + number * (_SIDE_PX + _GAP_PX)
            image.paste(_sized(pictures[ranking.rows[place]]), (x, top))
            if column == 0:
                draw.text((2, top + _SIDE_PX // 2 - 6), kind, fill=_INK, font=font)
    foot = f"rank and value; {LABEL}, but for what was seen"
    draw.text((2, blocks * block + _LINE_PX), foot, fill=_GREY, font=font)
    return np.asarray(image)


def histograms(scores: Mapping[str, Scored], names: Sequence[str]) -> bytes | None:
    """Draw the values of all rows beside those of the shuffled control, as PNG; None for none."""
    from matplotlib.figure import Figure

    shown = [n for n in names if n in scores and np.isfinite(scores[n].values).sum() > 1]
    if not shown:
        return None
    lines = -(-len(shown) // 3)
    figure = Figure(figsize=(10.0, 2.1 * lines), dpi=100)
    figure.subplots_adjust(0.05, 0.12 / lines, 0.99, 1 - 0.1 / lines, hspace=0.35, wspace=0.15)
    axes: Any = figure.subplots(lines, 3, squeeze=False)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, shown, strict=False):
        own, control = scores[name].values, scores[name].control
        both = np.concatenate([own, control])
        edges = np.histogram_bin_edges(both[np.isfinite(both)], bins=25)
        for values, colour, word in ((control, "#b0b0b0", "shuffled"), (own, "#2a7f62", "own")):
            ax.hist(values[np.isfinite(values)], edges, color=colour, alpha=0.7, label=word)
        ax.axvline(scores[name].value, color="#1e6b50", lw=1)
        ax.axvline(scores[name].shuffled, color="#666666", lw=1, ls="--")
        ax.set_title(name, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    axes.flat[0].legend(fontsize=7, frameon=False)
    return png(figure)


def _sized(picture: Pictures) -> Image.Image:
    small = max(picture.shape[:2]) < _SIDE_PX
    how = Image.Resampling.NEAREST if small else Image.Resampling.BILINEAR
    return Image.fromarray(picture).resize((_SIDE_PX, _SIDE_PX), how)
