"""Decoded against seen: one run's percepts, all of them, joined with the truth by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.gate.levels import abstract
from phosphene.messages import Message
from phosphene.metrics import BLIND, label_chance, n_way, row_correlations, two_way
from phosphene.report.score import scored, scored_auc, zscored_by_truth
from phosphene.report.truth import Shown, shown_at
from phosphene.stimuli import C_DIM, embed

__all__ = ["SCORES", "Joined", "accuracy", "join"]

Array = npt.NDArray[Any]
Pictures = Mapping[float, npt.NDArray[np.uint8]]
MOST_WAYS = 50
REST = "rest"
SCORES = (
    "two_way",
    "two_way_per_clip",
    "two_way_picture",
    "two_way_picture_per_clip",
    "n_way",
    "label",
    "n_way_label",
    "label_per_block",
    "auc",
)

_IDENTIFY = (
    "2-way identification: share of percepts of other stimuli whose truth correlates less with the "
    "decoded one than the own truth does (Pearson; a tie counts one half)"
)
_C = "; on the embedding c, each attribute z-scored by what was seen, constant ones left out"
_PICTURE = (
    "; on pictures averaged to 32x32: the last recorded frame that shows each percept against the "
    "picture on show when it was seen; neutral frames count"
)
_PER_CLIP = "; decoded and seen are averaged over all percepts of each stimulus first"


@dataclass(frozen=True)
class Joined:
    """One percept with what was on show when it was seen.

    Attributes
    ----------
    percept : Message
        The percept.
    block : int
        Index of the stimulus among those shown.
    shown : Shown
        The stimulus.
    """

    percept: Message
    block: int
    shown: Shown


def join(percepts: Sequence[Message], shown: Sequence[Shown]) -> list[Joined]:
    """Return the percepts that were seen during a stimulus, in order."""
    joined = []
    for percept in percepts:
        block = shown_at(shown, percept.header.t_seen)
        if block is not None:
            joined.append(Joined(percept, block, shown[block]))
    return joined


def accuracy(joined: Sequence[Joined], pictures: Pictures, split: str) -> dict[str, Any]:
    """Score a run.

    Parameters
    ----------
    joined : sequence of Joined
        Percepts with their truth.
    pictures : mapping of float to uint8 array
        Recorded picture of a percept, by the percept's time of sending.
    split : str
        What the figures stand on, in words.

    Returns
    -------
    dict
        A score for each name of `SCORES`, or None; ``reasons`` says why not.
    """
    scores: dict[str, Any] = dict.fromkeys(SCORES)
    reasons: dict[str, str] = {}

    def attempt(names: Sequence[str], make: Callable[[], dict[str, Any]]) -> None:
        try:
            scores.update(make())
        except _NotPossibleError as error:
            reasons.update(dict.fromkeys(names, str(error)))

    attempt(("two_way", "two_way_per_clip", "n_way"), lambda: _embeddings(joined, split))
    attempt(
        ("two_way_picture", "two_way_picture_per_clip"), lambda: _pictures(joined, pictures, split)
    )
    attempt(("label", "n_way_label", "label_per_block"), lambda: _labels(joined, split))
    attempt(("auc",), lambda: _auc(joined, split))
    if scores["n_way"] is None and scores["n_way_label"] is not None:
        # Where no picture is known, the n ways are the labels.
        scores["n_way"] = scores["n_way_label"]
        reasons.pop("n_way", None)
    return {**scores, "reasons": reasons}


class _NotPossibleError(Exception):
    """Why a score cannot be made."""


def _embeddings(joined: Sequence[Joined], split: str) -> dict[str, Any]:
    rows = [j for j in joined if j.shown.clip is not None]
    if not rows:
        raise _NotPossibleError("no percept was seen while a known picture was on show")
    decoded = [j.percept.arrays.get("c") for j in rows]
    if any(c is None or c.shape != (C_DIM,) for c in decoded):
        raise _NotPossibleError(f"the percepts carry no embedding c of {C_DIM} numbers")
    scenes = [j.shown.scene_at(j.percept.header.t_seen) for j in rows]
    true = np.array([embed(s) for s in scenes if s is not None])
    return _identified(rows, *zscored_by_truth(np.array(decoded), true), split, _C, "")


def _pictures(joined: Sequence[Joined], pictures: Pictures, split: str) -> dict[str, Any]:
    rows = [j for j in joined if j.percept.header.t_sent in pictures and j.shown.clip is not None]
    if not rows:
        raise _NotPossibleError(
            "no recorded picture belongs to a percept that was seen while a known picture was on "
            "show"
        )
    decoded = np.array([_reduced(pictures[j.percept.header.t_sent]) for j in rows])
    true = np.array([_reduced(j.shown.picture_at(j.percept.header.t_seen)) for j in rows])
    if decoded.shape != true.shape:
        raise _NotPossibleError("recorded and seen pictures have different shapes")
    return _identified(rows, decoded, true, split, _PICTURE, "_picture")


def _reduced(picture: Array | None) -> Array:
    """Average a picture to 32x32, so that pictures of any size compare (and long runs fit)."""
    reduced = None if picture is None else abstract(picture, 3)
    if reduced is None:
        raise _NotPossibleError("a stimulus without a picture was compared with one")
    return reduced.astype(np.float32).reshape(-1)


def _identified(
    rows: Sequence[Joined], decoded: Array, true: Array, split: str, what: str, suffix: str
) -> dict[str, Any]:
    """Score identification per percept and per stimulus."""
    _, stimulus = np.unique([j.shown.identity for j in rows], return_inverse=True)
    clips = int(stimulus.max()) + 1
    if clips < 2:
        raise _NotPossibleError("identification needs at least two different stimuli")
    mean_decoded = np.array([decoded[stimulus == k].mean(axis=0) for k in range(clips)])
    mean_true = np.array([true[stimulus == k].mean(axis=0) for k in range(clips)])
    every, rule = np.arange(clips), _IDENTIFY + what
    r, r_mean = row_correlations(decoded, true), row_correlations(mean_decoded, mean_true)
    found = {
        f"two_way{suffix}": scored(
            lambda truths: two_way(r, stimulus, truths),
            stimulus, chance=0.5, rule=rule, split=split,
        ),
        f"two_way{suffix}_per_clip": scored(
            lambda truths: two_way(r_mean, every, truths),
            every, chance=0.5, rule=rule + _PER_CLIP, split=split,
        ),
    }  # fmt: skip
    if not suffix:
        ways = min(clips, MOST_WAYS)
        rule = f"{ways}-way identification, strict: the own truth must beat all others" + what
        score = scored(
            lambda truths: n_way(r_mean, every, truths, ways),
            every, chance=1.0 / ways, rule=rule + _PER_CLIP, split=split,
        )  # fmt: skip
        found["n_way"] = {**score, "ways": ways}
    return found


def _named(joined: Sequence[Joined]) -> tuple[list[Joined], list[str]]:
    """Percepts whose stimulus is among the labels that the decoder knows, and these labels."""
    known = sorted({n for j in joined for n in j.percept.header.probabilities} - {REST})
    rows = [j for j in joined if j.shown.label in known]
    if not rows:
        raise _NotPossibleError(
            "no percept was seen during a stimulus whose label the decoder knows: "
            + (", ".join(known) or "it names none")
        )
    return rows, known


def _labels(joined: Sequence[Joined], split: str) -> dict[str, Any]:
    rows, known = _named(joined)
    blocks, of_row = np.unique([j.block for j in rows], return_inverse=True)
    table = np.array([[j.percept.header.probabilities.get(n, 0.0) for n in known] for j in rows])
    said = np.array([j.percept.header.label or "" for j in rows])
    true = np.array([j.shown.label for j in rows])
    mean = np.array([table[of_row == k].mean(axis=0) for k in range(len(blocks))])
    said_block = np.array(known)[mean.argmax(axis=1)]
    true_block = np.array([true[of_row == k][0] for k in range(len(blocks))])
    chance = label_chance(true)
    said_known = np.array(known)[table.argmax(axis=1)]
    rule = f"share of percepts whose label ({len(known)} known) is that of the stimulus on show"
    among = f"largest probability among {len(known)} known labels, rest left out, per percept"
    per_block = f"label of the largest probability ({len(known)} known), averaged over each block"
    rule, among, per_block = (f"{words}; {BLIND}" for words in (rule, among, per_block))

    every = np.arange(len(blocks))
    return {
        "label": scored(
            lambda truths: (said == true[truths]).astype(float),
            of_row, chance=chance, rule=rule, split=split,
        ),
        "n_way_label": scored(
            lambda truths: (said_known == true[truths]).astype(float),
            of_row, chance=chance, rule=among, split=split,
        ),
        "label_per_block": scored(
            lambda truths: (said_block == true_block[truths]).astype(float),
            every, chance=label_chance(true_block), rule=per_block, split=split,
        ),
    }  # fmt: skip


def _auc(joined: Sequence[Joined], split: str) -> dict[str, Any]:
    rows, known = _named(joined)
    classes = sorted({j.shown.label for j in rows})
    if len(classes) != 2:
        raise _NotPossibleError(
            f"needs exactly two classes, {len(classes)} of {len(known)} were shown"
        )
    odds = np.array([_share(j, classes) for j in rows])
    positive = np.array([j.shown.label == classes[0] for j in rows])
    rule = f"area under the ROC curve of P({classes[0]}) against P({classes[1]}), per percept"
    blocks = np.array([j.block for j in rows])
    return {"auc": scored_auc(odds, positive, blocks, rule=rule, split=split)}


def _share(joined: Joined, classes: Sequence[str]) -> float:
    probabilities = joined.percept.header.probabilities
    first, second = (probabilities.get(name, 0.0) for name in classes)
    return first / (first + second) if first + second > 0 else 0.5
