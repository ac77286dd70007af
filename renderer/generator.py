"""The few-step generator of 64x64 pictures at run time: percept in, picture out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.engine import Engine, OnnxEngine
from phosphene.errors import ConfigError, check_all
from phosphene.session import RendererSettings
from phosphene.stimuli.encoder import DECODER_NAME, decoder_bytes
from phosphene.stimuli.space import C_DIM, Z_SHAPE
from renderer.asked import (
    MAX_GUIDANCE,
    MAX_STEPS,
    MODES,
    Asked,
    Guides,
    Mode,
    shape_problem,
    way_to,
)
from renderer.model_files import ModelFiles

__all__ = [
    "MAX_GUIDANCE",
    "MAX_STEPS",
    "MODES",
    "WEIGHTS",
    "Generator",
    "Guides",
    "Mode",
    "OpenGraph",
    "follow",
    "seeded_noise",
]

WEIGHTS = Path(__file__).resolve().parent / "weights"

Array = npt.NDArray[np.float32]
OpenGraph = Callable[[bytes], Engine]


class Generator:
    """Turns z (low-level latent) and c (semantic embedding) into a picture.

    Parameters
    ----------
    weights : pathlib.Path
        Folder with generator.onnx and model.json; a world_decoder.onnx there takes the place of
        the one that the package ships.
    threads : int
        Threads of ONNX Runtime, 1 or more.
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
    size_px = 64
    noise_shape: tuple[int, ...] = Z_SHAPE

    def __init__(
        self, weights: Path = WEIGHTS, threads: int = 1, open_graph: OpenGraph | None = None
    ) -> None:
        opened: OpenGraph = open_graph or (lambda graph: OnnxEngine(graph, threads))
        files = ModelFiles(weights)
        self.description = files.description
        self.space_id = self.description.space.id
        self.space_hash = self.description.space.sha256
        self.model = files.identity("generator.onnx")
        self.latent: Array | None = None
        self._flow = opened(files.content("generator.onnx"))
        own = (weights / DECODER_NAME).exists()
        decoder = files.content(DECODER_NAME) if own else None
        self._decoder = opened(decoder or files.checked(DECODER_NAME, decoder_bytes()))

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
        """Make one picture.

        For ``zc`` this is the scheme of Takagi and Nishimoto (CVPR 2023): the decoded z is noised
        to t = `strength`, then denoised under the guidance of c. Here z may go on guiding beside c.

        Parameters
        ----------
        z : float32 array (4, 16, 16) or None
            Low-level latent; None if the decoder gives none.
        c : float32 array (C_DIM,) or None
            Semantic embedding; None if the decoder gives none.
        noise : float32 array (4, 16, 16)
            Standard normal noise; the same noise gives the same picture, and keeping it fixed
            from frame to frame keeps the picture from flickering.
        steps : int
            Evaluations of the network, 1 to 64. It was trained for jumps of 1, 1/2, 1/4, 1/8.
        mode : {"z", "c", "zc"}
            Which of the two conditions may be used.
        strength : float
            For zc with both: 0 paints z as it is, 1 starts from noise alone.
        guides : {"zc", "c"}
            For zc with both: what the network is told while it denoises.
        guidance : float
            For c alone, 1 to 5: how far each step goes beyond where it would go without c, towards
            where c leads (classifier-free guidance, Ho and Salimans 2022, eq. 6, as w + 1). Above
            1 every step costs two evaluations. A single step is not guided.
        start, start_t
            Begin at (1 - start_t) start + start_t noise where it would begin at noise alone.

        Returns
        -------
        uint8 array (64, 64, 3)
            RGB picture.

        Raises
        ------
        ConfigError
            An argument is wrong, or no condition is left: a picture from nothing would be an
            invention (show `renderer.neutral.neutral_frame` instead).
        """
        asked = Asked(z, c, noise, steps, mode, strength, guides, guidance, start, start_t)
        way = way_to(asked, self.noise_shape, "Generator.render")
        begin = way.start if way.kind == "given" else way.z
        latent = noise[None]
        if begin is not None:
            kept, new = np.float32(1 - way.start_t), np.float32(way.start_t)
            latent = (kept * begin + new * noise)[None]
        feed = {
            "z_low": way.z[None] if way.told_z and way.z is not None else _nothing(*Z_SHAPE),
            "has_z": np.full(1, way.told_z, np.float32),
            "c": _nothing(C_DIM) if way.c is None else way.c[None],
            "has_c": np.full(1, way.told_c, np.float32),
        }
        found = follow(self._flow, latent, feed, steps, way.start_t, way.guidance)
        self.latent = found[0]
        return self._decoded(found)

    def decode(self, z: Array) -> npt.NDArray[np.uint8]:
        """Picture of a latent as it stands, without the generator; for comparison."""
        check_all(shape_problem("z", z, Z_SHAPE), ConfigError, "Generator.decode")
        return self._decoded(z[None])

    def limits(self) -> str:
        """Say which modes it cannot paint: it has all."""
        return "every mode is painted"

    def describe(self) -> str:
        """Say what computes the frames."""
        return self._flow.describe()

    def ready(self, settings: RendererSettings) -> bool:
        """Tell that nothing has to be prepared: each step is a call of its own."""
        return True

    def prepare(self, settings: RendererSettings) -> None:
        """Paint once, so that the first frame costs what all others do."""
        z, c = np.zeros(Z_SHAPE, np.float32), np.zeros(C_DIM, np.float32)
        for _ in range(2):
            self.render(z, c, np.zeros(self.noise_shape, np.float32), settings.steps)
        self.reset()

    def reset(self) -> None:
        """Forget the last picture."""
        self.latent = None

    def _decoded(self, latent: Array) -> npt.NDArray[np.uint8]:
        pictures: npt.NDArray[np.uint8] = self._decoder.run({"z": latent})["pictures"]
        picture: npt.NDArray[np.uint8] = pictures[0]
        return picture


def follow(
    flow: Engine, latent: Array, feed: dict[str, Array], steps: int, start_t: float, guidance: float
) -> Array:
    """Follow z <- z - h u(z, t, h) from t = `start_t` (1: noise) to t = 0 in equal jumps.

    Parameters
    ----------
    flow : Engine
        Gives u.
    latent : float32 array (1, channels, rows, columns)
        Where it begins.
    feed : dict
        Conditions of the network.
    steps : int
        Number of jumps.
    start_t : float
        0 leaves the latent as it is.
    guidance : float
        Above 1 each jump costs two evaluations.

    Returns
    -------
    float32 array
        The latent at t = 0.
    """
    if start_t == 0.0:
        return latent
    h = np.full(1, start_t / steps, np.float32)
    for k in range(steps):
        t = np.full(1, start_t * (1.0 - k / steps), np.float32)
        here = {**feed, "z_t": latent, "t": t, "h": h}
        u: Array = flow.run(here)["u"]
        if guidance != 1.0:
            nothing = {name: np.zeros_like(feed[name]) for name in feed}
            without: Array = flow.run({**here, **nothing})["u"]
            u = without + np.float32(guidance) * (u - without)
        latent = latent - h[0] * u
    return latent


def seeded_noise(seed: int, shape: tuple[int, ...] = Z_SHAPE) -> Array:
    """Draw standard normal noise float32 of a seed."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def _nothing(*shape: int) -> Array:
    return np.zeros((1, *shape), np.float32)
