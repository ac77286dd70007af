"""A head as an echo-planar image shows it: scalp, dark skull, folded grey matter, ventricles.

Coordinates are millimetres from the middle of the head: right, anterior, superior.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["Anatomy", "build_anatomy", "grid_affine", "grid_mm"]

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_CENTRE_MM = (0.0, 0.0, -4.0)
_SCALP_MM = (79.0, 96.0, 64.0)
_SKULL_MM = (74.0, 91.0, 59.0)
_BRAIN_MM = (66.0, 83.0, 51.0)
_FLUID_LAYER_MM = 2.0
_BRIGHTNESS = {"grey": 900.0, "white": 720.0, "fluid": 1250.0, "scalp": 260.0, "skull": 30.0}
_DROPOUTS = (((0.0, 62.0, -32.0), 16.0, 0.75), ((52.0, 2.0, -38.0), 12.0, 0.5),
             ((-52.0, 2.0, -38.0), 12.0, 0.5))  # fmt: skip
"""Centre (mm), width (mm) and depth of signal loss above the sinuses and the ear canals."""


@dataclass(frozen=True)
class Anatomy:
    """Still image of a head and what its voxels are made of.

    Attributes
    ----------
    image : array of float32 (X, Y, Z)
        Intensity without noise.
    brain : array of bool (X, Y, Z)
        Brain including ventricles.
    grey : array of float32 (X, Y, Z)
        Fraction of grey matter, 0 to 1.
    """

    image: Field = field(repr=False)
    brain: Mask = field(repr=False)
    grey: Field = field(repr=False)


def grid_affine(
    shape: tuple[int, int, int], voxel_mm: tuple[float, float, float]
) -> npt.NDArray[np.float64]:
    """Affine (4, 4) of a grid whose middle is at 0 mm."""
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = -np.asarray(voxel_mm) * (np.asarray(shape) - 1) / 2
    return affine


def grid_mm(shape: tuple[int, int, int], voxel_mm: tuple[float, float, float]) -> Field:
    """Position of every voxel in millimetres, (3, X, Y, Z)."""
    steps = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, voxel_mm, strict=True)]
    return np.stack(np.meshgrid(*steps, indexing="ij")).astype(np.float32)


def build_anatomy(
    shape: tuple[int, int, int], voxel_mm: tuple[float, float, float], seed: int
) -> Anatomy:
    """Grow a head; the seed gives it its shape and its folds.

    Parameters
    ----------
    shape : tuple of int
        Matrix size.
    voxel_mm : tuple of float
        Edge lengths of a voxel in millimetres.
    seed : int
        Identity of the head.

    Returns
    -------
    Anatomy
    """
    rng = np.random.default_rng([seed, 1])
    at = grid_mm(shape, voxel_mm)
    bumps = 1.0 + 0.02 * _smooth_noise(rng, shape, 25.0, voxel_mm)
    depth = _depth_mm(at, _BRAIN_MM) + 40.0 * (bumps - 1.0)
    folds = _smooth_noise(rng, shape, 4.5, voxel_mm)
    inside = _soft(depth)
    grey = inside * _soft(5.0 + 9.0 * folds - depth)
    ventricles = inside * _ventricles(at)
    grey *= 1.0 - ventricles
    # fluid lies around the brain and in the cleft between the hemispheres
    layer = _soft(depth + _FLUID_LAYER_MM) - inside
    cleft = inside * _soft(1.5 - np.abs(at[0])) * _soft(20.0 - depth)
    fluid = np.clip(ventricles + 0.7 * layer + 0.7 * cleft, 0.0, 1.0)
    grey *= 1.0 - 0.7 * cleft
    white: Field = np.clip(inside - grey - ventricles - 0.7 * cleft, 0.0, 1.0)
    skull = _soft(_depth_mm(at, _SKULL_MM))
    scalp = _soft(_depth_mm(at, _SCALP_MM)) - skull
    image = (
        _BRIGHTNESS["grey"] * grey
        + _BRIGHTNESS["white"] * white
        + _BRIGHTNESS["fluid"] * fluid
        + _BRIGHTNESS["scalp"] * scalp
        + _BRIGHTNESS["skull"] * np.clip(skull - inside - layer, 0.0, 1.0)
    )
    image *= _sensitivity(at) * _dropout(at)
    # width of one voxel: the point spread of an echo-planar read-out
    image = ndimage.gaussian_filter(image.astype(np.float32), 0.45)
    return Anatomy(image, depth > 0, grey.astype(np.float32))


def _depth_mm(at: Field, semi_mm: tuple[float, float, float]) -> Field:
    """About how far a point lies inside an ellipsoid, in millimetres."""
    scaled = [(at[k] - _CENTRE_MM[k]) / semi_mm[k] for k in range(3)]
    radius = np.sqrt(sum(s**2 for s in scaled))
    depth: Field = (1.0 - radius) * np.float32(np.mean(semi_mm))
    return depth


def _soft(distance_mm: npt.NDArray[np.floating], width_mm: float = 1.2) -> Field:
    """Smooth step from 0 to 1 across a border: partial volume."""
    step: Field = 1.0 / (1.0 + np.exp(-np.clip(distance_mm / width_mm, -30, 30)))
    return step


def _ventricles(at: Field) -> Field:
    """Two lateral ventricles, bent outwards at the back."""
    x, y, z = at
    side = np.abs(x) - 9.0 - 0.004 * np.clip(-y, 0, None) ** 2
    radius = np.sqrt((side / 6.0) ** 2 + ((y + 4.0) / 34.0) ** 2 + ((z - 6.0) / 10.0) ** 2)
    return _soft((1.0 - radius) * 6.0)


def _sensitivity(at: Field) -> Field:
    """Receive coils see the surface better than the middle."""
    radius = np.sqrt(sum((at[k] / _SCALP_MM[k]) ** 2 for k in range(3)))
    gain: Field = 0.8 + 0.35 * np.clip(radius, 0, 1.2) ** 2
    return gain


def _dropout(at: Field) -> Field:
    kept: Field = np.ones_like(at[0])
    for centre, width, depth in _DROPOUTS:
        square = np.sum([(at[k] - centre[k]) ** 2 for k in range(3)], axis=0)
        kept *= (1.0 - depth * np.exp(-square / (2 * width**2))).astype(np.float32)
    return kept


def _smooth_noise(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    sigma_mm: float,
    voxel_mm: tuple[float, float, float],
) -> Field:
    """Random field of unit variance with the given smoothness."""
    sigma = [sigma_mm / mm for mm in voxel_mm]
    noise: Field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma)
    unit: Field = (noise - noise.mean()) / noise.std()
    return unit
