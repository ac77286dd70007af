"""What is asked of a large pipeline, checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.errors import ConfigError, check_all, problem
from renderer.asked import MAX_GUIDANCE, MAX_STEPS, Asked, Mode, shape_problem

__all__ = ["Can", "check_asked"]


@dataclass(frozen=True)
class Can:
    """What a painter can be asked.

    Attributes
    ----------
    modes : tuple of str
        Of z, c, zc.
    noise_shape : tuple of int
        Of the pipeline's latent.
    z_shape : tuple of int or None
        Of z; None where z plays no part.
    c_dim : int or None
        Length of c; None where c plays no part.
    """

    modes: tuple[Mode, ...]
    noise_shape: tuple[int, ...]
    z_shape: tuple[int, ...] | None
    c_dim: int | None


def check_asked(asked: Asked, can: Can, limits: str) -> None:
    """Raise one error with everything that does not fit; `limits` goes beside a wrong mode.

    Raises
    ------
    ConfigError
        Listing all problems.
    """
    wanted = (
        ("noise", asked.noise, can.noise_shape),
        ("start", asked.start, can.noise_shape),
        ("z", asked.z if "z" in asked.mode else None, can.z_shape),
        ("c", asked.c if "c" in asked.mode else None, None if can.c_dim is None else (can.c_dim,)),
    )
    found = [
        line
        for name, value, shape in wanted
        if value is not None and shape is not None
        for line in shape_problem(name, value, shape)
    ]
    ranges = (
        ("strength", asked.strength, 0, 1, "Use 0.8."),
        ("start_t", asked.start_t, 0, 1, "Use 1 for noise alone."),
        ("steps", asked.steps, 1, MAX_STEPS, "Use 1, 2 or 4."),
        ("guidance", asked.guidance, 1, MAX_GUIDANCE, "Use 1 for none."),
    )
    found += [
        problem(name, value, f"{low} to {high:g}", cure)
        for name, value, low, high, cure in ranges
        if not low <= value <= high
    ]
    held = (("z", asked.z), ("c", asked.c))
    if asked.mode not in can.modes:
        allowed = ", ".join(can.modes) or "nothing"
        found.append(problem("mode", asked.mode, allowed, f"{limits}."))
    elif missing := [name for name, value in held if value is None and name in asked.mode]:
        cure = "Show the neutral frame when there is no percept."
        got = f"no {' and no '.join(missing)} with mode {asked.mode}"
        found.append(problem("conditions", got, "what the mode says", cure))
    check_all(found, ConfigError, "LargePainter.render")
