"""What a run's stream of volumes carries: fixed by its first volume, and kept for its whole length.

The description of a stream is made once. A process that starts again in the middle of the run would
read others from the volumes that come then: slice times jitter by milliseconds on some scanners,
and others tell wrong ones now and then.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from acquisition.fmri.rigid import farthest_mm
from acquisition.fmri.volume import Volume
from acquisition.lsl.formats import SAME_PLACE_MM, VolumeFormat

__all__ = ["Place", "keep_layout", "kept_layout"]


def keep_layout(path: Path, layout: VolumeFormat) -> None:
    """Keep what the stream carries for a process that starts again."""
    held = {
        "shape": layout.shape,
        "affine": layout.affine.tolist(),
        "tr_s": layout.tr_s,
        "slice_times_s": layout.slice_times_s,
        "slice_axis": layout.slice_axis,
    }
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps(held), encoding="utf-8")
    whole.replace(path)


def kept_layout(path: Path | None) -> VolumeFormat | None:
    """Return what an earlier process of the run has kept; None if there was none."""
    if path is None or not path.exists():
        return None
    held = json.loads(path.read_text(encoding="utf-8"))
    x, y, z = held["shape"]
    times = held["slice_times_s"]
    return VolumeFormat(
        (x, y, z),
        np.array(held["affine"], np.float64),
        held["tr_s"],
        slice_times_s=None if times is None else tuple(times),
        slice_axis=held["slice_axis"],
    )


class Place:
    """Lets through the volumes whose voxels lie where the stream's description says.

    The stream carries one affine. A volume measured elsewhere (slices that were moved, or that the
    scanner moves after the head) would be taken for one at the first volume's place.

    Parameters
    ----------
    layout : VolumeFormat
        Of the stream.

    Attributes
    ----------
    counts : Counter
        Volumes that were left out: ``moved`` and ``other_matrix``.
    """

    def __init__(self, layout: VolumeFormat) -> None:
        self._layout = layout
        self._told = ""
        self._complaints: list[str] = []
        self.counts: Counter[str] = Counter(moved=0, other_matrix=0)

    def holds(self, volume: Volume) -> bool:
        """Tell whether a volume may go on; count and tell of one that may not."""
        kind, told = self._wrong(volume)
        if kind:
            self.counts[kind] += 1
            # A whole run may be elsewhere: one line for each stretch of such volumes.
            if kind != self._told:
                self._complaints.append(f"volume {volume.index + 1} is left out: {told}")
        self._told = kind
        return not kind

    def complaints(self) -> list[str]:
        """Return why volumes were left out since the last call, oldest first."""
        told, self._complaints = self._complaints, []
        return told

    def _wrong(self, volume: Volume) -> tuple[str, str]:
        shape, layout = volume.data.shape, self._layout
        if shape != layout.shape:
            told = f"its matrix is {shape}, the run's is {layout.shape}"
            return "other_matrix", f"{told}; scan with the protocol that the session names"
        off_mm = farthest_mm(shape, volume.affine, layout.affine)
        if off_mm <= SAME_PLACE_MM:
            return "", ""
        return "moved", (
            f"THE SLICES WERE MOVED: its voxels lie up to {off_mm:.2f} mm from the first volume's; "
            f"allowed: {SAME_PLACE_MM:g} mm; switch off prospective motion correction, and start a "
            "new run for a new slice position"
        )
