"""Pictures to low-level latents z of "world-64" by the shipped encoder; the decoder's file.

The encoder defines the space: two latents may only be compared, decoded or rendered together when
they come from the same encoder file. Its SHA-256 is therefore the hash of the space.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError, InputError, problem
from phosphene.stimuli.space import Z_SHAPE

ENCODER_NAME = "world_encoder.onnx"
DECODER_NAME = "world_decoder.onnx"
PICTURE_SHAPE = (64, 64, 3)


def encoder_bytes() -> bytes:
    """Read the encoder file as shipped.

    Raises
    ------
    InputError
        The file is missing from the installation.
    """
    return _shipped(ENCODER_NAME)


def decoder_bytes() -> bytes:
    """Read the decoder file as shipped: ONNX, `z` float32 (n, 4, 16, 16) to uint8 `pictures`.

    Raises
    ------
    InputError
        The file is missing from the installation.
    """
    return _shipped(DECODER_NAME)


def _shipped(name: str) -> bytes:
    try:
        return (files("phosphene") / "data" / name).read_bytes()
    except OSError as cause:
        raise InputError(
            f"{name} cannot be read: {cause}. Install the package again, or write "
            "the file with `python -m renderer.train export`."
        ) from cause


def space_hash() -> str:
    """Hash of the target space: SHA-256 of the encoder file, 64 hexadecimal digits."""
    return hashlib.sha256(encoder_bytes()).hexdigest()


class WorldEncoder:
    """The encoder, loaded into ONNX Runtime.

    Parameters
    ----------
    threads : int
        Threads for one picture or batch, 1 or more.
    """

    def __init__(self, threads: int = 1) -> None:
        content = encoder_bytes()
        self.space_hash = hashlib.sha256(content).hexdigest()
        self._engine = OnnxEngine(content, threads)

    def encode(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Latents of pictures.

        Parameters
        ----------
        pictures : uint8 array (64, 64, 3) or (n, 64, 64, 3)
            RGB pictures.

        Returns
        -------
        float32 array (4, 16, 16) or (n, 4, 16, 16)
            About zero mean and unit variance per channel over the world's scenes.
        """
        single = pictures.ndim == 3
        batch = pictures[None] if single else pictures
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != PICTURE_SHAPE:
            raise ConfigError(
                problem(
                    "pictures",
                    f"{pictures.dtype} {pictures.shape}",
                    "uint8 (64, 64, 3) or (n, 64, 64, 3)",
                    "Scale pictures to 64 pixels and 0 to 255 first.",
                )
            )
        if not len(batch):
            return np.empty((0, *Z_SHAPE), np.float32)
        z: npt.NDArray[np.float32] = self._engine.run({"pictures": batch})["z"]
        return z[0] if single else z
