"""Which volume a run without a bundle is aligned to, kept for a process that starts again.

It is the first volume, or a picture that the session names: registered once where it lies
elsewhere, in a thread, so that the node goes on beating. Reference and mask are kept in the run
folder, which only its owner can read and which is gone after the run.
"""

from __future__ import annotations

import os
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.fmri.realign import can_realign
from acquisition.fmri.register import Picture, placement, resampled
from acquisition.fmri.rigid import farthest_mm
from acquisition.fmri.volume import Volume
from acquisition.settings import FmriPrior
from phosphene.errors import BundleError, InputError, PhospheneError, problem
from phosphene.session import FmriSettings

__all__ = ["Anchor", "AnchorFinder", "check_reference", "lay_reference", "read_reference"]

Mask = npt.NDArray[np.bool_]

_SAME_PLACE_MM = 0.1
_SAME_VOXEL_MM = 1e-3


@dataclass(frozen=True)
class Anchor:
    """What a run is aligned to.

    Attributes
    ----------
    reference : Volume
        In the coordinates of this run.
    mask : ndarray of bool (X, Y, Z) or None
        Voxels that an earlier process of the run took.
    trouble : str
        Why it is not what the session names, or an empty text.
    """

    reference: Volume
    mask: Mask | None = field(default=None, repr=False)
    trouble: str = ""


def read_reference(settings: FmriSettings) -> Picture | None:
    """Read the reference that a session names; None where it names none.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if settings.reference is None:
        return None
    from acquisition.sources.nifti import read_picture  # nibabel takes a third of a second

    try:
        picture = Picture(*read_picture(settings.reference))
    except InputError as error:
        raise InputError(f"acquisition.fmri.reference: {error}") from error
    if not np.isfinite(picture.data).all():
        raise InputError(
            problem("acquisition.fmri.reference", "values that are not finite", "finite numbers",
                    "Replace them by 0.")
        )  # fmt: skip
    return picture


def check_reference(picture: Picture | None, prior: FmriPrior | None) -> None:
    """Refuse a reference of the session where a bundle brings another one.

    Raises
    ------
    BundleError
        If the two differ: the decoder's voxels are those of its own reference.
    """
    if picture is None or prior is None:
        return
    own = prior.reference
    alike = own is not None and own.shape == picture.data.shape
    if alike and np.array_equal(own, picture.data) and _near(own.shape, prior.affine, picture):  # type: ignore[arg-type, union-attr]
        return
    raise BundleError(
        problem("acquisition.fmri.reference", "another volume than the bundle's",
                "the reference that the decoder was fitted with",
                "Take it out of the session, or fit anew.")
    )  # fmt: skip


def lay_reference(first: Volume, picture: Picture, realign: str = "auto") -> Volume:
    """Put a picture where this run's head is.

    A picture on the grid of the volumes keeps its voxels, and its affine is moved with the head;
    one on another grid is resampled to that of the volumes.

    Parameters
    ----------
    first : Volume
        First volume of the run.
    picture : Picture
        Volume of an earlier run, or a template.
    realign : str
        As in the session; where volumes are not realigned the picture must be in place.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        If it cannot be laid on the volume.
    """
    shape = first.data.shape
    alike = picture.data.shape == shape
    if alike and _near(shape, first.affine, picture):
        return Volume(picture.data, picture.affine, 0, first.tr_s)
    if realign == "off" or not can_realign(shape):
        raise InputError(
            problem("acquisition.fmri.reference", f"a picture {picture.data.shape} elsewhere",
                    f"{shape} voxels in the place of the volumes, which are not realigned",
                    "Switch realignment on, or scan with the reference's slice position.")
        )  # fmt: skip
    at = placement(first, picture, "rigid", "acquisition.fmri.reference")
    sizes = Volume(picture.data, picture.affine, 0).voxel_mm
    if alike and np.allclose(sizes, first.voxel_mm, rtol=0, atol=_SAME_VOXEL_MM):
        return Volume(picture.data, np.linalg.inv(at.matrix) @ picture.affine, 0, first.tr_s)
    data = resampled(picture.data, picture.affine, at.matrix, shape, first.affine)
    return Volume(data, first.affine, 0, first.tr_s)


def _near(shape: tuple[int, ...], affine: npt.NDArray[np.float64], picture: Picture) -> bool:
    return farthest_mm(shape, affine, picture.affine) <= _SAME_PLACE_MM


class AnchorFinder:
    """Finds what a run is aligned to, once.

    Parameters
    ----------
    path : Path
        File in the run folder for a process that starts again.
    picture : Picture or None
        Reference of the session.
    realign : str
        As in the session.
    """

    def __init__(self, path: Path, picture: Picture | None, realign: str) -> None:
        self._path, self._picture, self._realign = path, picture, realign
        self._thread: threading.Thread | None = None
        self._found: Anchor | None = None

    @property
    def found(self) -> Anchor | None:
        """What was found; None before."""
        return self._found

    def begin(self, first: Volume) -> None:
        """Start with the first volume that this process sees; once is enough."""
        if self._found is not None or self._thread is not None:
            return
        self._found = self._kept(first)
        if self._found is None and self._picture is None:
            self._found = Anchor(first)
        if self._found is None:
            args = (first, self._picture)
            self._thread = threading.Thread(target=self._work, args=args, name="reference")
            self._thread.start()

    def wait(self, most_s: float) -> bool:
        """Wait at most `most_s` seconds; return whether `found` is there."""
        if self._thread is not None and self._found is None:
            self._thread.join(most_s)
        return self._found is not None

    def keep(self, reference: Volume, mask: Mask) -> None:
        """Keep what the run uses, for a process that starts again; once is enough."""
        if self._path.exists():
            return
        part = self._path.with_name(f"{self._path.name}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            np.savez(file, data=reference.data, affine=reference.affine, mask=mask)
        part.replace(self._path)

    def close(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join()

    def _kept(self, first: Volume) -> Anchor | None:
        """Return what an earlier process of the run used, None where there was none."""
        try:
            with np.load(self._path, allow_pickle=False) as held:
                reference = Volume(held["data"], held["affine"], 0, first.tr_s)
                mask = held["mask"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, InputError) as error:
            return Anchor(first, trouble=f"the run's reference is lost ({error}); this volume is "
                          f"taken: {first.index}")  # fmt: skip
        if reference.data.shape != first.data.shape:
            return Anchor(first, trouble="the volumes have another shape than before the restart")
        return Anchor(reference, mask)

    def _work(self, first: Volume, picture: Picture) -> None:
        try:
            self._found = Anchor(lay_reference(first, picture, self._realign))
        except PhospheneError as error:
            self._found = Anchor(first, trouble=f"{error}; the first volume is taken instead")
        except Exception as error:  # handed to the node, which must not wait for ever
            what = f"reference: {type(error).__name__}: {error}"
            self._found = Anchor(first, trouble=f"{what}; the first volume is taken instead")
