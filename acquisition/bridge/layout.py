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
    """Lets through the volumes of the stream's matrix, and tells of those measured elsewhere.

    Slices may have been moved, or the scanner moves them after the head. Such a volume goes on with
    the affine of its own; where it cannot be realigned, the acquisition node refuses it.

    Parameters
    ----------
    layout : VolumeFormat
        Of the stream.

    Attributes
    ----------
    counts : Counter
        ``moved`` volumes, measured elsewhere than the first; ``other_matrix``, left out.
    """

    def __init__(self, layout: VolumeFormat) -> None:
        self._layout = layout
        self._told = ""
        self._complaints: list[str] = []
        self.counts: Counter[str] = Counter(moved=0, other_matrix=0)

    def holds(self, volume: Volume) -> bool:
        """Tell whether a volume may go on; count and tell of what is unusual."""
        kind, told = self._unusual(volume)
        if kind:
            self.counts[kind] += 1
            # A whole run may be elsewhere: one line for each stretch of such volumes.
            if kind != self._told:
                self._complaints.append(f"volume {volume.index + 1} {told}")
        self._told = kind
        return kind != "other_matrix"

    def complaints(self) -> list[str]:
        """Return why volumes were left out since the last call, oldest first."""
        told, self._complaints = self._complaints, []
        return told

    def _unusual(self, volume: Volume) -> tuple[str, str]:
        shape, layout = volume.data.shape, self._layout
        if shape != layout.shape:
            told = f"is left out: its matrix is {shape}, the run's is {layout.shape}"
            return "other_matrix", f"{told}; scan with the protocol that the session names"
        off_mm = farthest_mm(shape, volume.affine, layout.affine)
        if off_mm <= SAME_PLACE_MM:
            return "", ""
        return "moved", (
            f"was measured up to {off_mm:.2f} mm from the first one's place (prospective motion "
            "correction, or a new slice position): it is realigned from there"
        )
