"""World-256: the same percepts painted at 256x256, each frame by one call of one graph.

For each number of steps and kind of start there is a graph of its own (`renderer.graph`), put
together and compiled when it is first wanted. `prepare` does that ahead of time, in a thread if
need be, so that a change of steps never holds up a frame.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phosphene.engine import Engine, OnnxEngine
from phosphene.errors import ConfigError, check_all
from phosphene.session import RendererSettings
from phosphene.stimuli.space import C_DIM, Z_SHAPE
from renderer.asked import MODES, Array, Asked, Guides, Mode, Way, shape_problem, way_to
from renderer.generator import OpenGraph, follow
from renderer.graph import MOST_STEPS, StartKind, compose
from renderer.model_files import ModelFiles

__all__ = ["WEIGHTS_256", "Variant", "World256", "variants"]

WEIGHTS_256 = Path(__file__).resolve().parent / "weights" / "world-256"
HELD = 6
"""Graphs kept compiled, those used last; each holds the weights once."""
WARM_UP_FRAMES = 2


class Variant(NamedTuple):
    """One graph: kind of start, number of steps (1 for ``plain``), guided or not."""

    start: StartKind
    steps: int
    guided: bool = False


def variants(settings: RendererSettings, folded: float = 1.0) -> tuple[Variant, ...]:
    """Return the graphs that frames under these settings may need, the likeliest first.

    A percept may lack z or c, so that more than one kind can be called for.
    """
    found = []
    if settings.mode == "zc" and settings.strength < 1:
        plain = settings.strength == 0
        found.append(Variant("plain", 1) if plain else Variant("low", settings.steps))
    guided = "c" in settings.mode and settings.steps > 1 and settings.guidance > folded
    if settings.mode == "c":
        return (Variant("given", settings.steps, guided),)
    found.append(Variant("given", settings.steps))
    if guided:
        found.append(Variant("given", settings.steps, guided=True))
    return tuple(found)


class World256:
    """Paints the percepts of "world-64" as pictures of 256x256 pixels.

    Parameters
    ----------
    weights : pathlib.Path
        Folder with flow.onnx, decoder.onnx, low.onnx and model.json.
    threads : int
        Threads of ONNX Runtime, where no `open_graph` is given.
    open_graph : Callable, optional
        Opens a graph in another engine.

    Attributes
    ----------
    modes, size_px, model, noise_shape, latent
        See `renderer.painter.Painter`.

    Raises
    ------
    InputError
        A file is missing or is not the one that model.json describes.
    """

    modes: tuple[Mode, ...] = MODES
    size_px = 256
    noise_shape: tuple[int, ...] = (4, 32, 32)

    def __init__(
        self, weights: Path = WEIGHTS_256, threads: int = 1, open_graph: OpenGraph | None = None
    ) -> None:
        self._open: OpenGraph = open_graph or (lambda graph: OnnxEngine(graph, threads))
        files = ModelFiles(weights)
        self.description = files.description
        self.space_id = self.description.space.id
        self.space_hash = self.description.space.sha256
        self.model = files.identity("flow.onnx")
        self.latent: Array | None = None
        self._parts = {name: files.content(f"{name}.onnx") for name in ("flow", "decoder", "low")}
        self._engines: OrderedDict[Variant, Engine] = OrderedDict()
        self._single: dict[str, Engine] = {}
        self._compiling, self._table = threading.Lock(), threading.Lock()

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
        start: Array | None = None,
        start_t: float = 1.0,
    ) -> npt.NDArray[np.uint8]:
        """Make one picture; arguments and errors are those of `Generator.render`.

        The network leads as far as guidance `description.guidance` in one evaluation already: up to
        there `guidance` changes nothing and costs nothing, above it every step costs two. More than
        8 steps are computed one by one, to compare with; they are not for live frames.

        Returns
        -------
        uint8 array (256, 256, 3)
            RGB picture.
        """
        asked = Asked(z, c, noise, steps, mode, strength, guides, guidance, start, start_t)
        way = way_to(asked, self.noise_shape, "World256.render")
        scale = max(1.0, way.guidance / self.description.guidance)
        if steps > MOST_STEPS and way.kind != "plain":
            return self._long(way, noise, steps, scale)
        guided = way.kind == "given" and scale > 1
        key = Variant(way.kind, 1 if way.kind == "plain" else steps, guided)
        engine = self._compiled(key)
        feed = self._feed(way, noise, scale)
        made = engine.run({spec.name: feed[spec.name] for spec in engine.inputs})
        self.latent = made["latent"][0]
        picture: npt.NDArray[np.uint8] = made["picture"][0]
        return picture

    def decode(self, z: Array) -> npt.NDArray[np.uint8]:
        """Picture of a latent of "world-64" as it stands, without the network."""
        check_all(shape_problem("z", z, Z_SHAPE), ConfigError, "World256.decode")
        picture: npt.NDArray[np.uint8] = self._compiled(Variant("plain", 1)).run(
            {"z_low": z[None]}
        )["picture"][0]
        return picture

    def reset(self) -> None:
        """Forget the last picture."""
        self.latent = None

    def limits(self) -> str:
        """Say which modes it cannot paint: it has all."""
        return "every mode is painted"

    def ready(self, settings: RendererSettings) -> bool:
        """Tell whether frames under these settings can be painted without compiling first."""
        return all(key in self._engines for key in variants(settings, self.description.guidance))

    def prepare(self, settings: RendererSettings) -> None:
        """Compile what frames under these settings need, and run it; may be called in a thread.

        What is compiled already is left alone: frames may be computed with it at this moment.
        """
        for key in variants(settings, self.description.guidance):
            self._compiled(key, warm=True)

    def graph(self, key: Variant) -> bytes:
        """Return the ONNX graph of a variant, such as `phosphene build-engine` takes."""
        return compose(**self._parts, steps=key.steps, start=key.start, guided=key.guided)

    def describe(self) -> str:
        """Say what computes the frames."""
        with self._table:  # another thread may be adding a graph
            engine = next(iter(self._engines.values()), None)
        return "not loaded" if engine is None else engine.describe()

    def _compiled(self, key: Variant, *, warm: bool = False) -> Engine:
        engine = self._known(key)
        if engine is None:
            with self._compiling:  # one at a time; what is there goes on meanwhile
                engine = self._known(key)
                if engine is None:
                    engine = self._open(self.graph(key))
                    if warm:
                        self._warm(engine)
                    with self._table:
                        self._engines[key] = engine
                        if len(self._engines) > HELD:
                            self._engines.popitem(last=False)
        return engine

    def _known(self, key: Variant) -> Engine | None:
        with self._table:
            engine = self._engines.get(key)
            if engine is not None:
                self._engines.move_to_end(key)
            return engine

    def _warm(self, engine: Engine) -> None:
        """Run an engine before anybody else can: some of them serve one caller at a time."""
        one = np.zeros(1, np.float32)
        z, c = np.zeros((1, *Z_SHAPE), np.float32), np.zeros((1, C_DIM), np.float32)
        latent = np.zeros((1, *self.noise_shape), np.float32)
        feed = {
            "z_low": z, "c": c, "noise": latent, "start": latent, "has_z": one, "has_c": one,
            "start_t": one + 1, "guidance": one + 1,
        }  # fmt: skip
        for _ in range(WARM_UP_FRAMES):
            engine.run({spec.name: feed[spec.name] for spec in engine.inputs})

    def _feed(self, way: Way, noise: Array, guidance: float) -> dict[str, Array]:
        start = np.zeros(self.noise_shape, np.float32) if way.start is None else way.start
        return {
            "z_low": np.zeros((1, *Z_SHAPE), np.float32) if way.z is None else way.z[None],
            "has_z": np.full(1, way.told_z, np.float32),
            "c": np.zeros((1, C_DIM), np.float32) if way.c is None else way.c[None],
            "has_c": np.full(1, way.told_c, np.float32),
            "noise": noise[None],
            "start": start[None],
            "start_t": np.full(1, way.start_t, np.float32),
            "guidance": np.full(1, guidance, np.float32),
        }

    def _long(self, way: Way, noise: Array, steps: int, guidance: float) -> npt.NDArray[np.uint8]:
        """More steps than a graph holds, one call each."""
        if not self._single:
            self._single = {name: self._open(part) for name, part in self._parts.items()}
        feed = self._feed(way, noise, guidance)
        start = feed["start"]
        if way.kind == "low":
            start = self._single["low"].run({"z_low": feed["z_low"]})["z"]
        kept, new = np.float32(1 - way.start_t), np.float32(way.start_t)
        told = {name: feed[name] for name in ("c", "has_c", "has_z")}
        told["z_low"] = feed["z_low"] * feed["has_z"]
        latent = kept * start + new * feed["noise"]
        scale = guidance if way.kind == "given" else 1.0
        found = follow(self._single["flow"], latent, told, steps, way.start_t, scale)
        self.latent = found[0]
        picture: npt.NDArray[np.uint8] = self._single["decoder"].run({"z": found})["pictures"][0]
        return picture
