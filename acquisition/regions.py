"""A person's regions on the run's grid: files read, laid on the reference, refused or taken.

Registration takes seconds, so it runs in a thread of its own, once, while the node goes on beating.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.fmri.register import Picture, Placed, place, placement
from acquisition.fmri.volume import Volume
from phosphene.errors import InputError, PhospheneError
from phosphene.session import FmriSettings

__all__ = ["Found", "RegionFiles", "RegionFinder", "drawn", "find_regions", "given_mask", "grey"]

Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RegionFiles:
    """What a session names, read.

    Attributes
    ----------
    regions : dict
        Name to mask and affine.
    mask : tuple or None
        Mask of the voxels to take, and its affine.
    picture : Picture or None
        What they were drawn on.
    """

    regions: dict[str, tuple[Mask, Matrix]] = field(default_factory=dict, repr=False)
    mask: tuple[Mask, Matrix] | None = field(default=None, repr=False)
    picture: Picture | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: FmriSettings) -> RegionFiles:
        """Read the files of a session.

        Raises
        ------
        InputError
            If one cannot be read; names the region.
        """
        regions = {name: _read(f"region {name!r}", path) for name, path in settings.rois.items()}
        mask = None if settings.mask is None else _read("mask", settings.mask)
        wanted = settings.rois_reference if regions or mask else None
        picture = None
        if wanted is not None:
            from acquisition.sources.nifti import read_picture

            try:
                picture = Picture(*read_picture(wanted))
            except InputError as error:
                raise InputError(f"rois_reference: {error}") from error
        return cls(regions, mask, picture)


@dataclass(frozen=True)
class Found:
    """Regions on the run's grid.

    Attributes
    ----------
    regions : dict
        Name to mask.
    mask : ndarray of bool or None
        Voxels to take; None where no file says.
    how : str
        How they were placed, and how much of each lies within the volumes.
    trouble : str
        Why some are missing, or an empty text.
    """

    regions: dict[str, Mask] = field(default_factory=dict, repr=False)
    mask: Mask | None = field(default=None, repr=False)
    how: str = ""
    trouble: str = ""


def _read(what: str, path: Path) -> tuple[Mask, Matrix]:
    # imported here: nibabel takes a third of a second, and many sessions name no files
    from acquisition.sources.nifti import read_mask

    try:
        return read_mask(path)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def find_regions(files: RegionFiles, settings: FmriSettings, reference: Volume) -> Found:
    """Lay the regions of a session on the run's reference volume.

    Parameters
    ----------
    files : RegionFiles
        Made by `RegionFiles.of`.
    settings : FmriSettings
        Kind of registration, and how much of a region must lie within the volumes.
    reference : Volume
        Its grid is the run's.

    Returns
    -------
    Found
        Regions that cannot be used are left out and told of.

    Raises
    ------
    InputError
        If the mask of the voxels to take cannot be used: nothing could be decoded.
    """
    if not files.regions and files.mask is None:
        return Found()
    shape, affine = reference.data.shape, reference.affine
    try:
        at = placement(reference, files.picture, settings.registration)
    except InputError as error:
        if files.mask is not None:
            raise
        return Found(trouble=f"no region is shown: {error}")
    told, refused, regions = [], [], {}
    for name, (mask, own) in files.regions.items():
        placed = place(mask, own, at, shape, affine)
        if why := _why_not(placed, settings.roi_inside):
            refused.append(f"region {name!r} {why}: it is not shown")
        else:
            regions[name] = placed.mask
            told.append(f"{name} {100 * placed.inside:.0f} % inside")
    taken = None
    if files.mask is not None:
        placed = place(*files.mask, at, shape, affine)
        if why := _why_not(placed, settings.roi_inside):
            raise InputError(f"mask {why}; give a mask of what is scanned")
        taken = placed.mask
    return Found(regions, taken, ", ".join([at.how, *told]), "; ".join(refused))


def _why_not(placed: Placed, least: float) -> str:
    if placed.inside < least:
        return (
            f"lies within the volumes by {100 * placed.inside:.0f} % only, "
            f"{100 * least:.0f} % are wanted (roi_inside)"
        )
    return "" if placed.mask.any() else "is smaller than a voxel of the volumes"


def given_mask(settings: FmriSettings, reference: Volume) -> Mask | None:
    """Return the mask that the settings name, on a volume's grid; None where they name none.

    Raises
    ------
    InputError
        If it cannot be read or used.
    """
    if settings.mask is None:
        return None
    alone = settings.model_copy(update={"rois": {}})
    return find_regions(RegionFiles.of(alone), alone, reference).mask


def drawn(
    regions: Mapping[str, Mask], reference: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.uint8]]:
    """Return ``underlay`` and ``labels`` of `phosphene.messages.Regions`, each (X, Y, Z)."""
    labels = np.zeros(reference.shape, np.uint8)
    for k, mask in enumerate(regions.values()):
        labels[mask] = min(k + 1, 255)
    return {"underlay": grey(reference), "labels": labels}


def grey(data: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return an image from black to white for the eye, 8 bits."""
    top = max(float(np.percentile(data, 99.5)), 1e-6)
    shade: npt.NDArray[np.uint8] = np.clip(data * (255.0 / top), 0, 255).astype(np.uint8)
    return shade


class RegionFinder:
    """Finds regions in a thread.

    Parameters
    ----------
    files : RegionFiles
        What to place.
    settings : FmriSettings
        How.
    """

    def __init__(self, files: RegionFiles, settings: FmriSettings) -> None:
        self._files, self._settings = files, settings
        self._thread: threading.Thread | None = None
        self._found: Found | None = None
        self._failure: Exception | None = None
        if not files.regions and files.mask is None:
            self._found = Found()

    @property
    def begun(self) -> bool:
        """Whether a reference has been given, or none is needed."""
        return self._thread is not None or self._found is not None

    @property
    def done(self) -> bool:
        """Whether `result` can be asked for."""
        return self._found is not None or self._failure is not None

    def wait(self, most_s: float) -> bool:
        """Wait at most `most_s` seconds for the thread; return `done`."""
        if self._thread is not None and not self.done:
            self._thread.join(most_s)
        return self.done

    def begin(self, reference: Volume) -> None:
        """Start; once is enough."""
        if not self.begun:
            self._thread = threading.Thread(target=self._work, args=(reference,), name="regions")
            self._thread.start()

    def result(self) -> Found:
        """Return what was found; raise what went wrong."""
        if self._failure is not None:
            raise self._failure
        return self._found or Found()

    def close(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join()

    def _work(self, reference: Volume) -> None:
        try:
            self._found = find_regions(self._files, self._settings, reference)
        except PhospheneError as error:
            self._failure = error
        except Exception as error:  # handed to the node, which must not wait for ever
            self._failure = InputError(f"regions: {type(error).__name__}: {error}")
