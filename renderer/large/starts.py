"""z of any target space to the latent that denoising starts from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phosphene.bundle import SPACE_GRAPH, Bundle
from phosphene.engine import OnnxEngine
from phosphene.stimuli import Z_SHAPE
from phosphene.stimuli.encoder import decoder_bytes, space_hash
from renderer.large.coder import LatentCoder

__all__ = ["Starts", "open_starts"]

Array = npt.NDArray[np.float32]
SAME_GREY_LEVELS = 2.0
"""Two decoders that differ less on the same latent, on average, are one."""


class Starts:
    """Makes latents of z.

    A z that is the pipeline's own latent is taken as it is. Every other is decoded to a picture by
    the decoder that its bundle carries, which is brought to the pipeline's size and encoded by its
    autoencoder: no autoencoder has to know of another.

    Parameters
    ----------
    engine : OnnxEngine
        z to pictures.
    z_shape : tuple of int
        Channels, rows, columns of z.
    coder : LatentCoder
        The pipeline's.
    size_px : int
        The pipeline's.
    own : bool
        Whether z is the pipeline's latent.
    """

    def __init__(
        self,
        engine: OnnxEngine,
        z_shape: tuple[int, ...],
        coder: LatentCoder,
        size_px: int,
        own: bool,
    ) -> None:
        self._engine, self._coder, self._size_px = engine, coder, size_px
        self.z_shape, self.own = tuple(z_shape), own

    def latent(self, z: Array) -> Tensor:
        """Latent float32 (1, C, h, w) of z (channels, rows, columns)."""
        if self.own:
            return torch.from_numpy(np.ascontiguousarray(z))[None]
        picture = self._engine.run({"z": np.ascontiguousarray(z[None])})["pictures"][0]
        with torch.no_grad():
            return self._coder.encode(picture, self._size_px)


def open_starts(
    bundle: Bundle | None, coder: LatentCoder, shape: tuple[int, ...], size_px: int, threads: int
) -> Starts | None:
    """Open the way from a bundle's z to a pipeline's latents; None where there is no z.

    Parameters
    ----------
    bundle : Bundle or None
        None is the shipped world.
    coder : LatentCoder
        The pipeline's.
    shape : tuple of int
        Of the pipeline's latents.
    size_px : int
        Of its pictures.
    threads : int
        Of ONNX Runtime.
    """
    if bundle is None:
        return Starts(OnnxEngine(decoder_bytes(), threads), Z_SHAPE, coder, size_px, own=False)
    target = bundle.manifest.target
    if "z" not in bundle.manifest.heads or target.z_shape is None:
        return None
    world = target.sha256 == space_hash()
    graph = decoder_bytes() if world else bundle.payload.get(SPACE_GRAPH)
    if graph is None:
        return None
    engine = OnnxEngine(graph, threads)
    own = tuple(target.z_shape) == tuple(shape) and _same(engine, coder, shape)
    return Starts(engine, target.z_shape, coder, size_px, own)


def _same(engine: OnnxEngine, coder: LatentCoder, shape: tuple[int, ...]) -> bool:
    """Decode one latent with both: the same picture means the same autoencoder."""
    z = np.random.default_rng(0).standard_normal((1, *shape), dtype=np.float32)
    theirs = engine.run({"z": z})["pictures"].astype(np.float32)
    with torch.no_grad():
        ours = coder.decode(torch.from_numpy(z).to(coder.device)).cpu().numpy()
    return theirs.shape == ours.shape and bool(np.abs(theirs - ours).mean() < SAME_GREY_LEVELS)
