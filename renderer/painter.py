"""Opens what paints: a model of the world, a space's own z decoder, a large pipeline."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

from phosphene.bundle import SPACE_GRAPH, Bundle
from phosphene.engine import Engine
from phosphene.engines.choose import open_engine, why_not_here
from phosphene.errors import BundleError, ConfigError, problem
from phosphene.session import RendererSettings
from phosphene.stimuli import C_DIM, Z_SHAPE
from phosphene.stimuli.encoder import space_hash
from renderer.asked import Mode
from renderer.generator import Generator, OpenGraph, seeded_noise
from renderer.protocol import Painter, Prepared
from renderer.resized import Resized
from renderer.space_painter import SpacePainter
from renderer.world256 import World256

__all__ = [
    "Mode",
    "Painter",
    "Prepared",
    "SpacePainter",
    "graph_opener",
    "open_painter",
    "warm_up",
]

WARM_UP_FRAMES = 3
LARGE = "diffusers:"
WORLD_256 = "world-256"
_USUAL = RendererSettings()

Tell = Callable[[str], None]


def open_painter(
    bundle: Bundle | None,
    settings: RendererSettings = _USUAL,
    tell: Tell = lambda _line: None,
) -> Painter:
    """Open what paints the percepts of a bundle.

    Parameters
    ----------
    bundle : Bundle or None
        The person's decoder; None is the shipped world.
    settings : RendererSettings
        Which model, engine, precision, threads and size. Where the bundle's target space is not
        the world, and the model no large pipeline, only z is painted, by the bundle's own decoder.
    tell : Callable
        Gets a line where another engine takes the place of the one asked for.

    Raises
    ------
    BundleError
        If model and encoder, or bundle and graph, do not belong together.
    InputError
        If files of the model are missing or are not those that belong to it.
    ConfigError
        If a large pipeline cannot be opened.
    """
    if settings.model.startswith(LARGE):
        painter = _large(bundle, settings)
    else:
        painter = _small(bundle, settings, graph_opener(settings, tell))
    if settings.size_px is None or settings.size_px == painter.size_px:
        return painter
    return Resized(painter, settings.size_px)


def graph_opener(settings: RendererSettings, tell: Tell = lambda _line: None) -> OpenGraph:
    """Return what opens graphs in the engine that is set; each shortcoming is told once."""
    told: set[str] = set()

    def once(line: str) -> None:
        if line not in told:
            told.add(line)
            tell(line)

    def opened(graph: bytes) -> Engine:
        name = settings.engine
        if name == "auto":
            name = "cpu" if why_not_here("openvino") else "openvino"
        return open_engine(graph, name, settings.precision, settings.threads, once)

    return opened


def warm_up(painter: Painter, bundle: Bundle | None, settings: RendererSettings) -> None:
    """Paint a few pictures, so that the first frame of a run costs what all others do."""
    if isinstance(painter, Prepared):
        painter.prepare(settings)
        return
    shape = None if bundle is None else bundle.manifest.target.z_shape
    z = np.zeros(shape or Z_SHAPE, np.float32)
    c, noise = np.zeros(C_DIM, np.float32), seeded_noise(settings.seed, painter.noise_shape)
    for mode in painter.modes[:1] * WARM_UP_FRAMES:
        painter.render(z, c, noise, settings.steps, mode)


def _large(bundle: Bundle | None, settings: RendererSettings) -> Painter:
    """Open a large pipeline: it takes torch, which is an extra."""
    try:
        part = importlib.import_module("renderer.large")
        painter: Painter = part.open_large(settings, bundle)
    except ImportError as error:
        cure = 'pip install "phosphene[train]"'
        raise ConfigError(problem("model", str(error), "what is installed", cure)) from error
    return painter


def _small(bundle: Bundle | None, settings: RendererSettings, opened: OpenGraph) -> Painter:
    if bundle is None or bundle.manifest.target.sha256 == space_hash():
        world: type[World256 | Generator] = World256 if settings.model == WORLD_256 else Generator
        return _own(world(open_graph=opened))
    target = bundle.manifest.target
    graph = bundle.payload.get(SPACE_GRAPH)
    painter = SpacePainter(graph, target.id, settings.threads, target.z_shape, opened)
    if graph is None and target.z_shape is not None and "z" in bundle.manifest.heads:
        cure = "Fit the bundle anew, or go on without pictures of z."
        raise BundleError(problem(SPACE_GRAPH, "missing", f"the z decoder of {target.id}", cure))
    return painter


def _own(painter: Generator | World256) -> Generator | World256:
    if painter.space_hash != space_hash():
        raise BundleError(
            f"generator: drawn for target space {painter.space_hash[:12]}, this installation's "
            f"encoder is {space_hash()[:12]}; take both from one export"
        )
    return painter
