"""The few-step generator at run time: percept in, picture out, by ONNX Runtime only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError, InputError, check_all, problem
from phosphene.stimuli.encoder import DECODER_NAME, decoder_bytes
from phosphene.stimuli.space import C_DIM, Z_SHAPE

Mode = Literal["z", "c", "zc"]
Guides = Literal["c", "zc"]
MODES: tuple[Mode, ...] = ("z", "c", "zc")
WEIGHTS = Path(__file__).resolve().parent / "weights"
MAX_STEPS = 64
MAX_GUIDANCE = 5.0
TRAINED_STEPS = (1, 2, 4, 8)

Array = npt.NDArray[np.float32]


class _Space(msgspec.Struct):
    id: str
    sha256: str


class Description(msgspec.Struct):
    """What `model.json` says; further entries tell how the weights were trained."""

    space: _Space
    files: dict[str, str]


class Generator:
    """Turns z (low-level latent) and c (semantic embedding) into a picture.

    Parameters
    ----------
    weights : pathlib.Path
        Folder with generator.onnx and model.json; a world_decoder.onnx there takes the place of
        the one that the package ships.
    threads : int
        Threads of ONNX Runtime, 1 or more.

    Attributes
    ----------
    modes, size_px, model
        See `renderer.painter.Painter`.
    noise_shape : tuple of int
        Of the noise that `render` wants.

    Raises
    ------
    InputError
        A file is missing or is not the one that model.json describes.
    """

    modes: tuple[Mode, ...] = MODES
    size_px = 64
    noise_shape: tuple[int, ...] = Z_SHAPE

    def __init__(self, weights: Path = WEIGHTS, threads: int = 1) -> None:
        try:
            text = (weights / "model.json").read_bytes()
            self.description = msgspec.json.decode(text, type=Description)
        except (OSError, msgspec.MsgspecError) as cause:
            raise InputError(
                f"weights in {weights} cannot be used: model.json: {cause}. Install the package "
                "again, or write the folder with `python -m renderer.train export`."
            ) from cause
        self.space_id = self.description.space.id
        self.space_hash = self.description.space.sha256
        self.model = self.description.files.get("generator.onnx", "")[:16]
        self._flow = OnnxEngine(self._content(weights / "generator.onnx"), threads)
        own = weights / DECODER_NAME
        decoder = self._content(own) if own.exists() else self._checked(own.name, decoder_bytes())
        self._decoder = OnnxEngine(decoder, threads)

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
        self._check(z, c, noise, steps, mode, strength, guidance)
        z_low = z if z is not None and "z" in mode else None
        embedding = c if c is not None and "c" in mode else None
        if z_low is None or embedding is None:
            latent, told, start = noise[None], z_low, 1.0
        else:
            start = float(strength)
            latent = (np.float32(1 - start) * z_low + np.float32(start) * noise)[None]
            told = z_low if "z" in guides else None
        feed = {
            "z_low": np.zeros((1, *Z_SHAPE), np.float32) if told is None else told[None],
            "has_z": np.full(1, told is not None, np.float32),
            "c": np.zeros((1, C_DIM), np.float32) if embedding is None else embedding[None],
            "has_c": np.full(1, embedding is not None, np.float32),
        }
        # One jump from noise to data is made worse by it: measured, docs/renderer-quality.md.
        scale = guidance if z_low is None and steps > 1 else 1.0
        return self._decoded(self._flow_to_data(latent, feed, steps, start, scale))

    def decode(self, z: Array) -> npt.NDArray[np.uint8]:
        """Picture of a latent as it stands, without the generator; for comparison."""
        check_all(_shape_problem("z", z, Z_SHAPE), ConfigError, "Generator.decode")
        return self._decoded(z[None])

    def limits(self) -> str:
        """Say which modes it cannot paint: it has all."""
        return "every mode is painted"

    def _decoded(self, latent: Array) -> npt.NDArray[np.uint8]:
        pictures: npt.NDArray[np.uint8] = self._decoder.run({"z": latent})["pictures"]
        picture: npt.NDArray[np.uint8] = pictures[0]
        return picture

    def _flow_to_data(
        self, latent: Array, feed: dict[str, Array], steps: int, start: float, guidance: float
    ) -> Array:
        """Follow z <- z - h u(z, t, h) from t = `start` (1: noise) to t = 0 in equal jumps."""
        if start == 0.0:
            return latent
        h = np.full(1, start / steps, np.float32)
        for k in range(steps):
            t = np.full(1, start * (1.0 - k / steps), np.float32)
            here = {**feed, "z_t": latent, "t": t, "h": h}
            u: Array = self._flow.run(here)["u"]
            if guidance != 1.0:
                nothing = {name: np.zeros_like(feed[name]) for name in feed}
                without: Array = self._flow.run({**here, **nothing})["u"]
                u = without + np.float32(guidance) * (u - without)
            latent = latent - h[0] * u
        return latent

    def _check(
        self,
        z: Array | None,
        c: Array | None,
        noise: Array,
        steps: int,
        mode: str,
        strength: float,
        guidance: float,
    ) -> None:
        problems = _shape_problem("noise", noise, Z_SHAPE)
        if not 1 <= guidance <= MAX_GUIDANCE:
            allowed = f"1 to {MAX_GUIDANCE:g}"
            problems.append(problem("guidance", guidance, allowed, "Use 1 for none."))
        if not 0 <= strength <= 1:
            problems.append(problem("strength", strength, "0 to 1", "Use 0.8."))
        if z is not None:
            problems += _shape_problem("z", z, Z_SHAPE)
        if c is not None:
            problems += _shape_problem("c", c, (C_DIM,))
        if not 1 <= steps <= MAX_STEPS:
            problems.append(problem("steps", steps, f"1 to {MAX_STEPS}", "Use 1, 2 or 4."))
        if mode not in MODES:
            problems.append(problem("mode", mode, "z, c or zc", "Use zc for both."))
        elif (z is None or "z" not in mode) and (c is None or "c" not in mode):
            given = "".join(name for name, value in (("z", z), ("c", c)) if value is not None)
            problems.append(
                problem(
                    "conditions",
                    f"{given or 'none'} with mode {mode}",
                    "z, c or both, as the mode",
                    "Show the neutral frame when there is no percept.",
                )
            )
        check_all(problems, ConfigError, "Generator.render")

    def _content(self, file: Path) -> bytes:
        try:
            content = file.read_bytes()
        except OSError as cause:
            raise InputError(
                f"weights {file} cannot be read: {cause}. Install the package again, or write "
                "them with `python -m renderer.train export`."
            ) from cause
        return self._checked(str(file), content)

    def _checked(self, name: str, content: bytes) -> bytes:
        found = hashlib.sha256(content).hexdigest()
        wanted = self.description.files.get(Path(name).name)
        if found != wanted:
            raise InputError(
                f"weights {name} have SHA-256 {found}, model.json says {wanted}: the files do not "
                "belong together. Take both from the same export."
            )
        return content


def seeded_noise(seed: int) -> Array:
    """Draw standard normal noise float32 (4, 16, 16) of a seed."""
    return np.random.default_rng(seed).standard_normal(Z_SHAPE, dtype=np.float32)


def _shape_problem(name: str, value: Array, shape: tuple[int, ...]) -> list[str]:
    allowed = f"float32 {shape}, all finite"
    if value.dtype != np.float32 or value.shape != shape:
        got = f"{value.dtype} {value.shape}"
        return [problem(name, got, allowed, "Check which space the decoder was fitted for.")]
    if not np.isfinite(value).all():
        return [problem(name, "numbers that are not finite", allowed, "Drop this percept.")]
    return []
