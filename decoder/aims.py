"""What a fit aims at: z and c of what was shown, in the space that was asked for or that suits.

Where none is asked for, a data set with scenes of the world goes to "world-64". One with pictures
goes to their pixels where they are small, otherwise to the z of "world-64". Categories that the
space does not know get a code each: c is then told by how probable each of them is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset, Strings
from decoder.spaces import Space, TargetSpace, open_space
from decoder.spaces.base import join, name_of
from decoder.spaces.prototypes import Prototypes
from phosphene.errors import ConfigError, InputError, problem
from phosphene.manifest import REST, TargetInfo
from phosphene.stimuli import C_DIM, CATEGORIES, SPACE_ID, Z_SHAPE, typical
from phosphene.stimuli.encoder import space_hash

__all__ = [
    "Aim",
    "aim_at",
    "knowing",
    "reads_pictures",
    "space_for",
    "usual_space",
    "with_space",
    "world_aim",
]

Array = npt.NDArray[Any]
Progress = Callable[[str, int, int], None]

_BATCH = 64
_SMALL_PX = 32


@dataclass(frozen=True)
class Aim:
    """The target of a fit.

    Attributes
    ----------
    data : Dataset
        With z and c.
    target : TargetInfo
        What the bundle says about them.
    prototypes : array (categories, C) float32
        Code of each category.
    graph : bytes or None
        ONNX that makes pictures of z.
    """

    data: Dataset = field(repr=False)
    target: TargetInfo
    prototypes: Array = field(repr=False)
    graph: bytes | None = field(default=None, repr=False)


def world_aim(data: Dataset) -> Aim:
    """Aim at the world, whose z and c the data have already."""
    target = TargetInfo(
        id=SPACE_ID, sha256=space_hash(), c_dim=C_DIM, z_shape=Z_SHAPE, categories=CATEGORIES
    )
    return Aim(data, target, np.stack([typical(name) for name in CATEGORIES]))


def usual_space(data: Dataset) -> str | None:
    """Name the space that suits pictures that people bring; None where there are none."""
    if data.pictures is None:
        return None
    height, width = data.pictures.shape[1:3]
    if max(height, width) > _SMALL_PX:
        # The world's c is worth having where its categories are those that were shown.
        known = _categories(data)
        return SPACE_ID if known and set(known) <= set(CATEGORIES) else f"z={SPACE_ID}"
    grey = not np.ptp(data.pictures, axis=-1).any()
    return f"pixels:{min(height, width)}" + (":grey" if grey else "")


def space_for(data: Dataset, spec: str | None) -> TargetSpace | None:
    """Open the space that was asked for, or the usual one; None where none is needed.

    Raises
    ------
    InputError
        If the space needs pictures and there are none.
    """
    spec = spec or usual_space(data)
    if spec is None:
        return None
    space = open_space(spec)
    if data.pictures is None and space.z_shape is not None:
        raise InputError(
            problem("--space", spec, "a space without z where no picture is known",
                    "Name the pictures with --stimuli, or leave --space out.")
        )  # fmt: skip
    return space


def aim_at(data: Dataset, space: TargetSpace | None, progress: Progress | None = None) -> Aim:
    """Encode what was shown and say what the target is.

    Parameters
    ----------
    data : Dataset
        With pictures, vectors as c, or labels.
    space : TargetSpace or None
        As `space_for` opens it.
    progress : Callable, optional
        Called with (what, done, total).

    Returns
    -------
    Aim
    """
    if space is None:
        return _without_pictures(data)
    made = with_space(data, space, progress)
    categories = _categories(made)
    if made.c is None:
        space = knowing(space, categories)
    codes = _codes(made, space, categories)
    target = TargetInfo(
        id=space.id,
        sha256=space.sha256,
        c_dim=codes.shape[1],
        z_shape=space.z_shape,
        categories=categories,
    )
    # The renderer brings the decoder of the world itself.
    return Aim(made, target, codes, None if space.id == SPACE_ID else space.graph())


def with_space(data: Dataset, space: TargetSpace, progress: Progress | None = None) -> Dataset:
    """Replace z and c by those of a space, where it has them for pictures; each picture once.

    Rows in which nothing was shown are NaN.
    """
    if data.pictures is None:
        return data
    shown = np.ones(len(data), np.bool_) if data.stimuli is None else data.stimuli != ""
    rows = np.flatnonzero(shown)
    first, of = _distinct(data.pictures[rows])
    once = data.pictures[rows[first]]
    z = c = None
    if space.z_shape is not None:
        z = _spread(_encoded(space.encode_z, once, "z of pictures", progress), of, rows, len(data))
    if space.c_dim and reads_pictures(space, once[:1]):
        c = _spread(_encoded(space.encode_c, once, "c of pictures", progress), of, rows, len(data))
    return replace(data, z=z, c=c)


def _without_pictures(data: Dataset) -> Aim:
    """Aim at vectors that came with the data, at the world's categories, or at the data's own."""
    categories = _categories(data)
    if data.c is None:
        if set(categories) <= set(CATEGORIES):
            return world_aim(data)
        space = _own_categories(categories)
        codes = space.encode_text(categories)
        target = TargetInfo(
            id=space.id, sha256=space.sha256, c_dim=space.c_dim, z_shape=None, categories=categories
        )
        return Aim(data, target, codes)
    codes = _mean_by_category(data.c, data.labels, categories)
    name = f"vectors:{data.c.shape[1]}"
    target = TargetInfo(
        id=name,
        sha256=name_of(name, *categories),
        c_dim=data.c.shape[1],
        z_shape=None,
        categories=categories,
    )
    return Aim(data, target, codes)


def _own_categories(categories: tuple[str, ...]) -> Space:
    names = categories if len(categories) > 1 else (*categories, REST)
    return join(None, Prototypes(names))


def knowing(space: TargetSpace, categories: tuple[str, ...]) -> TargetSpace:
    """Give a space whose c does not know the categories a code for each of them."""
    if not categories or not isinstance(space, Space):
        return space
    try:
        if space.c_dim:
            space.encode_text(categories)
            return space
    except ConfigError:
        if space.low is None:
            raise
    return join(space.low, _own_categories(categories).high)


def _categories(data: Dataset) -> tuple[str, ...]:
    if data.labels is None:
        return ()
    return tuple(sorted(set(data.labels.tolist()) - {"", REST}))


def _codes(data: Dataset, space: TargetSpace, categories: tuple[str, ...]) -> Array:
    """Return a code for each category: the mean of its pictures, or that of its name."""
    if data.c is not None:
        return _mean_by_category(data.c, data.labels, categories)
    if not categories:
        return np.zeros((0, max(space.c_dim, 1)), np.float32)
    return space.encode_text(categories)


def _mean_by_category(c: Array, labels: Strings | None, categories: tuple[str, ...]) -> Array:
    if not categories or labels is None:
        return np.zeros((0, c.shape[1]), np.float32)
    return np.stack([np.nanmean(c[labels == name], axis=0) for name in categories])


def reads_pictures(space: TargetSpace, one: Array) -> bool:
    """Tell whether a space has a c for pictures; some only have it for names."""
    try:
        space.encode_c(one)
    except ConfigError:
        return False
    return True


def _distinct(pictures: Array) -> tuple[list[int], npt.NDArray[np.intp]]:
    """Return where each distinct picture is first, and which of them each row is."""
    first: dict[bytes, int] = {}
    names = [hashlib.sha256(picture.tobytes()).digest() for picture in pictures]
    for row, name in enumerate(names):
        first.setdefault(name, row)
    place = {name: k for k, name in enumerate(first)}
    return list(first.values()), np.array([place[name] for name in names], np.intp)


def _encoded(
    encode: Callable[[Array], Array], pictures: Array, what: str, progress: Progress | None
) -> Array:
    parts = []
    for start in range(0, len(pictures), _BATCH):
        parts.append(encode(pictures[start : start + _BATCH]))
        if progress is not None:
            progress(what, min(start + _BATCH, len(pictures)), len(pictures))
    return np.concatenate(parts)


def _spread(values: Array, of: Array, rows: Array, n: int) -> Array:
    full = np.full((n, *values.shape[1:]), np.nan, np.float32)
    full[rows] = values[of]
    return full
