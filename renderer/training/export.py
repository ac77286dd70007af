"""From trained networks to the ONNX files that the runtime loads, and their description."""

from __future__ import annotations

import hashlib
import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from phosphene.engine import OnnxEngine
from phosphene.stimuli.space import C_DIM
from renderer.training.autoencoder import Autoencoder, to_bytes, to_unit
from renderer.training.network import FlowMapNet

LOG = logging.getLogger(__name__)
OPSET = 20


class _EncodeBytes(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        z: Tensor = self.encoder(to_unit(pictures))
        return z


class _DecodeBytes(nn.Module):
    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor) -> Tensor:
        return to_bytes(self.decoder(z))


def sha256_of(file: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def export_autoencoder(model: Autoencoder, encoder_file: Path, decoder_file: Path) -> None:
    """Write `encoder_file` (uint8 pictures to z) and `decoder_file` (z to uint8 pictures)."""
    model.eval()
    pictures = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    _export(_EncodeBytes(model.encoder), {"pictures": pictures}, "z", encoder_file)
    _export(_DecodeBytes(model.decoder), {"z": torch.randn(2, 4, 16, 16)}, "pictures", decoder_file)


def export_generator(net: FlowMapNet, file: Path) -> None:
    """Write one evaluation of u as a graph; the loop over steps stays outside."""
    example = {
        "z_t": torch.randn(2, 4, 16, 16),
        "t": torch.tensor([1.0, 0.5]),
        "h": torch.tensor([1.0, 0.25]),
        "z_low": torch.randn(2, 4, 16, 16),
        "has_z": torch.tensor([1.0, 0.0]),
        "c": torch.randn(2, C_DIM),
        "has_c": torch.tensor([0.0, 1.0]),
    }
    _export(net.eval(), example, "u", file)


def halve_weights(model: onnx.ModelProto, smallest: int = 256) -> None:
    """Store large weights as float16, cast back to float32 when the file is loaded.

    Halves the file. ONNX Runtime folds the casts once, so computing stays float32.
    """
    graph = model.graph
    kept, casts = [], []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < smallest:
            kept.append(weight)
            continue
        short = f"{weight.name}_f16"
        kept.append(onnx.numpy_helper.from_array(values.astype(np.float16), short))
        casts.append(
            onnx.helper.make_node("Cast", [short], [weight.name], to=onnx.TensorProto.FLOAT)
        )
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)


def _export(module: nn.Module, example: dict[str, Tensor], output: str, file: Path) -> None:
    """Export with a free batch size and compare ONNX Runtime with torch before keeping the file."""
    batch = torch.export.Dim("batch", min=1, max=256)
    file.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            tuple(example.values()),
            input_names=list(example),
            output_names=[output],
            dynamic_shapes=tuple({0: batch} for _ in example),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError(f"{file.name}: the exporter gave no graph")
    model = program.model_proto
    for node in model.graph.node:  # traces of the exporting machine's files do not belong here
        node.doc_string = ""
        del node.metadata_props[:]
    if output == "u":
        halve_weights(model)
    onnx.save_model(model, file)
    engine = OnnxEngine(file.read_bytes())
    # one sample at a time, which also shows that the batch size stayed free
    got = np.concatenate(
        [engine.run({k: v[i : i + 1].numpy() for k, v in example.items()})[output] for i in (0, 1)]
    )
    with torch.no_grad():
        wanted = module(*example.values()).numpy()
    error = float(np.abs(got.astype(np.float64) - wanted).max())
    # one grey level where rounding falls apart; float16 storage moves u by about 0.001
    allowed = {"pictures": 1.0, "z": 1e-3, "u": 2e-2}[output]
    if error > allowed:
        raise RuntimeError(
            f"{file.name}: ONNX Runtime is {error} away from torch; allowed {allowed}"
        )
    LOG.info("%s: %.2f MB, largest error %.1e", file.name, file.stat().st_size / 1e6, error)
