"""Structural similarity (Wang et al. 2004) in the two conventions of the field.

They differ by far more than methods do, so both are reported and named. Each equals
`skimage.metrics.structural_similarity` with the arguments told below; tests hold its values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, uniform_filter

from decoder.metrics.checks import need_pictures

__all__ = ["GAUSSIAN_SIDE_PX", "UNIFORM_SIDE_PX", "grey", "ssim", "ssim_grey"]

Array = npt.NDArray[Any]
UNIFORM_SIDE_PX = 7
GAUSSIAN_SIDE_PX = 11
_K1, _K2 = 0.01, 0.03
_SIGMA_PX, _TRUNCATE = 1.5, 3.5
_LUMA = np.array([0.2125, 0.7154, 0.0721])
"""Weights of red, green and blue in brightness (ITU-R BT.709)."""


def ssim(decoded: Array, true: Array) -> Array:
    """SSIM of colour pictures with a 7 x 7 uniform window (the convention of MinD-Video).

    ``structural_similarity(a, b, data_range=255, channel_axis=-1)``: unbiased covariances,
    K1 = 0.01, K2 = 0.03, mean over channels and all windows that lie wholly inside the picture.

    Parameters
    ----------
    decoded, true : array of uint8 (n, height, width, channels)
        At least 7 x 7.

    Returns
    -------
    array (n,)
    """
    need_pictures(decoded, true, UNIFORM_SIDE_PX)
    local = partial(uniform_filter, size=(UNIFORM_SIDE_PX, UNIFORM_SIDE_PX, 1))
    unbiased = UNIFORM_SIDE_PX**2 / (UNIFORM_SIDE_PX**2 - 1)
    return np.array(
        [
            _one(d.astype(np.float64), t.astype(np.float64), local, unbiased, 255.0, 3)
            for d, t in zip(decoded, true, strict=True)
        ]
    )


def ssim_grey(decoded: Array, true: Array) -> Array:
    """SSIM of grey pictures with a Gaussian window (the convention of Brain-Diffuser, MindEye).

    ``structural_similarity(rgb2gray(a), rgb2gray(b), gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1.0)``. At the pictures' own size; the publications
    scale theirs to 425 x 425 first, which gives larger values.

    Parameters
    ----------
    decoded, true : array of uint8 (n, height, width, 1 or 3)
        At least 11 x 11.

    Returns
    -------
    array (n,)
    """
    need_pictures(decoded, true, GAUSSIAN_SIDE_PX)
    local = partial(gaussian_filter, sigma=_SIGMA_PX, truncate=_TRUNCATE)
    rim = GAUSSIAN_SIDE_PX // 2
    return np.array(
        [_one(grey(d), grey(t), local, 1.0, 1.0, rim) for d, t in zip(decoded, true, strict=True)]
    )


def grey(picture: Array) -> Array:
    """Return the brightness (height, width), 0 to 1, of a picture uint8 (height, width, 1 or 3)."""
    scaled = picture.astype(np.float64) / 255
    return scaled[..., 0] if picture.shape[-1] == 1 else np.asarray(scaled @ _LUMA)


def _one(
    a: Array, b: Array, local: Callable[[Array], Array], unbiased: float, range_: float, rim: int
) -> float:
    """Mean of eq. 13 of Wang et al. (2004) over windows wholly inside."""
    mean_a, mean_b = local(a), local(b)
    var_a = unbiased * (local(a * a) - mean_a**2)
    var_b = unbiased * (local(b * b) - mean_b**2)
    cov = unbiased * (local(a * b) - mean_a * mean_b)
    c1, c2 = (_K1 * range_) ** 2, (_K2 * range_) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
    bottom = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return float((top / bottom)[rim:-rim, rim:-rim].mean())
