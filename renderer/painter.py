"""What paints: the generator in its own space, a space's z decoder in any other."""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnx

from phosphene.bundle import SPACE_GRAPH, Bundle
from phosphene.engine import OnnxEngine
from phosphene.errors import BundleError, ConfigError, check_all, problem
from phosphene.session import RendererSettings
from phosphene.stimuli import C_DIM, Z_SHAPE
from phosphene.stimuli.encoder import space_hash
from renderer.generator import Generator, Guides, Mode, seeded_noise

__all__ = ["Mode", "Painter", "SpacePainter", "open_painter", "warm_up"]

Array = npt.NDArray[np.float32]
WARM_UP_FRAMES = 3
MOST_SIDE_PX = 2048


class Painter(Protocol):
    """What the studio needs of a generator.

    Attributes
    ----------
    modes : tuple of str
        What it can paint from: z, c, zc.
    size_px : int
        Side of its pictures.
    model : str
        Identity of its weights, for every frame's record.
    """

    @property
    def modes(self) -> tuple[Mode, ...]: ...  # noqa: D102

    @property
    def size_px(self) -> int: ...  # noqa: D102

    @property
    def model(self) -> str: ...  # noqa: D102

    def render(
        self,
        z: Array | None,
        c: Array | None,
        noise: Array,
        steps: int = 1,
        mode: Mode = "zc",
        strength: float = 1.0,
        guides: Guides = "zc",
        guidance: float = 1.0,
    ) -> npt.NDArray[np.uint8]:
        """Make one picture (height, width, 3) from a condition."""
        ...

    def limits(self) -> str:
        """Say which modes it cannot paint, and why."""
        ...


class SpacePainter:
    """Paints z of a space that has no generator, by the decoder that its bundle carries.

    Parameters
    ----------
    graph : bytes or None
        The bundle's `space.onnx`; None, where the space has no z: nothing can be painted.
    space : str
        Name of the space, for messages.
    threads : int
        Threads of ONNX Runtime.
    z_shape : tuple of int, optional
        Shape of z that the bundle's manifest tells; the graph has to take it.

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
    ) -> None:
        self.space = space
        self._engine = None if graph is None else OnnxEngine(graph, threads)
        self.model = "none" if graph is None else hashlib.sha256(graph).hexdigest()[:16]
        self.modes: tuple[Mode, ...] = () if graph is None else ("z",)
        self.size_px = 64
        self.noise_shape: tuple[int, ...] = ()
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
    ) -> npt.NDArray[np.uint8]:
        """Decode z; noise, steps, strength and guidance play no part.

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

    def limits(self) -> str:
        """Say which modes it cannot paint, and why."""
        if self._engine is None:
            return f"target space {self.space} has no z that can be painted, frames stay neutral"
        return (
            f"there is no generator for target space {self.space}: only z is painted, "
            "c alone stays neutral"
        )


def open_painter(bundle: Bundle | None, threads: int = 1) -> Generator | SpacePainter:
    """Open what paints the percepts of a bundle.

    Parameters
    ----------
    bundle : Bundle or None
        The person's decoder; None is the shipped world.
    threads : int
        Threads of ONNX Runtime.

    Raises
    ------
    BundleError
        If generator and encoder, or bundle and graph, do not belong together.
    """
    if bundle is None or bundle.manifest.target.sha256 == space_hash():
        return _own(Generator(threads=threads))
    target = bundle.manifest.target
    graph = bundle.payload.get(SPACE_GRAPH)
    painter = SpacePainter(graph, target.id, threads, target.z_shape)
    if graph is None and target.z_shape is not None and "z" in bundle.manifest.heads:
        cure = "Fit the bundle anew, or go on without pictures of z."
        raise BundleError(problem(SPACE_GRAPH, "missing", f"the z decoder of {target.id}", cure))
    return painter


def warm_up(painter: Painter, bundle: Bundle | None, settings: RendererSettings) -> None:
    """Paint a few pictures, so that the first frame of a run costs what all others do."""
    shape = None if bundle is None else bundle.manifest.target.z_shape
    z = np.zeros(shape or Z_SHAPE, np.float32)
    c, noise = np.zeros(C_DIM, np.float32), seeded_noise(settings.seed)
    for mode in painter.modes[:1] * WARM_UP_FRAMES:
        painter.render(z, c, noise, settings.steps, mode)


def _own(generator: Generator) -> Generator:
    if generator.space_hash != space_hash():
        raise BundleError(
            f"generator: drawn for target space {generator.space_hash[:12]}, this installation's "
            f"encoder is {space_hash()[:12]}; take both from one export"
        )
    return generator


def _side(graph: bytes, engine: OnnxEngine, z_shape: tuple[int, ...] | None) -> int:
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
