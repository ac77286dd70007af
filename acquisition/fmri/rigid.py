"""Rigid motion of the head: six numbers and the matrix they stand for.

Six numbers = translation in millimetres along right, anterior and superior, then rotation in
degrees about these axes through the centre of the reference volume. The matrix takes a point of the
head from where it was in the reference volume to where it is now.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["centre_of", "farthest_mm", "matrix_of", "params_of", "rotation"]

Matrix = npt.NDArray[np.float64]


def rotation(rx_deg: float, ry_deg: float, rz_deg: float) -> Matrix:
    """Rotation matrix Rx Ry Rz, angles in degrees."""
    (cx, cy, cz), (sx, sy, sz) = (f(np.radians([rx_deg, ry_deg, rz_deg])) for f in (np.cos, np.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turn: Matrix = about_x @ about_y @ about_z
    return turn


def centre_of(shape: Sequence[int], affine: Matrix) -> Matrix:
    """Position of the middle of a grid, in millimetres, (3,)."""
    middle = (np.asarray(shape, np.float64) - 1) / 2
    centre: Matrix = affine[:3, :3] @ middle + affine[:3, 3]
    return centre


def farthest_mm(shape: Sequence[int], one: Matrix, other: Matrix) -> float:
    """Largest distance, in millimetres, of a grid's voxels under two affines; a corner has it."""
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in shape), [1])).reshape(4, -1)
    return float(np.linalg.norm(((one - other) @ corners)[:3], axis=0).max())


def matrix_of(params: npt.ArrayLike, centre_mm: Matrix) -> Matrix:
    """Matrix (4, 4) of six motion numbers (mm, degrees) about a centre (mm)."""
    p = np.asarray(params, np.float64)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(p[3], p[4], p[5])
    matrix[:3, 3] = p[:3] + centre_mm - matrix[:3, :3] @ centre_mm
    return matrix


def params_of(matrix: Matrix, centre_mm: Matrix) -> Matrix:
    """Six motion numbers (mm, degrees) of a rigid matrix (4, 4); inverse of `matrix_of`."""
    r = matrix[:3, :3]
    ry = np.arcsin(np.clip(r[0, 2], -1.0, 1.0))
    rx = np.arctan2(-r[1, 2], r[2, 2])
    rz = np.arctan2(-r[0, 1], r[0, 0])
    shift = matrix[:3, 3] - centre_mm + r @ centre_mm
    return np.concatenate([shift, np.degrees([rx, ry, rz])])
