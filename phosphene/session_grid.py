"""Whether volumes that lie at hand before a run are of the grid in which its decoder's mask is.

A run refuses other grids with its first volume; here the headers of NIfTI files tell it earlier.
"""

from __future__ import annotations

from pathlib import Path

from phosphene.bundle import Bundle
from phosphene.doctor import Finding

__all__ = ["grid_finding"]

_ENDINGS = (".nii", ".nii.gz")


def grid_finding(bundle: Bundle, source: Path | None) -> Finding | None:
    """Hold the mask of a decoder against the volumes of a source.

    Parameters
    ----------
    bundle : Bundle
        Of the run.
    source : Path or None
        Recording or folder; None where volumes come from elsewhere.

    Returns
    -------
    Finding or None
        None where the decoder has no mask (EEG). An error for a recording of another grid, a
        warning for a folder, in which other images may lie as well.
    """
    mask = bundle.manifest.mask
    if mask is None:
        return None
    named = f"its mask has {mask.voxels} voxels in a grid of {_words(mask.shape)}"
    found = None if source is None else _first(source)
    grid = None if found is None else _grid(found)
    if found is None or grid is None:
        return Finding("ok", f"{named}; it is held against the first volume of the run")
    if grid == mask.shape:
        return Finding("ok", f"{named}, as the volumes of {found.name}")
    return Finding(
        "error" if found == source else "warning",
        f"{named}, but {found.name} is {_words(grid)}",
        "scan with the grid of the calibration, or fit a decoder for this one",
    )


def _words(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _first(source: Path) -> Path | None:
    """Return a NIfTI file: the source itself, or the first in its folder."""
    if source.is_file():
        return source if source.name.endswith(_ENDINGS) else None
    try:
        return min((p for p in source.iterdir() if p.name.endswith(_ENDINGS)), default=None)
    except OSError:
        return None  # told with the source


def _grid(path: Path) -> tuple[int, ...] | None:
    """Return the first three sizes of a NIfTI file; None where its header cannot be read."""
    import nibabel  # a third of a second, and most sources are no NIfTI

    try:
        image = nibabel.load(path)
    except (OSError, ValueError, nibabel.filebasedimages.ImageFileError):
        return None  # told with the source, or by the run
    if not isinstance(image, nibabel.spatialimages.SpatialImage) or len(image.shape) < 3:
        return None
    return tuple(int(n) for n in image.shape[:3])
