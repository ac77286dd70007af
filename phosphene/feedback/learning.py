"""What a run's scores say: each block, and whether regulation differs from rest, beside chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.feedback.record import About, Row

__all__ = ["block_rows", "compare_blocks", "summary_of"]

Floats = npt.NDArray[np.float64]
PERMUTATIONS = 2000
LEAST_BLOCKS = 3


def block_rows(about: About, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Sum up each block: what was measured of it, and what was shown while it ran.

    What is measured in fMRI comes seconds after what it measures, so that the two are samples of
    different times.

    Parameters
    ----------
    about : About
        Of the run.
    rows : sequence of Row
        Its scores.

    Returns
    -------
    list of dict
        Number, kind, condition, onset, number of samples measured of it, mean value in the score's
        unit, mean of the person's own score and of the shown one while it ran; None where there is
        none.
    """
    found = []
    for index, (kind, onset_s, _, condition) in enumerate(about.blocks):
        of_it = [row for row in rows if row.seen_block == index]
        ran = [row for row in rows if row.block == index]
        found.append({
            "block": index, "kind": kind, "condition": condition, "onset_s": onset_s,
            "n": len(of_it), "value": _mean([r.value for r in of_it]),
            "own": _mean([r.own for r in ran]), "shown": _mean([r.shown for r in ran]),
        })  # fmt: skip
    return found


def summary_of(about: About, rows: Sequence[Row], *, seed: int = 0) -> dict[str, Any]:
    """Compare regulation with rest, and late blocks with early ones.

    A block is what was measured of it, the score's delay taken off, and counts as one: samples
    within a block are not independent. Chance of the comparison with
    rest is 0.5, the share of pairs of blocks in which regulation has more; the control exchanges
    the names of whole blocks.

    Parameters
    ----------
    about : About
        Of the run.
    rows : sequence of Row
        Its scores.
    seed : int
        Of the control.

    Returns
    -------
    dict
        ``regulation``: share of pairs, chance, mean and 97.5 % quantile of the control, p, numbers
        of blocks; ``learning``: rank correlation of a block's value with its number, chance 0, and
        the same. With ``reason`` in place of figures where there are too few blocks.
    """
    values = [
        (kind, _mean([r.measured for r in rows if r.seen_block == index]))
        for index, (kind, _, _, _) in enumerate(about.blocks)
    ]
    pairs = [(kind, v) for kind, v in values if kind in ("rest", "regulate") and v is not None]
    tried = np.array([v for kind, v in pairs if kind == "regulate"])
    rest = np.array([v for kind, v in pairs if kind == "rest"])
    draw = np.random.default_rng(seed)
    return {
        "split": f"run {about.run}: every block, scored causally while it ran",
        "regulation": _regulation(tried, rest, draw),
        "learning": _learning(tried, draw),
    }


def compare_blocks(
    about: About, t_s: Sequence[float], values: Sequence[float], *, seed: int = 0
) -> dict[str, Any]:
    """Compare something else that was measured, while they ran, in regulation and in rest.

    Parameters
    ----------
    about : About
        Of the run.
    t_s, values : sequence of float
        When it was measured, in seconds on the recording's axis, and what.
    seed : int
        Of the control.

    Returns
    -------
    dict
        As ``regulation`` of `summary_of`.
    """
    means: dict[str, list[float]] = {"regulate": [], "rest": []}
    for kind, on_s, end_s, _ in about.blocks:
        if kind in means:
            own = _mean([v for t, v in zip(t_s, values, strict=True) if on_s <= t < end_s])
            means[kind] += [] if own is None else [own]
    draw = np.random.default_rng(seed)
    return _regulation(np.array(means["regulate"]), np.array(means["rest"]), draw)


def _regulation(tried: Floats, rest: Floats, draw: np.random.Generator) -> dict[str, Any]:
    if min(len(tried), len(rest)) < LEAST_BLOCKS:
        return _too_few(f"{len(tried)} blocks of regulation and {len(rest)} of rest")
    ranks = _ranked(np.concatenate([tried, rest]))
    n, pairs = len(tried), len(tried) * len(rest)

    def share(rows: Floats) -> Floats:
        # Mann and Whitney's U over the number of pairs; ties count half.
        found: Floats = (rows[:, :n].sum(axis=1) - n * (n + 1) / 2.0) / pairs
        return found

    drawn = share(_permuted(ranks, draw))
    rule = "share of pairs of blocks in which regulation measures more than rest"
    counted = {"n": n, "n_rest": len(rest)}
    return _told(float(share(ranks[None])[0]), 0.5, drawn, rule) | counted


def _learning(tried: Floats, draw: np.random.Generator) -> dict[str, Any]:
    if len(tried) < LEAST_BLOCKS:
        return _too_few(f"{len(tried)} blocks of regulation")
    ranks = _ranked(tried)
    order = np.arange(len(tried), dtype=float)
    order -= order.mean()
    size = math.sqrt(float(order @ order) * float(((ranks - ranks.mean()) ** 2).sum()))

    def correlation(rows: Floats) -> Floats:
        found: Floats = rows @ order / size if size > 0 else np.zeros(len(rows))
        return found

    drawn = correlation(_permuted(ranks, draw))
    rule = "rank correlation (Spearman) of a block's measurement with its number"
    return _told(float(correlation(ranks[None])[0]), 0.0, drawn, rule) | {"n": len(tried)}


def _permuted(ranks: Floats, draw: np.random.Generator) -> Floats:
    found: Floats = draw.permuted(np.tile(ranks, (PERMUTATIONS, 1)), axis=1)
    return found


def _told(value: float, chance: float, drawn: Floats, rule: str) -> dict[str, Any]:
    # Two-sided: protocols may ask for less.
    as_far = np.abs(drawn - chance) >= abs(value - chance) - 1e-12
    return {
        "value": value,
        "chance": chance,
        "shuffled": float(drawn.mean()),
        "shuffled_high": float(np.quantile(drawn, 0.975)),
        "p": (1 + int(as_far.sum())) / (1 + len(drawn)),
        "rule": rule,
    }


def _too_few(have: str) -> dict[str, Any]:
    return {"reason": f"{have}; {LEAST_BLOCKS} of each are needed"}


def _ranked(a: Floats) -> Floats:
    """Return ranks; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(a, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = (ends - (counts - 1) / 2.0)[inverse]
    return found


def _mean(values: Sequence[float]) -> float | None:
    known = [v for v in values if not math.isnan(v)]
    return math.fsum(known) / len(known) if known else None
