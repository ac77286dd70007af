"""Figures of an encoding analysis, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from decoder.encoding.maps import Places
from decoder.encoding.material import Encoded, Of
from phosphene.report.figures import png

__all__ = ["bars", "layers", "levels", "slices"]

Array = npt.NDArray[Any]
COLOURS = {
    "z": "#c46a1b", "c": "#27679b", "z+c": "#6b6b6b", "unique z": "#e8a05f", "unique c": "#7fb2da",
}  # fmt: skip
_SHUFFLED = "#222222"
_SLICES, _MOST_REGIONS, _MARGIN = 8, 8, 3


def bars(found: Encoded) -> bytes:
    """Draw regions as bars: correlation of z, c and both; and what each adds to the other."""
    names = list(found.sizes)[:_MOST_REGIONS]
    shown = [own for own in found.found.values() if own.kind in ("main", "joint")]
    unique = found.named("unique")
    figure = Figure(figsize=(10.0, 3.6), dpi=100)
    axes: Any = figure.subplots(1, 2 if unique else 1, squeeze=False)[0]
    figure.subplots_adjust(0.08, 0.2, 0.99, 0.88, wspace=0.24)
    _bars(axes[0], shown, names, found, "correlation on held-out rows")
    axes[0].set_title("predicted from z, c and both", fontsize=10)
    if unique:
        _bars(axes[1], unique, names, found, "share of variance")
        axes[1].set_title("what one adds to the other", fontsize=10)
    return png(figure)


def levels(found: Encoded) -> bytes | None:
    """Draw the correlation of zc over its noise level, one line for each region; None for none."""
    noise = found.named("noise")
    if not noise or "z" not in found.found:
        return None
    points = [(0.0, found.found["z"]), *((float(o.name.split()[1]), o) for o in noise)]
    figure = Figure(figsize=(6.0, 3.4), dpi=100)
    figure.subplots_adjust(0.12, 0.16, 0.97, 0.9)
    ax: Any = figure.subplots()
    for k, region in enumerate(list(found.sizes)[:_MOST_REGIONS]):
        told = [own.regions[region] for _, own in points]
        x = [level for level, _ in points]
        ax.plot(x, [t.value for t in told], marker="o", ms=4, color=f"C{k}", label=region)
        ax.fill_between(x, [t.low for t in told], [t.high for t in told], color=f"C{k}", alpha=0.2,
                        lw=0)  # fmt: skip
        ax.plot(x, [t.shuffled_high for t in told], color=f"C{k}", lw=0.8, ls=":")
    ax.set_xlabel("noise level of zc (0: z itself; dotted: shuffled, 97.5 %)")
    ax.set_ylabel("correlation")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize=8, frameon=False)
    return png(figure)


def layers(found: Encoded) -> bytes | None:
    """Draw the correlation of each block of the generator at each step, region by region."""
    table: dict[tuple[str, int], Of] = {}
    for own in found.named("layer"):
        _, layer, step = own.name.split()
        table[layer, int(step)] = own
    if not table:
        return None
    blocks = list(dict.fromkeys(layer for layer, _ in table))
    steps = sorted({step for _, step in table})
    regions = list(found.sizes)[:4]
    figure = Figure(figsize=(2.2 + 2.4 * len(regions), 3.4), dpi=100)
    axes: Any = figure.subplots(1, len(regions), squeeze=False, sharey=True)[0]
    width = figure.get_figwidth()
    figure.subplots_adjust(1.25 / width, 0.16, 1 - 0.45 / width, 0.88, wspace=0.35)
    for ax, region in zip(axes, regions, strict=True):
        values = np.array([
            [table[b, s].regions[region].value if (b, s) in table else np.nan for s in steps]
            for b in blocks
        ])  # fmt: skip
        drawn = ax.imshow(values, aspect="auto", cmap="viridis")
        ax.set_xticks(range(len(steps)), [str(s) for s in steps], fontsize=8)
        ax.set_yticks(range(len(blocks)), blocks, fontsize=8)
        ax.set_title(region, fontsize=10)
        ax.set_xlabel("denoising step", fontsize=8)
        figure.colorbar(drawn, ax=ax, fraction=0.06).ax.tick_params(labelsize=7)
    return png(figure)


def slices(maps: Mapping[str, Array], places: Places, title: str, least: float = 0.0) -> bytes:
    """Draw maps over slices that hold voxels, one map in each line.

    Parameters
    ----------
    maps : mapping of str to array (voxels,)
        Colours run from blue (below 0) over nothing to red; each map has its own scale.
    places : Places
    title : str
    least : float
        Voxels nearer to 0 are not painted.

    Returns
    -------
    bytes
        PNG.
    """
    chosen = _fullest(places.mask)
    x, y = (_around(places.mask, axis) for axis in (0, 1))
    tall = 8.3 / len(chosen) * (y.stop - y.start) / (x.stop - x.start)
    figure = Figure(figsize=(10.0, 0.5 + tall * len(maps)), dpi=100)
    axes: Any = figure.subplots(len(maps), len(chosen), squeeze=False)
    top = 1 - 0.35 / figure.get_figheight()
    figure.subplots_adjust(0.1, 0.01, 0.93, top, wspace=0.03, hspace=0.05)
    figure.text(0.01, 1 - 0.22 / figure.get_figheight(), title, fontsize=10)
    below = places.mask.astype(float) if places.background is None else places.background
    for line, (name, values) in zip(axes, maps.items(), strict=True):
        span = float(np.percentile(np.abs(values), 99)) or 1.0
        volume = places.filled(np.where(np.abs(values) > least, values, np.nan), np.nan)
        for ax, z in zip(line, chosen, strict=True):
            ax.imshow(below[x, y, z].T, cmap="gray", origin="lower")
            drawn = ax.imshow(volume[x, y, z].T, cmap="RdBu_r", vmin=-span, vmax=span,
                              origin="lower", interpolation="nearest")  # fmt: skip
            ax.set_axis_off()
        line[0].text(-0.08, 0.5, name, transform=line[0].transAxes, fontsize=8, ha="right")
        place = line[-1].get_position()
        bar = figure.add_axes((0.94, place.y0 + 0.1 * place.height, 0.008, 0.8 * place.height))
        figure.colorbar(drawn, cax=bar).ax.tick_params(labelsize=6)
    return png(figure)


def _fullest(mask: npt.NDArray[np.bool_]) -> Array:
    """Return the slices that hold most voxels, in order."""
    counts = mask.sum(axis=(0, 1))
    return np.sort(np.argsort(-counts, kind="stable")[: min(_SLICES, int((counts > 0).sum()))])


def _around(mask: npt.NDArray[np.bool_], axis: int) -> slice:
    """Return the stretch of an axis that holds voxels, with a margin."""
    held = np.flatnonzero(mask.any(axis=tuple(k for k in range(3) if k != axis)))
    low, high = int(held[0]) - _MARGIN, int(held[-1]) + 1 + _MARGIN
    return slice(max(low, 0), min(high, mask.shape[axis]))


def _bars(
    ax: Any, shown: Sequence[Of], names: Sequence[str], found: Encoded, unit: str
) -> None:  # fmt: skip
    width = 0.8 / len(shown)
    for k, own in enumerate(shown):
        told = [own.regions[name] for name in names]
        x = np.arange(len(names)) + (k - (len(shown) - 1) / 2) * width
        value = np.array([t.value for t in told])
        apart = [value - [t.low for t in told], np.array([t.high for t in told]) - value]
        ax.bar(x, value, 0.92 * width, color=COLOURS.get(own.name, f"C{k}"), label=own.name,
               yerr=np.maximum(apart, 0), error_kw={"lw": 1})  # fmt: skip
        high = [t.shuffled_high for t in told]
        # What shuffled features add is harm, far below 0: the table has it.
        if own.kind != "unique":
            ax.hlines(high, x - width / 2, x + width / 2, color=_SHUFFLED, lw=1, ls=":",
                      label="shuffled, 97.5 %" if k == 0 else None)  # fmt: skip
    labels = [f"{name}\n{found.sizes[name]} voxels" for name in names]
    ax.set_xticks(range(len(names)), labels, fontsize=8)
    ax.axhline(0, color="#666666", lw=0.8)
    ax.set_ylabel(unit, fontsize=9)
    ax.set_ymargin(0.3)  # room for the legend
    ax.autoscale_view()
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize=7, frameon=False, ncols=2)
