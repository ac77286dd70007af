"""The generator with its insides laid open: activations of each block, step by step.

Intermediate tensors of the shipped ONNX graph are declared outputs, in memory; the weights stay as
they are. A block ends with its last convolution and the sum that takes it in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError, InputError, problem
from phosphene.stimuli import C_DIM, Z_SHAPE
from renderer.generator import WEIGHTS, Generator

__all__ = ["TappedFlow", "blocks_of", "opened", "tapped_flow"]

Array = npt.NDArray[np.float32]
_NETWORK = "unet."
_PARTS = {"down_blocks": 2, "up_blocks": 2}
"""Names of weights that count their blocks: so many words name a block, one is enough else."""


def blocks_of(graph: Any) -> dict[str, str]:
    """Return the tensor that each block of a network ends with, in the order of the computation.

    Parameters
    ----------
    graph : onnx.GraphProto
        Its weights are called ``unet.BLOCK. ...``.

    Returns
    -------
    dict of str to str
        ``conv_in``, ``down_blocks.0``, ..., ``mid_block``, ``up_blocks.0``, ..., ``conv_out``.
    """
    last: dict[str, str] = {}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
        if node.op_type == "Conv":
            words = next((n for n in node.input if n.startswith(_NETWORK)), "").split(".")[1:]
            if words:
                block = ".".join(words[: _PARTS.get(words[0], 1)])
                last.pop(block, None)
                last[block] = node.output[0]
    return {block: _summed(name, readers) for block, name in last.items()}


def opened(content: bytes, layers: Sequence[str] | None = None) -> tuple[bytes, dict[str, str]]:
    """Declare the ends of blocks as outputs of a graph.

    Parameters
    ----------
    content : bytes
        ONNX.
    layers : sequence of str, optional
        Blocks to lay open; None takes all.

    Returns
    -------
    bytes
        The graph with more outputs.
    dict of str to str
        Output of each block.

    Raises
    ------
    ConfigError
        If there is no such block.
    """
    model = onnx.load_from_string(content)
    blocks = blocks_of(model.graph)
    wanted = list(blocks) if layers is None else list(layers)
    unknown = [name for name in wanted if name not in blocks]
    if unknown or not wanted:
        raise ConfigError(problem("layers", unknown, ", ".join(blocks), "Name some of these."))
    there = {output.name for output in model.graph.output}
    for name in wanted:
        if blocks[name] not in there:
            sizes = ["batch", None, None, None]
            model.graph.output.append(
                onnx.helper.make_tensor_value_info(blocks[name], onnx.TensorProto.FLOAT, sizes)
            )
    return model.SerializeToString(), {name: blocks[name] for name in wanted}


class TappedFlow:
    """Follows the flow from noise to data under the guidance of c, and tells what it passes.

    Parameters
    ----------
    content : bytes
        The generator's graph.
    layers : sequence of str, optional
        Blocks; None takes all.
    threads : int
        Threads of ONNX Runtime.
    """

    def __init__(
        self, content: bytes, layers: Sequence[str] | None = None, threads: int = 1
    ) -> None:
        graph, self._outputs = opened(content, layers)
        self._engine = OnnxEngine(graph, threads)

    @property
    def layers(self) -> tuple[str, ...]:
        """Blocks that are laid open."""
        return tuple(self._outputs)

    def follow(
        self, z: Array, c: Array, noise: Array, strength: float, steps: int
    ) -> tuple[Array, list[Mapping[str, Array]]]:
        """Noise z to `strength` and denoise it with c (Takagi & Nishimoto 2023).

        Parameters
        ----------
        z : float32 array (n, 4, 16, 16)
        c : float32 array (n, C_DIM)
        noise : float32 array (4, 16, 16)
            The same for all rows, so that rows differ by z and c alone.
        strength : float
            0 leaves z as it is, 1 starts from the noise.
        steps : int
            Equal jumps, 1 or more.

        Returns
        -------
        float32 array (n, 4, 16, 16)
            zc.
        list of mapping of str to array (n, channels, rows, columns)
            Activations of each block, step by step; empty for strength 0.
        """
        start, n = np.float32(strength), len(z)
        latent = (1 - start) * z + start * noise
        passed: list[Mapping[str, Array]] = []
        if strength == 0:
            return latent, passed
        feed = {
            "z_low": np.zeros((n, *Z_SHAPE), np.float32), "has_z": np.zeros(n, np.float32),
            "c": c, "has_c": np.ones(n, np.float32), "h": np.full(n, start / steps, np.float32),
        }  # fmt: skip
        for k in range(steps):
            t = np.full(n, start * np.float32(1.0 - k / steps), np.float32)
            found = self._engine.run({**feed, "z_t": latent, "t": t})
            passed.append({name: found[output] for name, output in self._outputs.items()})
            latent = latent - feed["h"][0] * found["u"]
        return latent, passed


def tapped_flow(
    layers: Sequence[str] | None = None, threads: int = 1, weights: Path = WEIGHTS
) -> TappedFlow:
    """Open the shipped generator.

    Raises
    ------
    InputError
        If a file is missing or is not the one that its description names.
    """
    known = Generator(weights, threads).description.files["generator.onnx"]
    content = (weights / "generator.onnx").read_bytes()
    if hashlib.sha256(content).hexdigest() != known:
        raise InputError(f"{weights}: generator.onnx has changed; install the package again")
    return TappedFlow(content, layers, threads)


def check_rows(z: Array, c: Array) -> None:
    """Refuse what is not z and c of the world.

    Raises
    ------
    InputError
    """
    if z.shape[1:] != Z_SHAPE or c.shape != (len(z), C_DIM):
        allowed = f"(n, {Z_SHAPE}) and (n, {C_DIM})"
        raise InputError(
            problem("z, c", f"{z.shape}, {c.shape}", allowed, "The generator knows world-64 only.")
        )
    if not (np.isfinite(z).all() and np.isfinite(c).all()):
        raise InputError(
            problem("z, c", "numbers that are not finite", "finite", "Leave rows out.")
        )


def _summed(name: str, readers: Mapping[str, Sequence[Any]]) -> str:
    """Follow a tensor into the sum that alone, or as a shortcut's other half, reads it."""
    following = readers.get(name, ())
    if len(following) == 1 and following[0].op_type == "Add":
        return str(following[0].output[0])
    return name
