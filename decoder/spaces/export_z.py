"""A z decoder in torch to ONNX, so that bundle and renderer can paint z without torch."""

from __future__ import annotations

import io
import logging
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from decoder.spaces.base import Shape
from phosphene.engine import OnnxEngine
from phosphene.errors import InputError, problem

__all__ = ["LARGEST_ERROR", "store_half", "z_graph"]

LARGEST_ERROR = 1e-4
"""Between ONNX Runtime and torch before pixels are rounded, for values of 0 to 1."""
OPSET = 20
SMALLEST_HALF = 256


def z_graph(unit: nn.Module, z_shape: Shape, size_px: int) -> bytes:
    """Export a decoder.

    Parameters
    ----------
    unit : torch.nn.Module
        z (n, *z_shape) to values of 0 to 1, (n, size_px, size_px, 3).
    z_shape : tuple of int
        Channels, rows, columns.
    size_px : int
        Side of the pictures.

    Returns
    -------
    bytes
        ONNX with a free batch size: `z` float32 to `pictures` uint8.

    Raises
    ------
    InputError
        If ONNX Runtime and torch differ by more than `LARGEST_ERROR`.
    """
    z = torch.randn((2, *z_shape), generator=torch.Generator().manual_seed(0))
    model = _exported(unit, z)
    store_half(model)
    engine = OnnxEngine(model.SerializeToString())
    # One sample at a time, which also shows that the batch size stayed free.
    got = np.concatenate([engine.run({"z": z[i : i + 1].numpy()})["values"] for i in (0, 1)])
    with torch.no_grad():
        wanted = unit(z).numpy()
    error = float(np.abs(got - wanted).max())
    if got.shape != (2, size_px, size_px, 3) or not error <= LARGEST_ERROR:
        allowed = f"within {LARGEST_ERROR} of torch, shape {wanted.shape}"
        cure = "This autoencoder cannot be painted live; report it."
        raise InputError(problem("exported z decoder", f"{error}, {got.shape}", allowed, cure))
    _round_to_bytes(model, size_px)
    content: bytes = model.SerializeToString()
    return content


def store_half(model: onnx.ModelProto) -> None:
    """Store weights that float16 holds exactly as such, cast back to float32 on loading.

    Published tiny autoencoders are float16; this halves the file and changes no number.
    """
    graph = model.graph
    kept, casts = [], []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        exact = values.dtype == np.float32 and values.size >= SMALLEST_HALF
        with np.errstate(over="ignore"):
            short = values.astype(np.float16) if exact else values
        if not exact or not np.array_equal(short.astype(np.float32), values):
            kept.append(weight)
            continue
        name = f"{weight.name}_f16"
        kept.append(numpy_helper.from_array(short, name))
        casts.append(helper.make_node("Cast", [name], [weight.name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(casts + nodes)


def _exported(unit: nn.Module, z: torch.Tensor) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1, max=1024)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            unit,
            (z,),
            input_names=["z"],
            output_names=["values"],
            dynamic_shapes=({0: batch},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise InputError(problem("z decoder", "no graph", "one that torch can export", "Report."))
    buffer = io.BytesIO()
    onnx.save_model(program.model_proto, buffer)
    model = onnx.load_model_from_string(buffer.getvalue())
    for node in model.graph.node:  # traces of the exporting machine's files do not belong here
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    return model


def _round_to_bytes(model: onnx.ModelProto, size_px: int) -> None:
    """Append: values of 0 to 1 to whole numbers of 0 to 255."""
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array(255, np.float32), "pixel_top"))
    graph.node.extend(
        [
            helper.make_node("Mul", ["values", "pixel_top"], ["pixel_values"]),
            helper.make_node("Round", ["pixel_values"], ["whole_pixels"]),
            helper.make_node("Cast", ["whole_pixels"], ["pictures"], to=TensorProto.UINT8),
        ]
    )
    del graph.output[:]
    shape: list[str | int | None] = ["batch", size_px, size_px, 3]
    graph.output.append(helper.make_tensor_value_info("pictures", TensorProto.UINT8, shape))
