"""A small network with every operator that the shipped graphs have."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["NETWORK"]


def _nodes() -> list[Any]:
    n = helper.make_node
    return [
        n("Sin", ["t"], ["wave"]),
        n("Unsqueeze", ["wave", "one"], ["column"]),
        n("Gemm", ["column", "w_t"], ["told"], transB=1),
        n("Unsqueeze", ["told", "last_two"], ["told_4"]),
        n("Conv", ["x", "w_in", "b_in"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        n("Add", ["a", "told_4"], ["b"]),
        n("Shape", ["b"], ["shape"]),
        n("Reshape", ["b", "groups"], ["flat"]),
        n("InstanceNormalization", ["flat", "ones", "zeros"], ["normal"], epsilon=1e-5),
        n("Reshape", ["normal", "shape"], ["c"]),
        n("Sigmoid", ["c"], ["s"]),
        n("Mul", ["c", "s"], ["silu"]),
        n("Transpose", ["silu"], ["rows"], perm=[0, 2, 3, 1]),
        n("Reshape", ["rows", "tokens"], ["tok"]),
        n("LayerNormalization", ["tok", "ln_w", "ln_b"], ["ln"], axis=-1),
        n("Split", ["ln"], ["q", "k"], axis=2, num_outputs=2),
        n("Transpose", ["k"], ["k_t"], perm=[0, 2, 1]),
        n("MatMul", ["q", "k_t"], ["scores"]),
        n("Softmax", ["scores"], ["share"], axis=-1),
        n("MatMul", ["share", "ln"], ["mixed"]),
        n("Gelu", ["mixed"], ["bent"]),
        n("Gather", ["bent", "order"], ["taken"], axis=2),
        n("Slice", ["taken", "from", "to", "axis"], ["cut"]),
        n("Concat", ["cut", "cut"], ["twice"], axis=2),
        n("Transpose", ["twice"], ["back"], perm=[0, 2, 1]),
        n("Reshape", ["back", "square"], ["d"]),
        n("Resize", ["d", "", "scales"], ["wide"], mode="nearest", nearest_mode="floor",
          coordinate_transformation_mode="asymmetric"),
        n("DepthToSpace", ["wide"], ["e"], blocksize=2, mode="CRD"),
        n("Clip", ["e", "low", "high"], ["f"]),
        n("Transpose", ["f"], ["hwc"], perm=[0, 2, 3, 1]),
        n("Mul", ["hwc", "grey"], ["g"]),
        n("Floor", ["g"], ["whole"]),
        n("Cast", ["whole"], ["picture"], to=onnx.TensorProto.UINT8),
        n("Identity", ["e"], ["latent"]),
    ]  # fmt: skip


def _constants() -> list[Any]:
    rng = np.random.default_rng(0)

    def held(name: str, *shape: int) -> Any:
        values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)
        return numpy_helper.from_array(values.astype(np.float32), name)

    def ints(name: str, *values: int) -> Any:
        return numpy_helper.from_array(np.array(values, np.int64), name)

    return [
        held("w_t", 16, 1), held("w_in", 16, 4, 3, 3), held("b_in", 16), held("ln_w", 16),
        held("ln_b", 16), ints("one", 1), ints("last_two", 2, 3), ints("groups", 0, 4, -1),
        ints("tokens", 0, 64, 16), ints("order", *range(15, -1, -1)), ints("from", 4),
        ints("to", 2**63 - 1), ints("axis", 2), ints("square", 0, 24, 8, 8),
        *(numpy_helper.from_array(np.float32(v), k) for k, v in
          (("low", 0.0), ("high", 1.0), ("grey", 255.0))),
        numpy_helper.from_array(np.ones(4, np.float32), "ones"),
        numpy_helper.from_array(np.zeros(4, np.float32), "zeros"),
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
    ]  # fmt: skip


def network() -> bytes:
    """Return the graph, checked."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        _nodes(), "net", [value("x", 1, ["n", 4, 8, 8]), value("t", 1, ["n"])],
        [value("picture", 2, ["n", 32, 32, 6]), value("latent", 1, ["n", 6, 32, 32])],
        _constants(),
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


NETWORK = network()
