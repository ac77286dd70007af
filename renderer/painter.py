"""What paints: the generator in its own space, a space's z decoder in any other."""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
import numpy.typing as npt

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

    Raises
    ------
    BundleError
        If the graph is not one from z to pictures.
    """

    def __init__(self, graph: bytes | None, space: str, threads: int = 1) -> None:
        self.space = space
        self._engine = None if graph is None else OnnxEngine(graph, threads)
        self.model = "none" if graph is None else hashlib.sha256(graph).hexdigest()[:16]
        self.modes: tuple[Mode, ...] = () if graph is None else ("z",)
        self.size_px = 64
        self.noise_shape: tuple[int, ...] = ()
        if self._engine is not None:
            self.size_px = _side(self._engine)

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
    painter = SpacePainter(graph, target.id, threads)
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


def _side(engine: OnnxEngine) -> int:
    """Check names and shapes of a z decoder; return the side of its pictures in pixels."""
    shapes = {spec.name: spec.shape for spec in (*engine.inputs, *engine.outputs)}
    z, pictures = shapes.get("z"), shapes.get("pictures")
    if set(shapes) != {"z", "pictures"} or z is None or len(z) != 4 or pictures is None:
        found = [problem(SPACE_GRAPH, sorted(shapes), "z to pictures", "Fit the bundle anew.")]
    elif len(pictures) != 4 or pictures[1] is None or pictures[1] != pictures[2]:
        found = [problem(SPACE_GRAPH, pictures, "fixed square pictures", "Fit the bundle anew.")]
    else:
        return pictures[1]
    check_all(found, BundleError, "z decoder")
    raise AssertionError
