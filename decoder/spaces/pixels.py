"""The plainest z: the picture's own pixels, made small."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from decoder.spaces.base import Floats, Shape, name_of
from decoder.spaces.pictures import Pictures, resize
from phosphene.errors import ConfigError, problem

__all__ = ["Pixels"]

HALF = 127.5
LARGEST_PX = 256
OPSET, IR = 20, 10
GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in lightness (ITU-R BT.601)."""


class Pixels:
    """z = pixels / 127.5 - 1, channels first.

    Parameters
    ----------
    size_px : int
        Side in pixels, 1 to 256.
    grey : bool
        One channel of lightness (ITU-R BT.601) in place of red, green and blue.
    """

    def __init__(self, size_px: int, grey: bool = False) -> None:
        if not 1 <= size_px <= LARGEST_PX:
            allowed = f"1 to {LARGEST_PX}"
            raise ConfigError(problem("size of pixels", size_px, allowed, "Use pixels:28, say."))
        self.size_px, self._grey = size_px, grey
        self.id = f"pixels:{size_px}" + (":grey" if grey else "")
        self.sha256 = name_of(self.id, "z = pixels / 127.5 - 1")

    @property
    def z_shape(self) -> Shape:
        """Channels, rows, columns."""
        return (1 if self._grey else 3, self.size_px, self.size_px)

    def encode_z(self, pictures: Pictures) -> Floats:
        """Return the pixels of pictures (n, H, W, 3) as (n, channels, size, size), -1 to 1."""
        values = resize(pictures, self.size_px).astype(np.float32)
        if self._grey:
            values = (values @ GREY)[..., None]
        return np.ascontiguousarray((values / np.float32(HALF) - 1).transpose(0, 3, 1, 2))

    def decode_z(self, z: Floats) -> Pictures:
        """Pictures (n, size, size, 3); values outside -1 to 1 are clipped."""
        values = np.rint(np.clip(z * np.float32(HALF) + np.float32(HALF), 0, 255))
        pictures = values.astype(np.uint8).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(np.repeat(pictures, 3, axis=-1) if self._grey else pictures)

    def graph(self) -> bytes:
        """Return the same as ONNX."""
        n = self.size_px
        constants = {
            "half": np.float32(HALF),
            "low": np.float32(0),
            "high": np.float32(255),
            "tiles": np.array([1, 1, 1, 3 if self._grey else 1], np.int64),
        }
        nodes = [
            helper.make_node("Mul", ["z", "half"], ["scaled"]),
            helper.make_node("Add", ["scaled", "half"], ["moved"]),
            helper.make_node("Clip", ["moved", "low", "high"], ["held"]),
            helper.make_node("Round", ["held"], ["whole"]),
            helper.make_node("Transpose", ["whole"], ["last"], perm=[0, 2, 3, 1]),
            helper.make_node("Tile", ["last", "tiles"], ["colours"]),
            helper.make_node("Cast", ["colours"], ["pictures"], to=TensorProto.UINT8),
        ]
        graph = helper.make_graph(
            nodes,
            "pixels",
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", *self.z_shape])],
            [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["batch", n, n, 3])],
            [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
        )
        opset = [helper.make_opsetid("", OPSET)]
        content: bytes = helper.make_model(
            graph, opset_imports=opset, ir_version=IR, producer_name="phosphene"
        ).SerializeToString()
        return content
