"""Whether a percept lies in the world that the models have seen; else there is no decode.

A network paints something of any numbers. What no scene of the world, however badly decoded, comes
near to is therefore not painted: a category that is undecided, attributes or code far from all that
occurs, a latent too strong or too rough. The bounds are quantiles over scenes of the training world
with the corruptions that the models were trained with (`renderer.training.bounds`); no recording of
a person had a part in them. Small numbers are in the world: decoders shrink what is unsure.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError
from phosphene.stimuli.encoder import space_hash
from phosphene.stimuli.space import C_DIM, Z_SHAPE, category_of

__all__ = [
    "BOUNDS",
    "LATENT_FEATURES",
    "Bounds",
    "Verdict",
    "certainty",
    "distance",
    "latent_features",
    "open_bounds",
]

Array = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
BOUNDS = Path(__file__).resolve().parent / "weights" / "in-world.json"
LATENT_FEATURES = ("strength", "roughness", "coarse strength", "peak", "rough against coarse")
"""What is bounded of z: root mean square, of neighbours' differences and of means of 4x4, largest
absolute value, and the ratio of the second and the third, which alone has a lower bound too."""
_COARSE = 4
_TINY = 0.02
"""A latent weaker than this throughout says nothing at all."""


class Verdict(NamedTuple):
    """Why z and c are not to be painted; "" where they may be."""

    z: str
    c: str

    def reason(self, mode: str) -> str:
        """Return why a picture in this mode is not to be painted, or ""."""
        return (self.z if "z" in mode else "") or (self.c if "c" in mode else "")


class Bounds(msgspec.Struct, frozen=True):
    """Limits of the world, as `renderer.training.bounds` writes them.

    Attributes
    ----------
    space : str
        SHA-256 of the encoder that the latents belong to.
    certainty : float
        Least probability of the likeliest category.
    centre, precision : arrays (17,), (17, 17)
        Mean and inverse covariance of embeddings.
    distance : float
        Largest squared Mahalanobis distance from there.
    most : tuple of float
        Upper bounds of `latent_features`.
    least_ratio : float
        Lower bound of the last of them.
    false_alarms : dict
        Share of held-out percepts of the world beyond each bound.
    """

    space: str
    certainty: float
    centre: list[float]
    precision: list[list[float]]
    distance: float
    most: tuple[float, ...]
    least_ratio: float
    false_alarms: dict[str, float] = {}

    def judge(self, z: Array | None, c: Array | None) -> Verdict:
        """Say why z (4, 16, 16) and c (17,) lie outside the world; what is missing does not."""
        return Verdict(
            "" if z is None or z.shape != Z_SHAPE else self._of_z(z),
            "" if c is None or c.shape != (C_DIM,) else self._of_c(c),
        )

    def _of_c(self, c: Array) -> str:
        if not np.isfinite(c).all():
            return "c has numbers that are not finite"
        if certainty(c[None])[0] < self.certainty:
            return "the category is undecided"
        far = distance(c[None], np.array(self.centre), np.array(self.precision))[0]
        return "c lies far outside the world of pictures" if far > self.distance else ""

    def _of_z(self, z: Array) -> str:
        if not np.isfinite(z).all():
            return "z has numbers that are not finite"
        found = latent_features(z[None])[0]
        if found[0] < _TINY:
            return "z says nothing"
        high = [name for name, f, m in zip(LATENT_FEATURES, found, self.most, strict=True) if f > m]
        if high or found[-1] < self.least_ratio:
            which = ", ".join(high) or LATENT_FEATURES[-1]
            return f"z lies far outside the world of pictures ({which})"
        return ""


def certainty(c: Array) -> Doubles:
    """Probability of the likeliest category of each embedding (n, 17)."""
    return np.array([float(category_of(row)[1].max()) for row in c])


def distance(c: Array, centre: Doubles, precision: Doubles) -> Doubles:
    """Squared Mahalanobis distance of each embedding (n, 17)."""
    away = c.astype(np.float64) - centre
    return np.asarray(np.einsum("ni,ij,nj->n", away, precision, away))


def latent_features(z: Array) -> Doubles:
    """Return what is bounded of latents (n, 4, 16, 16): (n, 5); see `LATENT_FEATURES`."""
    wide = z.astype(np.float64)
    n, channels, rows, columns = wide.shape
    across, down = np.diff(wide, axis=3), np.diff(wide, axis=2)
    rough = np.sqrt((_power(across) + _power(down)) / 2)
    blocks = wide.reshape(n, channels, rows // _COARSE, _COARSE, columns // _COARSE, _COARSE)
    coarse = np.sqrt(_power(blocks.mean(axis=(3, 5))))
    peak = np.abs(wide).max(axis=(1, 2, 3))
    return np.stack([np.sqrt(_power(wide)), rough, coarse, peak, rough / (coarse + 1e-6)], axis=1)


def open_bounds(target_sha256: str | None = None, file: Path = BOUNDS) -> Bounds | None:
    """Read the shipped bounds.

    Parameters
    ----------
    target_sha256 : str, optional
        Target space of the bundle; the bounds are for the world's, for others there are none.
    file : pathlib.Path
        Where they are.

    Raises
    ------
    InputError
        If the file is missing, broken or of another world than the installed one.
    """
    if target_sha256 is not None and target_sha256 != space_hash():
        return None
    cure = "Install the package again, or write it with `python -m renderer.training.bounds`."
    try:
        bounds = msgspec.json.decode(file.read_bytes(), type=Bounds)
    except (OSError, msgspec.MsgspecError) as cause:
        raise InputError(f"bounds {file} cannot be used: {cause}. {cure}") from cause
    sizes = (len(bounds.centre), len(bounds.precision), len(bounds.most))
    if bounds.space != space_hash() or sizes != (C_DIM, C_DIM, len(LATENT_FEATURES)):
        raise InputError(f"bounds {file} are of another world than the installed one. {cure}")
    return bounds


def _power(values: Doubles) -> Doubles:
    return np.asarray((values**2).mean(axis=(1, 2, 3)))
