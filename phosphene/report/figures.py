"""The report's figures, drawn without a display."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from phosphene.quality import (
    DVARS,
    FD,
    FD_HIGH,
    FD_HIGH_MM,
    FD_JENKINSON,
    FD_LOW,
    FD_LOW_MM,
    FIGURES,
    ROTATION,
    SPIKE,
    TRANSLATION,
    region_name,
)
from phosphene.report.accuracy import Joined
from phosphene.report.load import RunData
from phosphene.report.truth import Shown
from phosphene.report.volumes import is_scan
from phosphene.report.words import STAGES

__all__ = ["confidence", "latency", "motion", "png", "regions"]

WIDTH_IN = 10.0
_REGION_COLUMNS = 8
DPI = 100
GOOD, BAD, GREY = "#2a7f62", "#c0392b", "#666666"


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file: drawn from numbers, so without the mark of pictures."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    picture.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _figure(rows: int, height_in: float, above_in: float = 0.35) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI)
    # Fixed margins: laying out automatically would take twice as long as drawing.
    figure.subplots_adjust(0.09, 0.5 / height_in, 0.99, 1 - above_in / height_in, hspace=0.45)
    axes = figure.subplots(rows, 1, squeeze=False, sharex=True)[:, 0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def _shade(ax: Axes, shown: Sequence[Shown]) -> None:
    """Mark when stimuli were on show, one colour for each label."""
    names = sorted({s.label for s in shown})
    for s in shown:
        colour = f"C{names.index(s.label) % 10}"
        ax.axvspan(s.onset_s, s.onset_s + s.duration_s, color=colour, alpha=0.15, lw=0)
    if 0 < len(names) <= 10:
        patches = [Patch(color=f"C{k}", alpha=0.3, label=name) for k, name in enumerate(names)]
        # Kept as an artist of its own, so that the lines can have their legend too.
        ax.add_artist(
            ax.legend(handles=patches, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=7,
                      ncols=len(names), frameon=False)
        )  # fmt: skip


def _series(data: RunData, name: str) -> tuple[list[float], list[float]]:
    """Return times and values; NaN where volumes are missing, so that no line bridges them."""
    rows = sorted((q for q in data.qualities if name in q.values), key=lambda q: q.index)
    times, values, scan = [], [], is_scan(data)
    for k, q in enumerate(rows):
        if scan and k and q.index > rows[k - 1].index + 1:
            times.append((rows[k - 1].t_data + q.t_data) / 2)
            values.append(math.nan)
        times.append(q.t_data)
        values.append(q.values[name])
    return times, values


def _legend(ax: Axes, columns: int = 6) -> None:
    """Put the lines' legend above the axes, on the right: there it covers no line."""
    ax.legend(loc="lower right", bbox_to_anchor=(1, 0.98), fontsize=7, ncols=columns,
              frameon=False, borderaxespad=0.2)  # fmt: skip


def _lines(ax: Axes, data: RunData, names: Sequence[str], unit: str) -> bool:
    drawn = False
    for name in names:
        t, v = _series(data, name)
        if t:
            words = FIGURES[name].words if name in FIGURES else name.replace("_", " ")
            # Dots, for a volume between two gaps has no line.
            ax.plot(t, v, lw=1, marker=".", ms=2, label=words.removesuffix(" uv"))
            drawn = True
    ax.set_ylabel(unit)
    ax.yaxis.set_label_coords(-0.06, 0.5)
    if drawn:
        _legend(ax)
    return drawn


def motion(data: RunData, shown: Sequence[Shown] = ()) -> Figure | None:
    """Movement and volume-to-volume change of fMRI; amplitude and bad channels of EEG."""
    names = {name for q in data.qualities for name in q.values}
    if FD in names:
        figure, axes = _figure(4, 7.0)
        _shade(axes[0], shown)
        _lines(axes[0], data, TRANSLATION, "mm")
        _lines(axes[1], data, ROTATION, "deg")
        _lines(axes[2], data, [FD, FD_JENKINSON], "mm")
        _limits(axes[2], data)
        _lines(axes[3], data, [DVARS], "%")
        _spikes(axes[3], data)
    elif DVARS in names:
        figure, axes = _figure(1, 2.6)
        _lines(axes[0], data, [DVARS], "%")
        _spikes(axes[0], data)
    elif "rms_uv" in names:
        figure, axes = _figure(2, 4.0)
        _lines(axes[0], data, ["rms_uv"], "µV")
        _lines(axes[1], data, ["bad_channels", "rejected"], "count")
    else:
        return None
    axes[-1].set_xlabel("time in the recording (s)")
    return figure


