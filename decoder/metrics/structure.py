"""Structural similarity (Wang et al. 2004) in the two conventions of the field.

They differ by far more than methods do, so both are reported and named. Each equals
`skimage.metrics.structural_similarity` with the arguments told below; tests hold its values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, uniform_filter

from decoder.metrics.checks import need_pictures

__all__ = ["GAUSSIAN_SIDE_PX", "UNIFORM_SIDE_PX", "grey", "paired", "ssim", "ssim_grey"]

Array = npt.NDArray[Any]
UNIFORM_SIDE_PX = 7
GAUSSIAN_SIDE_PX = 11
_K1, _K2 = 0.01, 0.03
_SIGMA_PX, _TRUNCATE = 1.5, 3.5
_MOST_BYTES = 1 << 29
_LUMA = np.array([0.2125, 0.7154, 0.0721])
"""Weights of red, green and blue in brightness (ITU-R BT.709)."""


@dataclass(frozen=True)
class _Convention:
    """One way to compute it: what is compared, in which windows, on which scale."""

    picture: Callable[[Array], Array]
    local: Callable[[Array], Array]
    unbiased: float
    range_: float
    side_px: int


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
    return _each(_COLOUR, decoded, true)


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
    return _each(_GREY, decoded, true)


def paired(
    decoded: Array, true: Array, convention: Literal["colour", "grey"]
) -> Callable[[Array], Array]:
    """Return the same figure as a function of which truth each row is compared with.

    For controls, which compare the same pictures many times: what depends on one picture alone is
    computed once, as long as it fits into some memory.

    Parameters
    ----------
    decoded, true : array of uint8 (n, height, width, channels)
    convention : str
        "colour" (`ssim`) or "grey" (`ssim_grey`).

    Returns
    -------
    Callable
        Row of each one's truth (n,) to values (n,), exactly those of `ssim` or `ssim_grey`.
    """
    own = _COLOUR if convention == "colour" else _GREY
    need_pictures(decoded, true, own.side_px)
    if 6 * 8 * decoded.size > _MOST_BYTES:
        return lambda truths: _each(own, decoded, true[truths])
    a = [_Moments.of(own, picture) for picture in decoded]
    b = [_Moments.of(own, picture) for picture in true]
    return lambda truths: np.array(
        [_likeness(own, x, b[k]) for x, k in zip(a, truths, strict=True)]
    )


def grey(picture: Array) -> Array:
    """Return the brightness (height, width), 0 to 1, of a picture uint8 (height, width, 1 or 3)."""
    scaled = picture.astype(np.float64) / 255
    return scaled[..., 0] if picture.shape[-1] == 1 else np.asarray(scaled @ _LUMA)


def _doubles(picture: Array) -> Array:
    return picture.astype(np.float64)


_COLOUR = _Convention(
    _doubles,
    partial(uniform_filter, size=(UNIFORM_SIDE_PX, UNIFORM_SIDE_PX, 1)),
    UNIFORM_SIDE_PX**2 / (UNIFORM_SIDE_PX**2 - 1),
    255.0,
    UNIFORM_SIDE_PX,
)
_GREY = _Convention(
    grey, partial(gaussian_filter, sigma=_SIGMA_PX, truncate=_TRUNCATE), 1.0, 1.0, GAUSSIAN_SIDE_PX
)


@dataclass(frozen=True)
class _Moments:
    """A picture with its local mean and variance."""

    x: Array
    mean: Array
    variance: Array

    @classmethod
    def of(cls, own: _Convention, picture: Array) -> _Moments:
        x = own.picture(picture)
        mean = own.local(x)
        return cls(x, mean, own.unbiased * (own.local(x * x) - mean**2))


def _each(own: _Convention, decoded: Array, true: Array) -> Array:
    need_pictures(decoded, true, own.side_px)
    pairs = zip(decoded, true, strict=True)
    return np.array([_likeness(own, _Moments.of(own, d), _Moments.of(own, t)) for d, t in pairs])


def _likeness(own: _Convention, a: _Moments, b: _Moments) -> float:
    """Mean of eq. 13 of Wang et al. (2004) over windows wholly inside."""
    covariance = own.unbiased * (own.local(a.x * b.x) - a.mean * b.mean)
    c1, c2 = (_K1 * own.range_) ** 2, (_K2 * own.range_) ** 2
    top = (2 * a.mean * b.mean + c1) * (2 * covariance + c2)
    bottom = (a.mean**2 + b.mean**2 + c1) * (a.variance + b.variance + c2)
    rim = own.side_px // 2
    return float((top / bottom)[rim:-rim, rim:-rim].mean())
