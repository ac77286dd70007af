"""From the words of a command line to an open target space."""

from __future__ import annotations

from dataclasses import replace

from decoder.spaces.base import Space, ZCoder, join, name_of
from decoder.spaces.pixels import Pixels
from decoder.spaces.prototypes import Prototypes
from decoder.spaces.weights import need
from decoder.spaces.world import world_space
from phosphene.errors import ConfigError, check_all, problem
from phosphene.stimuli import CATEGORIES, SPACE_ID

__all__ = ["FORMS", "open_space"]

FORMS = (
    f"{SPACE_ID}, pixels:SIDE[:grey], taef2:FOLDER[@SIDE], diffusers:FOLDER_OR_ID[@SIDE], "
    "clip:FOLDER_OR_ID, prompt:FOLDER_OR_ID, prototypes[:NAME+NAME...], z=SPACE,c=SPACE"
)
LARGEST_PX = 512
SIDE_PX = 64
"""Side of the pictures of an autoencoder, in pixels, where the specification names none."""


def open_space(spec: str, *, threads: int = 1, local_files_only: bool = True) -> Space:
    """Open a target space by its specification.

    Parameters
    ----------
    spec : str
        One of `FORMS`. ``@56`` after an autoencoder is the side in pixels of its pictures (64 where
        it is left out); ``z=...,c=...`` takes z of one space and c of another.
    threads : int
        CPU threads.
    local_files_only : bool
        Whether a hub id may only be looked up among the files that are here already.

    Returns
    -------
    Space

    Raises
    ------
    ConfigError
        If the specification is not understood.
    InputError
        If weights cannot be read.
    """
    if spec.startswith(("z=", "c=")):
        return _joined(spec, threads, local_files_only)
    return _single(spec, threads, local_files_only)


def _single(spec: str, threads: int, local_files_only: bool) -> Space:
    if spec == SPACE_ID:
        return world_space(threads)
    kind, _, rest = spec.partition(":")
    if kind == "pixels":
        return join(_pixels(rest), None)
    if kind == "prototypes":
        return join(None, Prototypes(rest.split("+") if rest else CATEGORIES))
    if rest and kind in ("taef2", "diffusers"):
        return join(_autoencoder(kind, rest, local_files_only), None)
    if rest and kind == "clip":
        need("torch")
        from decoder.spaces.clip import open_clip

        return join(None, open_clip(rest, local_files_only))
    if rest and kind == "prompt":
        need("torch")
        from decoder.spaces.prompt import open_prompt

        return join(None, open_prompt(rest, local_files_only))
    raise ConfigError(problem("space", spec, FORMS, "See docs/how-to/target-spaces.md."))


def _autoencoder(kind: str, rest: str, local_files_only: bool) -> ZCoder:
    """Open an autoencoder; torch is imported here, for those who want one."""
    need("torch")
    place, mark, side = rest.rpartition("@")
    if not (mark and side.isdecimal()):
        place, side = rest, str(SIDE_PX)
    if not 8 <= int(side) <= LARGEST_PX:
        raise ConfigError(problem("side", side, f"8 to {LARGEST_PX} pixels", "Use @64, say."))
    if kind == "taef2":
        from decoder.spaces.taef2 import open_taef2

        return open_taef2(place, int(side))
    from decoder.spaces.autoencoder import open_autoencoder

    return open_autoencoder(place, int(side), local_files_only)


def _pixels(rest: str) -> Pixels:
    size, _, colour = rest.partition(":")
    if not size.isdecimal() or colour not in ("", "grey"):
        cure = "Write pixels:28 or pixels:28:grey."
        raise ConfigError(problem("space", f"pixels:{rest}", "pixels:SIDE[:grey]", cure))
    return Pixels(int(size), colour == "grey")


def _joined(spec: str, threads: int, local_files_only: bool) -> Space:
    """Take z of one space and c of another: ``z=SPEC,c=SPEC`` in any order."""
    parts: dict[str, str] = {}
    for piece in spec.split(","):
        key, mark, value = piece.partition("=")
        if key in ("z", "c") and mark and key not in parts:
            parts[key] = value
        elif parts:  # a comma within a part
            last = next(reversed(parts))
            parts[last] += f",{piece}"
    named = {key: _single(value, threads, local_files_only) for key, value in parts.items()}
    low = named["z"].low if "z" in named else None
    high = named["c"].high if "c" in named else None
    found = [
        problem(f"space {key}", parts[key], f"a space that has {key}", "Name another.")
        for key, part in (("z", low), ("c", high))
        if key in named and part is None
    ]
    check_all(found, ConfigError, "target space")
    joined = join(low, high)
    if len(named) == 1:
        (key,) = named
        whole = named[key].low is not None and named[key].high is not None
        # Half a space is not that space: what expects the other half must not take it for it.
        if whole:
            return replace(joined, id=f"{key}={joined.id}", sha256=name_of(key, joined.sha256))
    return joined
