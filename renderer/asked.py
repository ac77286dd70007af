"""What a picture is asked from, checked, and the way to it; the same for the world's models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, check_all, problem
from phosphene.stimuli.space import C_DIM, Z_SHAPE

__all__ = [
    "MAX_GUIDANCE",
    "MAX_STEPS",
    "MODES",
    "Array",
    "Asked",
    "Guides",
    "Mode",
    "Way",
    "shape_problem",
    "way_to",
]

Mode = Literal["z", "c", "zc"]
Guides = Literal["c", "zc"]
MODES: tuple[Mode, ...] = ("z", "c", "zc")
MAX_STEPS = 64
MAX_GUIDANCE = 5.0

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """Arguments of `renderer.painter.Painter.render`."""

    z: Array | None
    c: Array | None
    noise: Array
    steps: int
    mode: Mode
    strength: float
    guides: Guides
    guidance: float
    start: Array | None = None
    start_t: float = 1.0


@dataclass(frozen=True)
class Way:
    """The way from a start to a picture.

    Attributes
    ----------
    kind : {"given", "low", "plain"}
        Begin at `start` mixed with noise, at the latent of z mixed with noise, or take the latent
        of z as it stands; see `renderer.graph.StartKind`.
    start : float32 array or None
        For ``given``; None where it is noise alone.
    start_t : float
        Share of the noise, 0 to 1.
    z : float32 array or None
        Latent of "world-64" that the way begins at or is told of.
    told_z, told_c : bool
        What the network is told.
    c : float32 array or None
        Embedding, where it is told.
    guidance : float
        1 for none.
    """

    kind: Literal["given", "low", "plain"]
    start: Array | None
    start_t: float
    z: Array | None
    c: Array | None
    told_z: bool
    guidance: float

    @property
    def told_c(self) -> bool:
        """Whether the network is told c."""
        return self.c is not None


def way_to(asked: Asked, noise_shape: tuple[int, ...], who: str) -> Way:
    """Check what is asked and find the way.

    With both z and c and a strength below 1 the way begins at z, noised to t = strength (Takagi and
    Nishimoto, CVPR 2023); a `start` is then of no account, since it would take z's place.
    Otherwise it begins at `start`, noised to `start_t`, or at noise alone.

    Raises
    ------
    ConfigError
        An argument is wrong, or no condition is left: a picture from nothing would be an invention.
    """
    check_all(_problems(asked, noise_shape), ConfigError, who)
    z = asked.z if "z" in asked.mode else None
    c = asked.c if "c" in asked.mode else None
    # One jump from noise to data is made worse by it: measured, docs/renderer-quality.md.
    guidance = float(asked.guidance) if z is None and asked.steps > 1 else 1.0
    if z is not None and c is not None and asked.strength < 1:
        if asked.strength == 0:
            return Way("plain", None, 0.0, z, None, told_z=False, guidance=1.0)
        told = "z" in asked.guides
        return Way("low", None, float(asked.strength), z, c, told_z=told, guidance=1.0)
    told = z is not None and (c is None or "z" in asked.guides)
    start_t = 1.0 if asked.start is None else float(asked.start_t)
    return Way("given", asked.start, start_t, z, c, told_z=told, guidance=guidance)


def shape_problem(name: str, value: Array, shape: tuple[int, ...]) -> list[str]:
    """List what is wrong with an array that should be finite float32 of a shape."""
    allowed = f"float32 {shape}, all finite"
    if value.dtype != np.float32 or value.shape != shape:
        got = f"{value.dtype} {value.shape}"
        return [problem(name, got, allowed, "Check which space the decoder was fitted for.")]
    if not np.isfinite(value).all():
        return [problem(name, "numbers that are not finite", allowed, "Drop this percept.")]
    return []


def _problems(asked: Asked, noise_shape: tuple[int, ...]) -> list[str]:
    wanted = (
        ("noise", asked.noise, noise_shape),
        ("z", asked.z, Z_SHAPE),
        ("c", asked.c, (C_DIM,)),
        ("start", asked.start, noise_shape),
    )
    found = [
        line
        for name, value, shape in wanted
        if value is not None
        for line in shape_problem(name, value, shape)
    ]
    ranges = (
        ("guidance", asked.guidance, 1, MAX_GUIDANCE, "Use 1 for none."),
        ("strength", asked.strength, 0, 1, "Use 0.8."),
        ("start_t", asked.start_t, 0, 1, "Use 1 for noise alone."),
        ("steps", asked.steps, 1, MAX_STEPS, "Use 1, 2 or 4."),
    )
    found += [
        problem(name, value, f"{low} to {high:g}", cure)
        for name, value, low, high, cure in ranges
        if not low <= value <= high
    ]
    return found + _condition_problems(asked)


def _condition_problems(asked: Asked) -> list[str]:
    if asked.mode not in MODES:
        return [problem("mode", asked.mode, "z, c or zc", "Use zc for both.")]
    held = (("z", asked.z), ("c", asked.c))
    if any(value is not None and name in asked.mode for name, value in held):
        return []
    given = "".join(name for name, value in held if value is not None)
    cure = "Show the neutral frame when there is no percept."
    got = f"{given or 'none'} with mode {asked.mode}"
    return [problem("conditions", got, "z, c or both, as the mode", cure)]
