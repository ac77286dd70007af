"""From percepts and painted pictures to everything that the report tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from decoder.evaluation import measure
from decoder.evaluation.items import Items, of_percepts
from decoder.evaluation.percepts import Percepts
from decoder.evaluation.ranking import Ranking, rank
from decoder.metrics.judges import Judge, Judged, prepared
from phosphene.errors import ConfigError, problem
from phosphene.metrics import Scored

__all__ = ["Evaluation", "Settings", "evaluate"]

Array = npt.NDArray[Any]
Pictures = npt.NDArray[np.uint8]
Progress = Callable[[str], None]
RANKED_BY = ("zc", "z", "c")
"""Kind of picture that the ranking uses: the first of these that there is."""


@dataclass(frozen=True)
class Settings:
    """How percepts are measured.

    Attributes
    ----------
    compete : str
        "fold" or "all", see `decoder.evaluation.items.of_percepts`.
    side_px : int, optional
        Size at which pictures are compared; None takes the smaller of seen and painted.
    rank_by : str
        Metric of pictures that ranks stimuli.
    permutations : int
        Of the shuffled control.
    seed : int
        Of every draw.
    """

    compete: Literal["fold", "all"] = "fold"
    side_px: int | None = None
    rank_by: str = "pixcorr"
    permutations: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes
    ----------
    scores : mapping of str to Scored
        By name: ``z.two_way``, ``picture-zc.ssim``, ``squeezenet-zc.judged_50_way``, ...
    missing : mapping of str to str
        What could not be measured, and why.
    items : Items
        Stimuli and groups of the rows.
    ranking : Ranking, optional
        Of all stimuli, where there are pictures of both sides.
    pictures : mapping of str to array
        Seen first, then painted, each at its own size.
    judges : mapping of str to str
        Identity of each judge's weights.
    """

    scores: Mapping[str, Scored]
    missing: Mapping[str, str]
    items: Items
    ranking: Ranking | None
    pictures: Mapping[str, Pictures] = field(repr=False)
    judges: Mapping[str, str]


def evaluate(
    percepts: Percepts,
    painted: Mapping[str, Pictures],
    judges: Sequence[Judge],
    settings: Settings,
    progress: Progress,
) -> Evaluation:
    """Measure everything that can be measured.

    Parameters
    ----------
    percepts : Percepts
        Held out, with their truth.
    painted : mapping of str to array uint8 (n, side, side, 3)
        Reconstructions by kind: z, c, zc.
    judges : sequence of Judge
        Classifiers and encoders to compare through.
    settings : Settings
        How.
    progress : Callable
        Told what is measured next.

    Returns
    -------
    Evaluation

    Raises
    ------
    ConfigError
        If stimuli are to be ranked by a metric that there is not.
    """
    items = of_percepts(percepts, settings.compete, settings.seed, settings.permutations)
    scores: dict[str, Scored] = {}
    missing: dict[str, str] = {}
    progress("vectors")
    _vectors(percepts, items, scores, missing)
    scores |= {f"label.{k}": s for k, s in measure.measure_labels(percepts, items).items()}
    if "label.category" not in scores:
        missing["label"] = "the decoder tells no two categories apart, or truths have none of them"
    seen = percepts.seen
    if seen is None:
        missing["pictures"] = "what was seen is not known as pictures"
    elif not painted:
        missing["pictures"] = "nothing could be painted from the percepts"
    else:
        _pictures(seen, painted, items, settings, progress, scores)
        _judged(percepts, seen, painted, judges, items, progress, scores)
    kind = next((k for k in RANKED_BY if k in painted), None)
    ranking = None
    if seen is not None and kind is not None:
        ranking = _ranked(scores, items, kind, settings.rank_by)
    shown = {} if seen is None else {"seen": seen}
    return Evaluation(
        scores, missing, items, ranking, {**shown, **painted}, {j.id: j.sha256 for j in judges}
    )


def _vectors(
    percepts: Percepts, items: Items, scores: dict[str, Scored], missing: dict[str, str]
) -> None:
    for name, words in (("z", "latent z"), ("c", "embedding c")):
        decoded, true = getattr(percepts, name), getattr(percepts, f"{name}_true")
        if decoded is None or true is None:
            missing[name] = f"{name} was not decoded, or is not known of what was seen"
            continue
        known = np.isfinite(true.reshape(len(true), -1)).all(axis=1)
        rows = np.flatnonzero(known)
        if len(rows) < 2 or items.select(rows).pool < 2:
            missing[name] = f"{name} is known of fewer than two stimuli in a group"
            continue
        found = measure.measure_vectors(decoded[rows], true[rows], items.select(rows), words)
        scores.update({f"{name}.{k}": s for k, s in found.items()})


def _pictures(
    seen: Pictures,
    painted: Mapping[str, Pictures],
    items: Items,
    settings: Settings,
    progress: Progress,
    scores: dict[str, Scored],
) -> None:
    for kind, pictures in painted.items():
        progress(f"pictures {kind}")
        own = min(*seen.shape[1:3], *pictures.shape[1:3])
        side = settings.side_px or own
        found = measure.measure_pictures(prepared(pictures, side), prepared(seen, side), items)
        scores.update({f"picture-{kind}.{k}": s for k, s in found.items()})


def _judged(
    percepts: Percepts,
    seen: Pictures,
    painted: Mapping[str, Pictures],
    judges: Sequence[Judge],
    items: Items,
    progress: Progress,
    scores: dict[str, Scored],
) -> None:
    clips = _clips(percepts)
    for judge in judges:
        progress(f"{judge.id}, seen")
        true: Judged = judge.judge(seen)
        for kind, pictures in painted.items():
            progress(f"{judge.id}, {kind}")
            found = measure.measure_judged(judge.judge(pictures), true, items, clips, judge.id)
            scores.update({f"{judge.id}-{kind}.{k}": s for k, s in found.items()})


def _clips(percepts: Percepts) -> Array:
    """Return one number for each stretch of rows of one stimulus that follow each other."""
    same = (percepts.runs[1:] == percepts.runs[:-1]) & (percepts.folds[1:] == percepts.folds[:-1])
    same &= (percepts.stimuli[1:] == percepts.stimuli[:-1]) & (percepts.stimuli[1:] != "")
    same &= percepts.times[1:] > percepts.times[:-1]
    return np.concatenate([[0], np.cumsum(~same)])


def _ranked(scores: Mapping[str, Scored], items: Items, kind: str, by: str) -> Ranking:
    name = f"picture-{kind}.{by}"
    if name not in scores:
        have = sorted(n.partition(".")[2] for n in scores if n.startswith(f"picture-{kind}."))
        raise ConfigError(problem("--rank-by", by, ", ".join(have), "Choose one of these."))
    return rank(scores[name], items, f"{by} of the pictures {kind}")
