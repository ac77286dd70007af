"""Puts masks that were made elsewhere onto the grid of this run's reference volume.

Elsewhere is another grid in the same scanner coordinates, another session of the same person
(rigid, between the two echo-planar pictures), or another head (`acquisition.fmri.affine`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from acquisition.fmri.affine import register_affine
from acquisition.fmri.mask import brain_mask
from acquisition.fmri.realign import Realigner
from acquisition.fmri.volume import Volume
from phosphene.errors import InputError, problem

__all__ = ["Picture", "Placed", "Placement", "place", "placement"]

FloatVolume = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]

_SAME_GRID_MM = 1e-3
_SUBVOXELS = (-0.25, 0.25)
_HALF = 0.5
_LEAST_LIKENESS = 0.6


@dataclass(frozen=True)
class Picture:
    """An image that masks were drawn on.

    Attributes
    ----------
    data : array of float32 (X, Y, Z)
        Intensities, or a mask of the brain.
    affine : array (4, 4)
        Voxel to millimetres.
    """

    data: FloatVolume = field(repr=False)
    affine: Matrix = field(repr=False)


@dataclass(frozen=True)
class Placement:
    """Where the masks' coordinates lie in the run.

    Attributes
    ----------
    matrix : array (4, 4)
        Millimetres of the run to millimetres of the masks.
    how : str
        What was done and how well it went, in words.
    """

    matrix: Matrix = field(repr=False)
    how: str


@dataclass(frozen=True)
class Placed:
    """One mask on the run's grid.

    Attributes
    ----------
    mask : array of bool (X, Y, Z)
        Its voxels.
    inside : float
        Part of it that lies within the volumes, 0 to 1.
    """

    mask: Mask = field(repr=False)
    inside: float


def placement(
    reference: Volume,
    picture: Picture | None,
    kind: Literal["rigid", "affine"],
    what: str = "rois_reference",
) -> Placement:
    """Find where masks lie.

    Parameters
    ----------
    reference : Volume
        The run's reference volume.
    picture : Picture or None
        What the masks were drawn on; None where they are in the run's own coordinates.
    kind : "rigid" or "affine"
        The same head, or another.
    what : str
        Name of the picture, for the error.

    Returns
    -------
    Placement

    Raises
    ------
    InputError
        If the picture cannot be laid on the reference.
    """
    if picture is None:
        return Placement(np.eye(4), "in the coordinates of the scan")
    if kind == "rigid":
        return _rigid(reference, picture, what)
    brain = brain_mask(reference.data)
    fit = register_affine(
        reference.data, reference.affine, brain, picture.data, picture.affine, _skull_free(picture)
    )
    return Placement(fit.matrix, f"another head, 12 parameters, brains overlap by {fit.dice:.2f}")


def _rigid(reference: Volume, picture: Picture, what: str) -> Placement:
    """Lay the same person's earlier picture on the reference."""
    start = np.eye(4)
    start[:3, 3] = _middle(picture.data, picture.affine) - _middle(reference.data, reference.affine)
    found = []
    for guess in (np.eye(4), start):
        # On the reference's grid, so that both are smoothed alike.
        seen = resampled(picture.data, picture.affine, guess, reference.data.shape,
                         reference.affine)  # fmt: skip
        realigner = Realigner(reference.data, reference.affine)
        motion = realigner.estimate(seen)
        matrix = guess @ motion.matrix
        laid = resampled(picture.data, picture.affine, matrix, reference.data.shape,
                         reference.affine)  # fmt: skip
        found.append((_likeness(reference.data, laid), matrix))
    likeness, matrix = max(found, key=lambda pair: pair[0])
    if not likeness >= _LEAST_LIKENESS:
        raise InputError(
            problem(what, f"a picture that correlates by {likeness:.2f} at best",
                    f"{_LEAST_LIKENESS} or more", "Give an echo-planar picture of this person; for "
                    "another head or contrast set registration to affine.")
        )  # fmt: skip
    return Placement(matrix, f"the same head, 6 parameters, pictures correlate by {likeness:.3f}")


def place(
    mask: Mask, mask_affine: Matrix, at: Placement, shape: tuple[int, ...], affine: Matrix
) -> Placed:
    """Resample a mask.

    A voxel belongs to it where half of its eight sub-voxels do, by trilinear interpolation.

    Parameters
    ----------
    mask : array of bool (I, J, K)
        On its own grid.
    mask_affine : array (4, 4)
        Its voxels to millimetres.
    at : Placement
        Where it lies.
    shape : tuple of int
        Voxels of the run's volumes.
    affine : array (4, 4)
        Their voxels to millimetres.

    Returns
    -------
    Placed
    """
    to_mask = np.linalg.inv(mask_affine) @ at.matrix @ affine
    if mask.shape == shape and np.abs(to_mask - np.eye(4)).max() < _SAME_GRID_MM:
        return Placed(mask.copy(), 1.0)
    back = np.linalg.inv(to_mask)
    voxels = np.argwhere(mask).astype(np.float64)
    lying = voxels @ back[:3, :3].T + back[:3, 3]
    inside = ((lying >= -_HALF) & (lying <= np.asarray(shape) - _HALF)).all(axis=1)
    share = np.zeros(shape, np.float32)
    soft = mask.astype(np.float32)
    for offset in np.stack(np.meshgrid(*[_SUBVOXELS] * 3), -1).reshape(-1, 3):
        # An axis of one voxel is sampled in its middle.
        offset = np.where(np.asarray(shape) == 1, 0.0, offset)
        share += ndimage.affine_transform(
            soft, to_mask[:3, :3], to_mask[:3, :3] @ offset + to_mask[:3, 3], shape,
            output=np.float32, order=1, mode="constant",
        )  # fmt: skip
    placed: Mask = share >= _HALF * 8
    return Placed(placed, float(inside.mean()) if len(inside) else 0.0)


def resampled(
    data: FloatVolume, affine: Matrix, matrix: Matrix, shape: tuple[int, ...], grid: Matrix
) -> FloatVolume:
    """Look an image up on a grid of the run, trilinear, 0 outside: (X, Y, Z) float32."""
    to_voxel = np.linalg.inv(affine) @ matrix @ grid
    made: FloatVolume = ndimage.affine_transform(
        data, to_voxel[:3, :3], to_voxel[:3, 3], shape, output=np.float32, order=1, mode="constant"
    )
    return made


def _likeness(one: FloatVolume, other: FloatVolume) -> float:
    """Correlation where both have signal."""
    both = (one > 0.2 * np.percentile(one, 98)) & (other > 0)
    if both.sum() < 100:
        return 0.0
    return float(np.corrcoef(one[both], other[both])[0, 1])


def _middle(data: FloatVolume, affine: Matrix) -> Matrix:
    """Centre of brightness in millimetres."""
    weight = np.clip(data - 0.2 * np.percentile(data, 98), 0.0, None)
    middle = np.array(ndimage.center_of_mass(weight))
    centre: Matrix = affine[:3, :3] @ middle + affine[:3, 3]
    return centre


def _skull_free(picture: Picture) -> Mask:
    """Brain of a template without skull, or of a mask: what is not dark."""
    bright = picture.data > 0.05 * np.percentile(picture.data, 99.9)
    filled: Mask = ndimage.binary_fill_holes(bright)
    return filled
