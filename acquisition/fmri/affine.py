"""Twelve-parameter registration of another head, such as an atlas template, to this run's.

First the outlines: both brain masks, blurred, are brought together by least squares from several
heights, because a scan seldom covers the whole head. Only the scan's own voxels are compared, so
that what the scan does not cover costs nothing. Then the insides, where the template has any:
normalised mutual information (Studholme et al. 1999, Pattern Recognition 32:71-86), which needs no
equal contrast. Twelve numbers cannot follow every fold: expect several millimetres at the
cortex.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy
from scipy import ndimage

from phosphene.errors import InputError, problem

__all__ = ["AffineFit", "register_affine"]

FloatVolume = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]

_FWHM_PER_SIGMA = 2.354820045
_BLUR_MM = 10.0
_N_POINTS = 12_000
_N_BINS = 32
_HEIGHTS_MM = (-30.0, -10.0, 10.0, 30.0)
_UP = np.eye(12)[2]
_LEAST_DICE = 0.7
_USUAL = np.r_[np.full(3, 60.0), np.full(3, 0.35), np.full(3, 0.2), np.full(3, 0.1)]
"""How far each parameter usually goes: mm, radian, logarithm of scale, shear."""
_WEIGHT = 0.02
_REFINED = _USUAL * np.repeat([0.03, 0.1, 0.15, 0.2], 3)


@dataclass(frozen=True)
class AffineFit:
    """How another head lies on this one.

    Attributes
    ----------
    matrix : array (4, 4)
        Millimetres of the run to millimetres of the template.
    dice : float
        Overlap of the two brain masks within the scan, 0 to 1.
    information : float
        Normalised mutual information, 1 (none) to 2; NaN where the template is a mask.
    """

    matrix: Matrix = field(repr=False)
    dice: float
    information: float


def register_affine(
    reference: FloatVolume,
    affine: Matrix,
    brain: Mask,
    template: FloatVolume,
    template_affine: Matrix,
    template_brain: Mask,
) -> AffineFit:
    """Lay a template on a run.

    Parameters
    ----------
    reference : array of float32 (X, Y, Z)
        The run's reference volume.
    affine : array (4, 4)
        Its voxels to millimetres.
    brain : array of bool (X, Y, Z)
        Its brain.
    template, template_affine, template_brain
        The same of the other head; a template of two values is taken for a mask.

    Returns
    -------
    AffineFit

    Raises
    ------
    InputError
        If the outlines do not come together.
    """
    points = _points(brain, affine)
    here = _Image(_blurred(brain, affine), affine)(points)
    there = _Image(_blurred(template_brain, template_affine), template_affine)
    centre = _centre(brain, affine)
    far = _centre(template_brain, template_affine) - centre
    starts = [np.r_[far, np.zeros(9)] + dz * _UP for dz in _HEIGHTS_MM]
    coarse = slice(None, None, 6)
    tried = [_outline(s, points[coarse], here[coarse], there, centre, most=8) for s in starts]
    best = min(tried, key=lambda fit: fit.cost).x
    p = _outline(best, points, here, there, centre, most=40).x
    information = float("nan")
    if len(np.unique(template[:: max(1, len(template) // 16)])) > 2:
        p, information = _inside(p, points, centre, _Image(reference, affine), template,
                                 template_affine)  # fmt: skip
    matrix = _matrix(p, centre)
    dice = _dice(here, there(_move(matrix, points)))
    if not dice >= _LEAST_DICE:
        raise InputError(
            problem("registration", f"brains that overlap by {dice:.2f}",
                    f"{_LEAST_DICE} or more (Dice)",
                    "Check that the template shows a brain without skull, or its mask.")
        )  # fmt: skip
    return AffineFit(matrix, dice, information)


class _Image:
    """Looks values up at points in millimetres, 0 outside."""

    def __init__(self, data: FloatVolume, affine: Matrix) -> None:
        self._data = data
        self._to_voxel: Matrix = np.linalg.inv(affine).astype(np.float64)

    def __call__(self, points: Matrix) -> FloatVolume:
        at = _move(self._to_voxel, points).T
        values: FloatVolume = ndimage.map_coordinates(
            self._data, at, order=1, output=np.float32, mode="constant", cval=0.0
        )
        return values


def _outline(
    start: Matrix, points: Matrix, here: FloatVolume, there: _Image, centre: Matrix, most: int
) -> scipy.optimize.OptimizeResult:
    """Least squares of two blurred masks, drawn towards a head of usual size and place."""
    weight = _WEIGHT * np.sqrt(len(points))

    def misfit(p: Matrix) -> Matrix:
        apart: Matrix = (there(_move(_matrix(p, centre), points)) - here).astype(np.float64)
        unusual: Matrix = weight * (p - np.r_[start[:3], np.zeros(9)]) / _USUAL
        return np.concatenate([apart, unusual])

    # As an attribute, scipy loads it when it is used: few runs register a template.
    return scipy.optimize.least_squares(
        misfit, start, diff_step=1e-3, x_scale=_USUAL, max_nfev=most
    )


def _inside(
    start: Matrix,
    points: Matrix,
    centre: Matrix,
    reference: _Image,
    template: FloatVolume,
    template_affine: Matrix,
) -> tuple[Matrix, float]:
    """Refine by normalised mutual information, near where the outlines agree."""
    ours = _binned(reference(points))
    there = _Image(ndimage.gaussian_filter(template, _sigma(template_affine, 4.0)), template_affine)
    top = float(np.percentile(template[template > 0], 99.5))

    def worth(q: Matrix) -> float:
        theirs = there(_move(_matrix(start + q * _REFINED, centre), points))
        bins = np.clip(theirs / top * (_N_BINS - 1), 0, _N_BINS - 1).astype(np.intp)
        return -_information(ours, bins) + 0.002 * float(q @ q)

    found = scipy.optimize.minimize(
        worth, np.zeros(12), method="Powell", options={"maxiter": 3, "xtol": 0.05, "ftol": 1e-4}
    )
    p: Matrix = start + found.x * _REFINED
    return p, -float(worth(found.x) - 0.002 * float(found.x @ found.x))


def _information(ours: npt.NDArray[np.intp], theirs: npt.NDArray[np.intp]) -> float:
    joint = np.bincount(ours * _N_BINS + theirs, minlength=_N_BINS**2) / len(ours)
    joint = joint.reshape(_N_BINS, _N_BINS)
    return (_entropy(joint.sum(0)) + _entropy(joint.sum(1))) / max(_entropy(joint.ravel()), 1e-12)


def _entropy(p: npt.NDArray[np.float64]) -> float:
    p = p[p > 0]
    return -float((p * np.log(p)).sum())


def _binned(values: FloatVolume) -> npt.NDArray[np.intp]:
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = (values - low) / max(high - low, 1e-6) * (_N_BINS - 1)
    bins: npt.NDArray[np.intp] = np.clip(scaled, 0, _N_BINS - 1).astype(np.intp)
    return bins


def _matrix(p: Matrix, centre: Matrix) -> Matrix:
    """Shift (mm), rotation vector (radian), logarithms of scale, shears; about a centre."""
    (rx, ry, rz), (a, b, c) = p[3:6], p[9:12]
    skew = np.array([[0, -rz, ry], [rz, 0, -rx], [-ry, rx, 0]])
    angle = float(np.sqrt(rx * rx + ry * ry + rz * rz))
    turn = np.eye(3)
    if angle > 1e-12:
        turn += np.sin(angle) / angle * skew + (1 - np.cos(angle)) / angle**2 * skew @ skew
    linear = turn @ np.diag(np.exp(p[6:9])) @ np.array([[1, a, b], [0, 1, c], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + p[:3] - linear @ centre
    return matrix


def _move(matrix: Matrix, points: Matrix) -> Matrix:
    moved: Matrix = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _points(brain: Mask, affine: Matrix) -> Matrix:
    """Every n-th voxel in and around the brain, in millimetres, (points, 3)."""
    reach = np.maximum(1, np.round(15 / np.linalg.norm(affine[:3, :3], axis=0))).astype(int)
    low = [max(0, int(w.min()) - r) for w, r in zip(np.nonzero(brain), reach, strict=True)]
    high = [int(w.max()) + r + 1 for w, r in zip(np.nonzero(brain), reach, strict=True)]
    axes = [np.arange(a, min(b, n)) for a, b, n in zip(low, high, brain.shape, strict=True)]
    voxels = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    # An odd step is not a multiple of a row, so that the points do not fall into planes.
    voxels = voxels[:: max(1, len(voxels) // _N_POINTS) | 1]
    return _move(affine, voxels.astype(np.float64))


def _centre(mask: Mask, affine: Matrix) -> Matrix:
    middle = np.array([float(w.mean()) for w in np.nonzero(mask)])
    centre: Matrix = affine[:3, :3] @ middle + affine[:3, 3]
    return centre


def _sigma(affine: Matrix, fwhm_mm: float) -> Matrix:
    sigma: Matrix = fwhm_mm / _FWHM_PER_SIGMA / np.linalg.norm(affine[:3, :3], axis=0)
    return sigma


def _blurred(mask: Mask, affine: Matrix) -> FloatVolume:
    # What the scan cuts off goes on outside of it: the border is repeated, not faded.
    blurred: FloatVolume = ndimage.gaussian_filter(
        mask.astype(np.float32), _sigma(affine, _BLUR_MM), mode="nearest"
    )
    return blurred


def _dice(here: FloatVolume, there: FloatVolume) -> float:
    a, b = here > 0.5, there > 0.5
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))
