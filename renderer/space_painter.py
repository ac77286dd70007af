"""Paints z of a space that has no model, by the decoder that its bundle carries."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import onnx

from phosphene.bundle import SPACE_GRAPH
from phosphene.engine import Engine, OnnxEngine
from phosphene.errors import BundleError, ConfigError, check_all, problem
from renderer.asked import Array, Guides, Mode
from renderer.generator import OpenGraph

__all__ = ["SpacePainter"]

MOST_SIDE_PX = 2048


class SpacePainter:
    """Paints z of a space that has no generator, by the decoder that its bundle carries.

    Parameters
    ----------
    graph : bytes or None
        The bundle's `space.onnx`; None, where the space has no z: nothing can be painted.
    space : str
        Name of the space, for messages.
    threads : int
        Threads of ONNX Runtime, where no `open_graph` is given.
    z_shape : tuple of int, optional
        Shape of z that the bundle's manifest tells; the graph has to take it.
    open_graph : Callable, optional
        Opens the graph in another engine.

    Raises
    ------
    BundleError
        If the graph is not one from z to uint8 pictures of a bounded size, or uses operators that
        are not ONNX's own.
    """

    def __init__(
        self,
        graph: bytes | None,
        space: str,
        threads: int = 1,
        z_shape: tuple[int, ...] | None = None,
        open_graph: OpenGraph | None = None,
    ) -> None:
        opened: OpenGraph = open_graph or (lambda content: OnnxEngine(content, threads))
        self.space = space
        self._engine = None if graph is None else opened(graph)
        self.model = "none" if graph is None else hashlib.sha256(graph).hexdigest()[:16]
        self.modes: tuple[Mode, ...] = () if graph is None else ("z",)
        self.size_px = 64
        self.noise_shape: tuple[int, ...] = ()
        self.latent: Array | None = None
        if graph is not None and self._engine is not None:
            self.size_px = _side(graph, self._engine, z_shape)

    def render(
        self,
        z: Array | None,
        c: Array | None,
        noise: Array,
        steps: int = 1,
        mode: Mode = "z",
        strength: float = 1.0,
        guides: Guides = "zc",
        guidance: float = 1.0,
        start: Array | None = None,
        start_t: float = 1.0,
    ) -> npt.NDArray[np.uint8]:
        """Decode z; noise, steps, strength, guidance and start play no part.

        Raises
        ------
        ConfigError
            For c or zc, which need a generator.
        """
        if self._engine is None or z is None or mode != "z":
            can = "z" if self._engine is not None else "nothing"
            raise ConfigError(problem("mode", mode, f"{can} in space {self.space}", self.limits()))
        return self.decode(z)

    def decode(self, z: Array) -> npt.NDArray[np.uint8]:
        """Picture of a latent as it stands.

        Raises
        ------
        ConfigError
            If the space has no z.
        """
        if self._engine is None:
            raise ConfigError(problem("z", z.shape, "nothing", self.limits()))
        pictures: npt.NDArray[np.uint8] = self._engine.run({"z": z[None]})["pictures"]
        picture: npt.NDArray[np.uint8] = pictures[0]
        return picture

    def describe(self) -> str:
        """Say what computes the frames."""
        return "nothing" if self._engine is None else self._engine.describe()

    def limits(self) -> str:
        """Say which modes it cannot paint, and why."""
        if self._engine is None:
            return f"target space {self.space} has no z that can be painted, frames stay neutral"
        return (
            f"there is no generator for target space {self.space}: only z is painted, "
            "c alone stays neutral"
        )


def _side(graph: bytes, engine: Engine, z_shape: tuple[int, ...] | None) -> int:
    """Check a z decoder before anything runs; return the side of its pictures in pixels."""
    specs = {spec.name: spec for spec in (*engine.inputs, *engine.outputs)}
    z, pictures = specs.get("z"), specs.get("pictures")
    cure = "Fit the bundle anew."
    if set(specs) != {"z", "pictures"} or z is None or pictures is None:
        got = problem(SPACE_GRAPH, sorted(specs), "z to pictures", cure)
        raise BundleError(f"z decoder: {got}")
    found = []
    if len(z.shape) != 4 or z.dtype != np.float32 or z.shape[0] not in (None, 1):
        found.append(problem(SPACE_GRAPH, z, "z (any, C, H, W) float32", cure))
    elif z_shape is not None and z.shape[1:] != tuple(z_shape):
        found.append(problem(SPACE_GRAPH, z, f"z {tuple(z_shape)} of the manifest", cure))
    side = pictures.shape[1] if len(pictures.shape) == 4 else None
    square = side is not None and pictures.shape[1:] == (side, side, 3)
    if not square or pictures.dtype != np.uint8 or not 0 < (side or 0) <= MOST_SIDE_PX:
        allowed = f"square uint8 pictures of 3 channels, up to {MOST_SIDE_PX} pixels wide"
        found.append(problem(SPACE_GRAPH, pictures, allowed, cure))
    if strange := _strange_domains(graph):
        found.append(problem(SPACE_GRAPH, ", ".join(strange), "operators of ONNX only", cure))
    check_all(found, BundleError, "z decoder")
    return side or 0


def _strange_domains(graph: bytes) -> list[str]:
    """Return the sets of operators that a graph takes from elsewhere than ONNX or itself."""
    model = onnx.load_model_from_string(graph)
    used = {entry.domain for part in (model, *model.functions) for entry in part.opset_import}
    return sorted(used - {"", "ai.onnx"} - {function.domain for function in model.functions})
