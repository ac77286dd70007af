"""Whether a decoder has learned anything: what has not gets a threshold that nothing reaches.

A threshold that keeps a share of the right percepts is worth nothing where these were right by
chance. So the names given on runs left out are held against the same names with what the blocks
showed exchanged within each run. Percepts of one block hang together, so whole blocks move.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from decoder.heldout import HeldOut
from phosphene.manifest import REST, Calibration

__all__ = ["FALSE_SHARE", "by_chance", "only_if_learned"]

Array = npt.NDArray[Any]

FALSE_SHARE = 0.01
"""Of decoders that have learned nothing, at most this share shows pictures."""
_DRAWS = 999
_MOST_CELLS = 4_000_000


def by_chance(held: HeldOut, seed: int) -> float:
    """Return how likely names as right as these are for a decoder that has learned nothing.

    Parameters
    ----------
    held : HeldOut
        With categories; rows without a name, and rest, do not count.
    seed : int
        Of the exchanges.

    Returns
    -------
    float
        Share of exchanges, and what is the case, with as many right; 1 where nothing was seen.
    """
    count = sum(name != REST for name in held.labels)
    best = held.scores[:, :count].argmax(axis=1)
    seen = np.flatnonzero((held.codes >= 0) & (held.codes < count))
    if not len(seen):
        return 1.0
    best, true, clusters = best[seen], held.codes[seen], held.clusters[seen]
    blocks = _blocks(true, clusters, held.groups[seen], held.rows[seen])
    first = np.unique(blocks, return_index=True)[1]
    names, homes = true[first], clusters[first]
    right, as_good, drawn = int((best == true).sum()), 0, 0
    rng = np.random.default_rng([seed, len(seen)])
    while drawn < _DRAWS:
        draws = min(_DRAWS - drawn, max(1, _MOST_CELLS // len(seen)))
        exchanged = _exchanged(names, homes, draws, rng)
        as_good += int(((exchanged[:, blocks] == best).sum(axis=1) >= right).sum())
        drawn += draws
    return (1 + as_good) / (1 + drawn)


def only_if_learned(calibration: Calibration, held: HeldOut, seed: int) -> Calibration:
    """Return a calibration that shows nothing where the names are right by chance.

    Without categories it stays as it is.
    """
    if not held.labels or by_chance(held, seed) <= FALSE_SHARE:
        return calibration
    controls = tuple(replace(control, refused=1.0) for control in calibration.controls)
    return replace(calibration, threshold=1.0, kept=0.0, controls=controls)


def _blocks(true: Array, clusters: Array, groups: Array, rows: Array) -> Array:
    """Return the block of each row: rows of one run and name that follow each other."""
    apart = (true[1:] != true[:-1]) | (groups[1:] != groups[:-1]) | (clusters[1:] != clusters[:-1])
    # Rest between two blocks of one name is not among the rows.
    apart |= np.diff(rows) != 1
    return np.concatenate([[0], np.cumsum(apart)])


def _exchanged(names: Array, homes: Array, draws: int, rng: np.random.Generator) -> Array:
    """Names of the blocks (blocks,) exchanged within their homes: (draws, blocks)."""
    found = np.tile(names, (draws, 1))
    for home in np.unique(homes):
        own = homes == home
        found[:, own] = rng.permuted(found[:, own], axis=1)
    return found
