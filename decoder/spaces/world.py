"""The shipped world's space "world-64": its autoencoder's z, its scenes' structured c."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decoder.spaces.base import Floats, Shape, Space
from decoder.spaces.pictures import Pictures, resize
from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError, check_all, problem
from phosphene.stimuli import C_DIM, CATEGORIES, SPACE_ID, Z_SHAPE, typical
from phosphene.stimuli.encoder import WorldEncoder, decoder_bytes

__all__ = ["WorldEmbedding", "WorldLatents", "world_space"]

BATCH = 64


class WorldLatents:
    """z of the world: the shipped encoder and decoder, by ONNX Runtime.

    Parameters
    ----------
    threads : int
        Threads of ONNX Runtime.
    """

    id = SPACE_ID
    size_px = 64

    def __init__(self, threads: int = 1) -> None:
        self._encoder = WorldEncoder(threads)
        self._graph = decoder_bytes()
        self._decoder = OnnxEngine(self._graph, threads)
        self.sha256 = self._encoder.space_hash

    @property
    def z_shape(self) -> Shape:
        """(4, 16, 16)."""
        return Z_SHAPE

    def encode_z(self, pictures: Pictures) -> Floats:
        """Latents (n, 4, 16, 16) of pictures (n, H, W, 3)."""
        square = resize(pictures, self.size_px)
        parts = [self._encoder.encode(square[k : k + BATCH]) for k in range(0, len(square), BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, *Z_SHAPE), np.float32)

    def decode_z(self, z: Floats) -> Pictures:
        """Pictures (n, 64, 64, 3) of latents (n, 4, 16, 16)."""
        parts = [
            self._decoder.run({"z": np.ascontiguousarray(z[k : k + BATCH])})["pictures"]
            for k in range(0, len(z), BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, 64, 64, 3), np.uint8)

    def graph(self) -> bytes:
        """Return the shipped decoder."""
        return self._graph


class WorldEmbedding:
    """c of the world: what a scene is, which only the scene itself or its category can say."""

    id = SPACE_ID
    c_dim = C_DIM

    def __init__(self, sha256: str) -> None:
        self.sha256 = sha256

    def encode_c(self, pictures: Pictures) -> Floats:
        """Refuse: c of the world is read from scenes, not from pictures."""
        raise ConfigError(
            problem(
                f"c of target space {SPACE_ID}",
                f"{len(pictures)} pictures",
                "scenes, clips or category names",
                "Give events with scenes, or a c that reads pictures: --space c=clip:FOLDER.",
            )
        )

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Embeddings (n, 17) of the typical pictures of categories, by their names."""
        cure = "Use one of these."
        names = ", ".join(CATEGORIES)
        found = [
            problem("text", t, names, cure) for t in dict.fromkeys(texts) if t not in CATEGORIES
        ]
        check_all(found, ConfigError, f"c of target space {SPACE_ID}")
        rows = [typical(text) for text in texts]
        return np.stack(rows) if rows else np.empty((0, C_DIM), np.float32)


def world_space(threads: int = 1) -> Space:
    """Open "world-64"; its hash is that of its encoder file."""
    low = WorldLatents(threads)
    return Space(SPACE_ID, low.sha256, low, WorldEmbedding(low.sha256))
