"""A world-256 of a few hundred weights: the same files, inputs and outputs, drawn at random."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from phosphene.stimuli.encoder import space_hash

FLOAT = TensorProto.FLOAT
Weights = dict[str, np.ndarray]


def _model(nodes: list[onnx.NodeProto], shapes: list[dict[str, list[int]]], weights: Weights,
           kind: int = FLOAT) -> bytes:  # fmt: skip
    inputs = [helper.make_tensor_value_info(n, FLOAT, ["n", *s]) for n, s in shapes[0].items()]
    outputs = [helper.make_tensor_value_info(n, kind, ["n", *s]) for n, s in shapes[1].items()]
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def flow(seed: int = 0) -> bytes:
    """Give u = A z_t + up(B z_low has_z) + C tanh(c has_c) + 0.3 t - 0.2 h."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int, scale: float = 0.3) -> np.ndarray:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    node = helper.make_node
    nodes = [
        node("Cast", ["A16"], ["A"], to=FLOAT),
        node("Conv", ["z_t", "A"], ["own"]),
        node("Reshape", ["has_z", "plane"], ["has_z4"]),
        node("Mul", ["z_low", "has_z4"], ["given"]),
        node("Conv", ["given", "B"], ["wide"]),
        node("DepthToSpace", ["wide"], ["low"], blocksize=2),
        node("Reshape", ["has_c", "row"], ["has_c2"]),
        node("Mul", ["c", "has_c2"], ["told"]),
        node("Tanh", ["told"], ["bent"]),
        node("MatMul", ["bent", "C"], ["pull"]),
        node("Reshape", ["pull", "pixel"], ["pull4"]),
        node("Reshape", ["t", "plane"], ["t4"]),
        node("Reshape", ["h", "plane"], ["h4"]),
        node("Mul", ["t4", "0.3"], ["by_t"]),
        node("Mul", ["h4", "-0.2"], ["by_h"]),
        node("Sum", ["own", "low", "pull4", "by_t", "by_h"], ["u"]),
    ]
    weights = {
        "A16": draw(4, 4, 1, 1).astype(np.float16), "B": draw(16, 4, 1, 1), "C": draw(17, 4),
        "plane": np.array([-1, 1, 1, 1]), "row": np.array([-1, 1]),
        "pixel": np.array([-1, 4, 1, 1]),
        "0.3": np.array([0.3], np.float32), "-0.2": np.array([-0.2], np.float32),
    }  # fmt: skip
    inputs = {
        "z_t": [4, 32, 32], "t": [], "h": [], "z_low": [4, 16, 16], "has_z": [], "c": [17],
        "has_c": [],
    }  # fmt: skip
    return _model(nodes, [inputs, {"u": [4, 32, 32]}], weights)


def low(seed: int = 1) -> bytes:
    """Enlarge z_low twice, with a mixture of channels."""
    rng = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Conv", ["z_low", "W"], ["wide"]),
        helper.make_node("DepthToSpace", ["wide"], ["z"], blocksize=2),
    ]
    weights = {"W": (0.5 * rng.standard_normal((16, 4, 1, 1))).astype(np.float32)}
    return _model(nodes, [{"z_low": [4, 16, 16]}, {"z": [4, 32, 32]}], weights)


def decoder(seed: int = 2, cast_last: bool = True) -> bytes:
    """Enlarge z eight times to grey levels around 128."""
    rng = np.random.default_rng(seed)
    node = helper.make_node
    nodes = [
        node("Conv", ["z", "W"], ["wide"]),
        node("DepthToSpace", ["wide"], ["x"], blocksize=8),
        node("Mul", ["x", "scale"], ["scaled"]),
        node("Add", ["scaled", "middle"], ["grey"]),
        node("Clip", ["grey", "black", "white"], ["held"]),
    ]
    if cast_last:
        nodes += [
            node("Transpose", ["held"], ["pixels"], perm=[0, 2, 3, 1]),
            node("Cast", ["pixels"], ["pictures"], to=TensorProto.UINT8),
        ]
    else:
        nodes += [
            node("Cast", ["held"], ["bytes"], to=TensorProto.UINT8),
            node("Transpose", ["bytes"], ["pictures"], perm=[0, 2, 3, 1]),
        ]
    numbers = {"scale": 40.0, "middle": 128.0, "black": 0.0, "white": 255.0}
    weights = {name: np.array(value, np.float32) for name, value in numbers.items()}
    weights["W"] = (0.5 * rng.standard_normal((192, 4, 1, 1))).astype(np.float32)
    shapes = [{"z": [4, 32, 32]}, {"pictures": [256, 256, 3]}]
    return _model(nodes, shapes, weights, TensorProto.UINT8)


def write_world256(folder: Path, guidance: float = 1.0) -> Path:
    """Write the folder that `renderer.world256.World256` reads; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"flow.onnx": flow(), "low.onnx": low(), "decoder.onnx": decoder()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    described = {
        "space": {"id": "world-64", "sha256": space_hash()},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "guidance": guidance,
    }
    (folder / "model.json").write_text(json.dumps(described))
    return folder
