"""Percepts of a whole dataset to pictures, the same on every run: the core of `renderer.paint`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, InputError, check_all, problem
from renderer.asked import Guides, Mode
from renderer.protocol import Painter

__all__ = ["HOW", "How", "Percepts", "paint", "paintable", "row_noise"]

Array = npt.NDArray[np.float32]
Pictures = npt.NDArray[np.uint8]
Wanted = Literal["z", "c", "zc", "plain"]
HOW: tuple[Wanted, ...] = ("z", "c", "zc", "plain")


@dataclass(frozen=True)
class How:
    """How pictures are painted; see `renderer.generator.Generator.render`.

    Attributes
    ----------
    steps : int
        Evaluations of the network for each picture.
    strength : float
        For zc: how far z is noised, 0 to 1.
    guides : str
        For zc: c alone, or z too, guides the denoising.
    guidance : float
        For c: how far beyond its own pull c leads, 1 to 5.
    seed : int
        Of the noise; each percept has its own.
    """

    steps: int = 4
    strength: float = 0.8
    guides: Guides = "zc"
    guidance: float = 2.0
    seed: int = 0


@dataclass(frozen=True)
class Percepts:
    """What was decoded: z (n, channels, rows, columns), c (n, C), or both, finite float32.

    Raises
    ------
    InputError
        If they are not that.
    """

    z: Array | None = None
    c: Array | None = None

    def __post_init__(self) -> None:
        found = []
        for name, value, dims in (("z", self.z, 4), ("c", self.c, 2)):
            if value is None:
                continue
            if value.dtype != np.float32 or value.ndim != dims:
                allowed = f"float32 with {dims} dimensions, the first of them percepts"
                found.append(problem(name, f"{value.dtype} {value.shape}", allowed, "Convert it."))
            elif not np.isfinite(value).all():
                rows = np.flatnonzero(~np.isfinite(value).reshape(len(value), -1).all(axis=1))
                got = f"not finite in rows {rows[:8].tolist()}"
                found.append(problem(name, got, "finite numbers", "Leave these percepts out."))
        if self.z is None and self.c is None:
            found.append(problem("percepts", "neither", "z, c or both", "Decode some."))
        if self.z is not None and self.c is not None and len(self.z) != len(self.c):
            got = f"{len(self.z)} z, {len(self.c)} c"
            found.append(problem("percepts", got, "equally many", "Give one row per percept."))
        check_all(found, InputError, "percepts")

    def __len__(self) -> int:
        some = self.c if self.z is None else self.z
        return 0 if some is None else len(some)


def row_noise(seed: int, row: int, shape: tuple[int, ...]) -> Array:
    """Draw the noise of one percept; it depends on seed and row alone, not on what is around."""
    return np.random.default_rng([seed, row]).standard_normal(shape, dtype=np.float32)


def paintable(percepts: Percepts, painter: Painter, wanted: Sequence[Wanted]) -> dict[str, str]:
    """Say of each wanted kind why it cannot be painted; empty text where it can."""
    reasons: dict[str, str] = {}
    for kind in wanted:
        need = "z" if kind == "plain" else kind
        missing = [part for part in need if getattr(percepts, part) is None]
        if missing:
            reasons[kind] = f"the percepts have no {' and no '.join(missing)}"
        elif (kind if kind != "plain" else "z") not in painter.modes:
            reasons[kind] = painter.limits()
        else:
            reasons[kind] = ""
    return reasons


def paint(
    painter: Painter,
    percepts: Percepts,
    wanted: Sequence[Wanted],
    how: How,
    advance: Callable[[int], object] = lambda _: None,
) -> Mapping[str, Pictures]:
    """Paint every percept in every wanted kind.

    Parameters
    ----------
    painter : Painter
        What paints.
    percepts : Percepts
        What was decoded.
    wanted : Sequence of str
        Of z, c, zc, and "plain": z decoded as it stands.
    how : How
        Steps, strength, seed.
    advance : Callable
        Told 1 after every picture.

    Returns
    -------
    Mapping of str to array
        uint8 (n, side, side, 3) for each kind.

    Raises
    ------
    ConfigError
        If a wanted kind cannot be painted; lists all reasons.
    """
    reasons = paintable(percepts, painter, wanted)
    found = [
        problem("mode", kind, "what percepts and space have", f"Here {why}.")
        for kind, why in reasons.items()
        if why
    ]
    check_all(found, ConfigError, "paint")
    made: dict[str, Pictures] = {}
    for kind in wanted:
        pictures = np.empty((len(percepts), painter.size_px, painter.size_px, 3), np.uint8)
        for row in range(len(percepts)):
            pictures[row] = _one(painter, percepts, kind, how, row)
            advance(1)
        made[kind] = pictures
    return made


def _one(painter: Painter, percepts: Percepts, kind: Wanted, how: How, row: int) -> Pictures:
    z = None if percepts.z is None else percepts.z[row]
    c = None if percepts.c is None else percepts.c[row]
    if kind == "plain" and z is not None:
        return painter.decode(z)
    mode: Mode = "z" if kind == "plain" else kind
    noise = row_noise(how.seed, row, painter.noise_shape)
    return painter.render(z, c, noise, how.steps, mode, how.strength, how.guides, how.guidance)