def _limits(ax: Axes, data: RunData) -> None:
    """Draw the limits of displacement that the session set."""
    for name, usual, colour in ((FD_LOW, FD_LOW_MM, GREY), (FD_HIGH, FD_HIGH_MM, BAD)):
        _, told = _series(data, name)
        ax.axhline(told[-1] if told else usual, color=colour, lw=0.8, ls="--")


def _spikes(ax: Axes, data: RunData) -> None:
    """Mark the volumes that nothing was learned from."""
    for q in data.qualities:
        if q.values.get(SPIKE):
            ax.axvline(q.t_data, color=BAD, lw=0.8, alpha=0.5)


def regions(data: RunData, shown: Sequence[Shown]) -> Figure | None:
    """Mean signal of each region over the blocks of the run."""
    keys = sorted({n for q in data.qualities for n in q.values if region_name(n)})
    if not keys:
        return None
    rows = -(-len(keys) // _REGION_COLUMNS)
    figure, (ax,) = _figure(1, 3.2 + 0.15 * rows, 0.4 + 0.15 * rows)
    for key in keys:
        ax.plot(*_series(data, key), lw=1, marker=".", ms=2, label=region_name(key))
    _shade(ax, shown)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1.06), fontsize=7, ncols=_REGION_COLUMNS,
              frameon=False)  # fmt: skip
    ax.set_xlabel("time in the recording (s); blocks as shown, not delayed")
    ax.set_ylabel("% signal change")
    return figure


def latency(measured: Mapping[str, Sequence[float]]) -> Figure | None:
    """One histogram for each stage of the chain."""
    stages = {name: values for name, values in measured.items() if values}
    if not stages:
        return None
    rows = -(-len(stages) // 3)
    figure = Figure(figsize=(WIDTH_IN, 2.6 * rows), dpi=DPI)
    figure.subplots_adjust(0.05, 0.22 / rows, 0.99, 1 - 0.12 / rows, hspace=0.6, wspace=0.15)
    axes: Any = figure.subplots(rows, 3, squeeze=False)
    for ax in axes.flat[len(stages) :]:
        ax.set_axis_off()
    for ax, (name, values) in zip(axes.flat, stages.items(), strict=False):
        low, high = min(values), max(values)
        room = max(0.0, 1.0 - (high - low)) / 2  # at least a millisecond wide
        ax.hist(values, bins=40, range=(low - room, high + room), color="#4472a8")
        ax.axvline(float(np.percentile(values, 95)), color=BAD, lw=1)
        ax.set_title(STAGES[name], fontsize=9)
        ax.set_xlabel("ms; red line: 95 %", fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def confidence(data: RunData, joined: Sequence[Joined], shown: Sequence[Shown]) -> Figure | None:
    """Confidence of every percept; right and wrong where that is known."""
    if not data.percepts:
        return None
    figure, (ax,) = _figure(1, 3.0)
    headers = [m.header for m in data.percepts]
    ax.plot([h.t_seen for h in headers], [h.confidence for h in headers], lw=0.7, color=GREY)
    named = [j for j in joined if j.percept.header.label is not None]
    for right, colour, word in ((True, GOOD, "label right"), (False, BAD, "label wrong")):
        dots = [
            j.percept.header for j in named if (j.percept.header.label == j.shown.label) is right
        ]
        ax.scatter(
            [h.t_seen for h in dots], [h.confidence for h in dots], s=12, color=colour, label=word,
            zorder=3,
        )  # fmt: skip
    _shade(ax, shown)
    if named:
        _legend(ax)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("confidence")
    ax.set_xlabel("when it was seen, time in the recording (s)")
    return figure
