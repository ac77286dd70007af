"""Which voxels are brain, and the mean of regions of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phosphene.bundle import mask_sha256
from phosphene.errors import InputError, check_all, problem

__all__ = ["brain_mask", "check_masks", "mask_sha256"]

Mask = npt.NDArray[np.bool_]
FloatVolume = npt.NDArray[np.float32]

_N_BINS = 256
_LEAST_VOXELS = 20


def brain_mask(data: FloatVolume) -> Mask:
    """Find the brain in one echo-planar volume.

    Otsu's threshold (1979, IEEE Trans. SMC 9:62-66) separates head from air; half the median of the
    head separates brain from fat-suppressed scalp; the largest piece that survives an erosion is
    kept and its holes are filled. Works on a single slice too.

    Parameters
    ----------
    data : array of float32 (X, Y, Z)
        Volume with its brain brighter than air.

    Returns
    -------
    array of bool (X, Y, Z)

    Raises
    ------
    InputError
        If nothing stands out.
    """
    if not data.max() > data.min():
        raise _nothing(0)
    flat = data.shape[2] < 3
    sigma = (0.7, 0.7, 0.0 if flat else 0.5)
    smooth = ndimage.gaussian_filter(data, sigma)
    level = otsu_threshold(smooth)
    head = smooth > level
    head = smooth > max(level, 0.5 * float(np.median(smooth[head])))
    structure = ndimage.generate_binary_structure(3, 1)
    if flat:
        structure[:, :, [0, 2]] = False
    core = ndimage.binary_erosion(head, structure)
    pieces, n_pieces = ndimage.label(core, structure)
    if n_pieces == 0:
        raise _nothing(0)
    sizes = np.bincount(pieces.ravel())[1:]
    brain = ndimage.binary_dilation(pieces == 1 + int(np.argmax(sizes)), structure) & head
    for k in range(data.shape[2]):
        brain[:, :, k] = ndimage.binary_fill_holes(brain[:, :, k])
    if brain.sum() < _LEAST_VOXELS:
        raise _nothing(int(brain.sum()))
    mask: Mask = brain
    return mask


def otsu_threshold(data: FloatVolume) -> float:
    """Threshold that separates two classes of intensity best."""
    top = float(np.percentile(data, 99.5))
    top = top if top > data.min() else float(data.max())
    counts, edges = np.histogram(data, bins=_N_BINS, range=(float(data.min()), top))
    middle = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[1 + int(np.nanargmax(between[:-1]))])


def _nothing(n_voxels: int) -> InputError:
    return InputError(
        problem("first volume", f"{n_voxels} voxels of brain", f"{_LEAST_VOXELS} or more",
                "Check the picture, or give a mask.")
    )  # fmt: skip


def check_masks(masks: Mapping[str, Mask], shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless every mask is boolean, of the shape, and not empty."""
    found = []
    for name, mask in masks.items():
        if mask.shape != shape or mask.dtype != np.bool_:
            got = f"{mask.shape} {mask.dtype}"
            found.append(problem(name, got, f"{shape} bool", "Resample it to the volumes' grid."))
        elif not mask.any():
            found.append(problem(name, "an empty mask", "1 or more voxels", "Check the threshold."))
    check_all(found, InputError, "masks")
