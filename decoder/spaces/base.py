"""What a target space is: a part for z, a part for c, or both, with one identity.

z is what a picture looks like (a latent that can be decoded into a picture again), c what it is
about (an embedding that is compared or that conditions a generator). The identity, `sha256`,
covers the weights and how pictures are prepared: percepts of two spaces are never mixed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from decoder.spaces.pictures import Pictures
from phosphene.errors import ConfigError, problem

__all__ = ["CCoder", "Floats", "Space", "TargetSpace", "ZCoder", "join", "name_of"]

Floats = npt.NDArray[np.float32]
Shape = tuple[int, int, int]


class ZCoder(Protocol):
    """Pictures to low-level latents and back.

    Attributes
    ----------
    id, sha256 : str
        Name, and hash of weights and preprocessing.
    z_shape : tuple of int
        Channels, rows, columns.
    size_px : int
        Side of the square picture that it works on and gives back, in pixels.
    """

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102

    @property
    def z_shape(self) -> Shape: ...  # noqa: D102

    @property
    def size_px(self) -> int: ...  # noqa: D102

    def encode_z(self, pictures: Pictures) -> Floats:
        """Latents (n, *z_shape) of pictures (n, H, W, 3) of any size."""
        ...

    def decode_z(self, z: Floats) -> Pictures:
        """Pictures (n, size_px, size_px, 3) of latents (n, *z_shape)."""
        ...

    def graph(self) -> bytes | None:
        """Return ONNX: `z` float32 (batch, *z_shape) to `pictures` uint8; None if there is none."""
        ...


class CCoder(Protocol):
    """Pictures or words to semantic embeddings.

    Attributes
    ----------
    id, sha256 : str
        Name, and hash of weights and preprocessing.
    c_dim : int
        Length of an embedding.
    """

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102

    @property
    def c_dim(self) -> int: ...  # noqa: D102

    def encode_c(self, pictures: Pictures) -> Floats:
        """Embeddings (n, c_dim) of pictures (n, H, W, 3); ConfigError where it has none."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Embeddings (n, c_dim) of texts; ConfigError where it has none."""
        ...


@runtime_checkable
class TargetSpace(Protocol):
    """A whole target space; `z_shape` and `size_px` are None without z, `c_dim` 0 without c."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102

    @property
    def z_shape(self) -> Shape | None: ...  # noqa: D102

    @property
    def c_dim(self) -> int: ...  # noqa: D102

    @property
    def size_px(self) -> int | None: ...  # noqa: D102

    def encode_z(self, pictures: Pictures) -> Floats:
        """Latents (n, *z_shape) of pictures (n, H, W, 3) of any size."""
        ...

    def encode_c(self, pictures: Pictures) -> Floats:
        """Embeddings (n, c_dim) of pictures (n, H, W, 3) of any size."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Embeddings (n, c_dim) of texts or category names."""
        ...

    def decode_z(self, z: Floats) -> Pictures:
        """Pictures (n, size_px, size_px, 3) of latents (n, *z_shape)."""
        ...

    def graph(self) -> bytes | None:
        """Return ONNX: `z` float32 (batch, *z_shape) to `pictures` uint8; None without z."""
        ...


@dataclass(frozen=True)
class Space:
    """A target space made of a part for z and a part for c, of which one may be missing.

    Attributes
    ----------
    id, sha256 : str
        Of the whole.
    low : ZCoder or None
    high : CCoder or None
    """

    id: str
    sha256: str
    low: ZCoder | None = None
    high: CCoder | None = None

    @property
    def z_shape(self) -> Shape | None:
        """Channels, rows, columns of z."""
        return None if self.low is None else self.low.z_shape

    @property
    def size_px(self) -> int | None:
        """Side of its pictures in pixels."""
        return None if self.low is None else self.low.size_px

    @property
    def c_dim(self) -> int:
        """Length of c, 0 without c."""
        return 0 if self.high is None else self.high.c_dim

    def encode_z(self, pictures: Pictures) -> Floats:
        """Latents (n, *z_shape) of pictures (n, H, W, 3) of any size."""
        return self._low().encode_z(pictures)

    def encode_c(self, pictures: Pictures) -> Floats:
        """Embeddings (n, c_dim) of pictures (n, H, W, 3) of any size."""
        return self._high().encode_c(pictures)

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Embeddings (n, c_dim) of texts or category names."""
        return self._high().encode_text(texts)

    def decode_z(self, z: Floats) -> Pictures:
        """Pictures (n, size_px, size_px, 3) of latents (n, *z_shape)."""
        shape = self._low().z_shape
        if z.dtype != np.float32 or z.shape[1:] != shape:
            raise ConfigError(
                problem("z", f"{z.dtype} {z.shape}", f"float32 (n, {shape})", "Use its own z.")
            )
        return self._low().decode_z(z)

    def graph(self) -> bytes | None:
        """Return ONNX: `z` float32 (batch, *z_shape) to `pictures` uint8; None without z."""
        return None if self.low is None else self.low.graph()

    def _low(self) -> ZCoder:
        if self.low is None:
            raise ConfigError(_missing(self.id, "z", "taef2:FOLDER"))
        return self.low

    def _high(self) -> CCoder:
        if self.high is None:
            raise ConfigError(_missing(self.id, "c", "clip:FOLDER"))
        return self.high


def join(low: ZCoder | None, high: CCoder | None) -> Space:
    """Make one space of its parts.

    Its `sha256` is that of the only part, or the hash of both hashes.
    """
    if low is not None and high is not None:
        return Space(
            f"z={low.id},c={high.id}", name_of("z", low.sha256, "c", high.sha256), low, high
        )
    only = low or high
    if only is None:
        raise ConfigError(problem("space", "no part", "a part for z, for c or both", "Name one."))
    return Space(only.id, only.sha256, low, high)


def name_of(*parts: str | bytes) -> str:
    """Return the SHA-256 of parts, kept apart by their lengths, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def _missing(space: str, part: str, example: str) -> str:
    cure = f"Join one, as in --space z=...,c=...; {part}={example}, say."
    return problem(f"{part} of target space", space, f"a space that has {part}", cure)
