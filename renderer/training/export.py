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
from phosphene.stimuli.space import C_DIM, Z_SHAPE
from renderer.training.autoencoder import Autoencoder, to_bytes, to_unit
from renderer.training.network import FlowMapNet

LOG = logging.getLogger(__name__)
OPSET = 20
GREY_LEVEL = 1.0
"""Pictures may differ by this where rounding falls apart."""


class _EncodeBytes(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        z: Tensor = self.encoder(to_unit(pictures))
        return z


class DecodeBytes(nn.Module):
    """Latents to uint8 pictures (n, height, width, 3)."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor) -> Tensor:
        """Decode and round."""
        return to_bytes(self.decoder(z))


def sha256_of(file: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def export_autoencoder(model: Autoencoder, encoder_file: Path, decoder_file: Path) -> None:
    """Write `encoder_file` (uint8 pictures to z) and `decoder_file` (z to uint8 pictures)."""
    model.eval()
    pictures = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    encode, decode = _EncodeBytes(model.encoder), DecodeBytes(model.decoder)
    export_graph(encode, {"pictures": pictures}, "z", encoder_file, allowed=1e-3)
    z = torch.randn(2, 4, 16, 16)
    export_graph(decode, {"z": z}, "pictures", decoder_file, allowed=GREY_LEVEL)


def export_generator(net: FlowMapNet, file: Path) -> None:
    """Write one evaluation of u as a graph; the loop over steps stays outside."""
    # float16 storage moves u by about 0.001
    example = flow_example((4, 16, 16))
    export_graph(net.eval(), example, "u", file, allowed=2e-2, halve=True)


def flow_example(latent: tuple[int, int, int]) -> dict[str, Tensor]:
    """Two samples of what a flow map takes, with latents of this shape."""
    return {
        "z_t": torch.randn(2, *latent),
        "t": torch.tensor([1.0, 0.5]),
        "h": torch.tensor([1.0, 0.25]),
        "z_low": torch.randn(2, *Z_SHAPE),
        "has_z": torch.tensor([1.0, 0.0]),
        "c": torch.randn(2, C_DIM),
        "has_c": torch.tensor([0.0, 1.0]),
    }


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


def export_graph(
    module: nn.Module,
    example: dict[str, Tensor],
    output: str,
    file: Path,
    allowed: float,
    halve: bool = False,
) -> float:
    """Export with a free batch size; keep the file only if ONNX Runtime computes what torch does.

    Parameters
    ----------
    module : torch.nn.Module
        What to export.
    example : dict
        Two samples of each input, by name.
    output : str
        Name of the output.
    file : pathlib.Path
        Where to.
    allowed : float
        Largest difference between ONNX Runtime and torch.
    halve : bool
        Store weights as float16.

    Returns
    -------
    float
        The largest difference found.

    Raises
    ------
    RuntimeError
        There is no graph, or it computes something else.
    """
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
    if halve:
        halve_weights(model)
    content = model.SerializeToString(deterministic=True)
    error = largest_error(module, content, example, output)
    if error > allowed:
        raise RuntimeError(
            f"{file.name}: ONNX Runtime is {error} away from torch; allowed {allowed}"
        )
    file.write_bytes(content)
    LOG.info("%s: %.2f MB, largest error %.1e", file.name, len(content) / 1e6, error)
    return error


@torch.no_grad()
def largest_error(
    module: nn.Module, content: bytes, example: dict[str, Tensor], output: str
) -> float:
    """Largest difference between a graph in ONNX Runtime and the module it was made from."""
    engine = OnnxEngine(content)
    # one sample at a time, which also shows that the batch size stayed free
    got = np.concatenate(
        [engine.run({k: v[i : i + 1].numpy() for k, v in example.items()})[output] for i in (0, 1)]
    )
    wanted = module(*example.values()).numpy()
    return float(np.abs(got.astype(np.float64) - wanted).max())
