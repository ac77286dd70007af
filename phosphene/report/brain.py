"""Pictures of brain slices with regions or maps on them, and the maps as NIfTI files.

All of it was recorded, which needs the consent scope ``record_brain``; without, there is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from phosphene.messages import Message
from phosphene.report.contrasts import contrast_words

__all__ = ["map_figure", "regions_figure", "write_maps"]

_MOST_SLICES = 12
_PER_ROW = 6
_T_SHOWN = 3.0
_T_FULL = 8.0
_COLOURS = 10


def regions_figure(message: Message | None) -> Figure | None:
    """Draw where the regions lie on the reference volume: the check that they lie right."""
    if message is None:
        return None
    labels, under = message.arrays["labels"], message.arrays["underlay"]
    figure, axes, slices = _slices(under, labels > 0)
    for ax, k in zip(axes, slices, strict=False):
        for number in np.unique(labels[:, :, k]):
            if number:
                inside = (labels[:, :, k] == number).astype(np.float32).T
                colour = f"C{(int(number) - 1) % _COLOURS}"
                if min(inside.shape) > 1:
                    ax.contour(inside, levels=[0.5], colors=colour, linewidths=1)
    patches = [
        Patch(color=f"C{k % _COLOURS}", label=name) for k, name in enumerate(message.header.names)
    ]
    figure.legend(handles=patches, loc="lower center", ncols=min(8, len(patches)), fontsize=8,
                  frameon=False)  # fmt: skip
    figure.suptitle(message.header.how, fontsize=8)
    return figure


def map_figure(maps: Sequence[Message]) -> Figure | None:
    """Draw the first map on the reference volume."""
    shown = next((m for m in maps if "underlay" in m.arrays), None)
    if shown is None:
        return None
    t, under = shown.arrays["t"], shown.arrays["underlay"]
    figure, axes, slices = _slices(under, np.abs(t) > _T_SHOWN)
    for ax, k in zip(axes, slices, strict=False):
        over = np.ma.masked_inside(t[:, :, k], -_T_SHOWN, _T_SHOWN).T
        ax.imshow(over, cmap="RdBu_r", vmin=-_T_FULL, vmax=_T_FULL, origin="lower")
    head = shown.header
    called = contrast_words(head.contrast)
    words = f"{called}: t from {_T_SHOWN:g} (shown) to {_T_FULL:g}, {head.dof:g} degrees of "
    figure.suptitle(words + "freedom, not corrected for the number of voxels", fontsize=8)
    return figure


def _slices(
    under: npt.NDArray[Any], where: npt.NDArray[np.bool_]
) -> tuple[Figure, list[Any], list[int]]:
    """Lay the slices out that hold something, or all, evenly chosen."""
    holding = np.flatnonzero(where.any(axis=(0, 1)))
    if not len(holding):
        holding = np.flatnonzero((under > 40).any(axis=(0, 1)))
    pick = np.unique(np.linspace(0, len(holding) - 1, _MOST_SLICES).round().astype(int))
    slices = [int(holding[i]) for i in pick] if len(holding) else [0]
    rows = -(-len(slices) // _PER_ROW)
    figure = Figure(figsize=(10.0, 0.5 + 1.8 * rows), dpi=100)
    figure.subplots_adjust(0.01, 0.2 / (0.5 + rows), 0.99, 1 - 0.3 / (0.5 + rows), 0.02, 0.1)
    axes = list(figure.subplots(rows, _PER_ROW, squeeze=False).flat)
    for ax in axes:
        ax.set_axis_off()
    for ax, k in zip(axes, slices, strict=False):
        ax.imshow(under[:, :, k].T, cmap="gray", origin="lower", vmin=0, vmax=255)
        ax.set_title(f"slice {k}, left is left", fontsize=6, pad=2)
    return figure, axes, slices


def write_maps(folder: Path, maps: Sequence[Message]) -> list[str]:
    """Write each map as a compressed NIfTI file and return the names."""
    if not maps:
        return []
    import nibabel as nib  # a third of a second, and most runs have no maps

    written = []
    for number, message in enumerate(maps):
        head = message.header
        affine = np.asarray(head.affine, np.float64).reshape(4, 4)
        t = np.asarray(message.arrays["t"], np.float32)
        image = nib.Nifti1Image(t, affine)  # type: ignore[no-untyped-call]
        image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
        called = contrast_words(head.contrast)
        image.header.set_intent("t test", (head.dof,), name=called[:15])  # type: ignore[no-untyped-call]
        spoken = called.replace(" > ", " over ")
        plain = re.sub(r"[^A-Za-z0-9]+", "-", spoken).strip("-").lower()[:40]
        name = f"tmap-{number + 1:02d}-{plain or 'contrast'}.nii.gz"
        half = folder / f".half-{name}"
        nib.save(image, half)
        half.replace(folder / name)
        written.append(name)
    return written
