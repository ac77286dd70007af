"""All metrics of a set of held-out percepts, each with what stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.evaluation.items import Items, one_each
from decoder.evaluation.percepts import Percepts
from decoder.metrics import mse, pix_corr, psnr, ssim, ssim_grey
from decoder.metrics.classes import ACCEPTED, judged_top_k, strict_top_k
from decoder.metrics.consistency import paired_correlation
from decoder.metrics.judges import Judged
from decoder.metrics.structure import GAUSSIAN_SIDE_PX, UNIFORM_SIDE_PX, paired
from decoder.metrics.vectors import cosines
from phosphene.metrics import (
    BLIND,
    Scored,
    label_chance,
    n_way,
    n_way_chance,
    row_correlations,
    two_way,
)

__all__ = ["WAYS", "measure_judged", "measure_labels", "measure_pictures", "measure_vectors"]

Array = npt.NDArray[Any]
Scores = dict[str, Scored]
WAYS = (2, 50)
"""Numbers of classes among which judges choose, and of stimuli in pools, where there are enough."""

_TAKAGI = (
    "2-way identification (Takagi & Nishimoto 2023): share of {among} whose {what} correlates less "
    "with the decoded one than the own does; a tie counts one half"
)
_STRICT = (
    "{ways}-way identification, strict: the own {what} correlates more with the decoded one than "
    "those of {others} others, all draws of {among}; one row per stimulus; a tie is a loss"
)
_RETRIEVAL = (
    "top-1 retrieval {direction} by cosine among a pool of {ways}, mean over all pools with "
    "{among}; one row per stimulus"
)
_PICTURE_COMPARISONS = 5000


def measure_vectors(decoded: Array, true: Array, items: Items, what: str) -> Scores:
    """Identify and retrieve with vectors: latents z, embeddings c, or a judge's features.

    Parameters
    ----------
    decoded, true : array (n, ...)
        Finite.
    items : Items
        Their stimuli and groups; two or more stimuli in each group.
    what : str
        Name of the vectors, for the rules.

    Returns
    -------
    dict of str to Scored
        ``two_way``, and ``<pool>_way``, ``retrieval_forward`` and ``retrieval_backward`` at the
        largest of `WAYS` that fits (with fewer stimuli, at their number).
    """
    found = {"two_way": _two_way(decoded, true, items, what)}
    if items.pool < 3:
        return found
    rows = one_each(items)
    each, a, b = items.select(rows), decoded[rows], true[rows]
    pool = min(items.pool, WAYS[-1])
    said = {"ways": pool, "others": pool - 1, "among": items.among, "what": what}
    alike, cosine = row_correlations(a, b), cosines(a, b)
    for name, likeness, rule in (
        (f"{pool}_way", alike, _STRICT.format(**said)),
        ("retrieval_forward", cosine, _RETRIEVAL.format(direction="forward", **said)),
        ("retrieval_backward", cosine.T, _RETRIEVAL.format(direction="backward", **said)),
    ):
        values = partial(_n_way, likeness, each, pool)
        found[name] = each.score(values, n_way_chance(pool), rule)
    return found


def measure_pictures(decoded: Array, true: Array, items: Items) -> Scores:
    """Compare pictures pixel by pixel.

    Parameters
    ----------
    decoded, true : array of uint8 (n, side, side, 3)
        Of one size.
    items : Items
        Their stimuli and groups.

    Returns
    -------
    dict of str to Scored
        ``pixcorr``, ``ssim`` (colour, 7 x 7), ``ssim_grey`` (Gaussian), ``psnr``, ``mse`` and
        ``two_way``, those that pictures of this size have.
    """
    side = min(decoded.shape[1:3])
    at = f"at {decoded.shape[2]} x {decoded.shape[1]} pixels"
    ways: dict[str, tuple[Callable[[Array, Array], Array], str, bool, int]] = {
        "pixcorr": (pix_corr, "Pearson correlation over pixels and colours", True, 2),
        "ssim": (ssim, "SSIM of colours, uniform 7 x 7 window, sample covariance, range 255", True,
                 UNIFORM_SIDE_PX),
        "ssim_grey": (ssim_grey, "SSIM of brightness, Gaussian window (sigma 1.5), no sample "
                      "covariance, range 1", True, GAUSSIAN_SIDE_PX),
        "psnr": (psnr, "peak signal-to-noise ratio in dB", True, 1),
        "mse": (mse, "mean squared error, black 0, white 1", False, 1),
    }  # fmt: skip
    found: Scores = {}
    most = int(np.clip(_PICTURE_COMPARISONS // len(items), 5, items.permutations))
    for name, (metric, rule, higher, least) in ways.items():
        if side >= least:
            found[name] = items.score(
                _pairing(name, metric, decoded, true), None,
                f"{rule}, {at}", higher_is_better=higher, permutations=most,
            )  # fmt: skip
    if items.pool >= 2:
        # Of large pictures single precision is enough, and half the memory.
        a, b = (x.reshape(len(x), -1).astype(np.float32) for x in (decoded, true))
        found["two_way"] = _two_way(a, b, items, f"picture {at}")
    return found


def measure_judged(decoded: Judged, true: Judged, items: Items, clips: Array, judge: str) -> Scores:
    """Compare pictures through a judge.

    Parameters
    ----------
    decoded, true : Judged
        Of reconstructions and of what was seen.
    items : Items
        Their stimuli and groups.
    clips : array of int (n,)
        Rows with one number that follow each other are frames of one clip.
    judge : str
        Its name, for the rules.

    Returns
    -------
    dict of str to Scored
        ``two_way_<layer>``; ``judged_<n>_way`` (rule of MinD-Video) and ``strict_<n>_way``;
        ``consistency`` where clips have several frames, beside ``consistency_seen``.
    """
    found: Scores = {}
    for layer, features in decoded.features.items():
        if items.pool >= 2:
            what = f"features ({judge}, {layer})"
            found[f"two_way_{layer}"] = _two_way(features, true.features[layer], items, what)
    if decoded.scores is not None and true.scores is not None:
        found |= _classes(decoded.scores, true.scores, items, judge)
    if decoded.features:
        last = list(decoded.features)[-1]
        for name, judged in (("consistency", decoded), ("consistency_seen", true)):
            steady = _consistency(judged.features[last], items, clips, f"{judge}, {last}")
            found |= {} if steady is None else {name: steady}
    return found


def measure_labels(percepts: Percepts, items: Items) -> Scores:
    """Score categories: how often the most probable one is that of what was seen.

    Returns
    -------
    dict of str to Scored
        ``category``; of two categories also ``auc``. Empty where truths have none of them.
    """
    names = np.array(percepts.label_names)
    scores, true = percepts.scores, percepts.labels
    if scores is None or len(names) < 2 or not np.isin(true, names).all():
        return {}
    said = names[scores.argmax(axis=1)]
    rule = (
        f"share of percepts whose most probable category is the true one, {len(names)} ways; "
        f"{BLIND}"
    )
    found = {
        "category": items.score(
            lambda truths: (said == true[truths]).astype(float), label_chance(true), rule
        )
    }
    if len(names) == 2:
        margin, first = scores[:, 0] - scores[:, 1], true == names[0]
        rule = (
            f"area under the ROC curve of {names[0]} against {names[1]}, within folds: share of "
            "rows of the other category on the right side of each row; a tie counts one half"
        )
        folds = np.unique(percepts.folds, return_inverse=True)[1]
        found["auc"] = items.score(
            lambda truths: _right_side(margin, first[truths], folds), 0.5, rule
        )
    return found


def _right_side(margin: Array, positive: Array, folds: Array) -> Array:
    """Return for each row the share of its fold's rows of the other kind on its right side."""
    found = np.full(len(margin), np.nan)
    for fold in np.unique(folds):
        own = folds == fold
        for kind, sign in ((True, 1.0), (False, -1.0)):
            rows = np.flatnonzero(own & (positive == kind))
            others = np.sort(sign * margin[own & (positive != kind)])
            if len(rows) and len(others):
                below = np.searchsorted(others, sign * margin[rows], "left")
                level = np.searchsorted(others, sign * margin[rows], "right")
                found[rows] = (below + level) / (2 * len(others))
    return found


def _two_way(decoded: Array, true: Array, items: Items, what: str) -> Scored:
    r = row_correlations(decoded, true)
    rule = _TAKAGI.format(among=items.among, what=what)
    return items.score(lambda truths: two_way(r, items.stimuli, truths, items.groups), 0.5, rule)


def _pairing(
    name: str, metric: Callable[[Array, Array], Array], decoded: Array, true: Array
) -> Callable[[Array], Array]:
    """Return the metric as a function of the truths' rows, in its faster form where it has one."""
    if name == "ssim":
        return paired(decoded, true, "colour")
    if name == "ssim_grey":
        return paired(decoded, true, "grey")
    return partial(_compared, metric, decoded, true)


def _compared(metric: Callable[..., Array], decoded: Array, true: Array, truths: Array) -> Array:
    return metric(decoded, true[truths])


def _n_way(likeness: Array, items: Items, pool: int, truths: Array) -> Array:
    return n_way(likeness, items.stimuli, truths, pool, groups=items.groups)


def _classes(decoded: Array, true: Array, items: Items, judge: str) -> Scores:
    found: Scores = {}
    classes = true.shape[1]
    rules: Mapping[str, tuple[Callable[..., Array], int, str]] = {
        "judged": (judged_top_k, ACCEPTED, "any of the truth's three most probable classes"),
        "strict": (strict_top_k, 1, "the truth's most probable class"),
    }
    for ways in (w for w in WAYS if w <= classes - ACCEPTED + 1):
        for name, (metric, accepted, which) in rules.items():
            rule = (
                f"{ways}-way top-1 by classes of {judge}: {which} is more probable in the "
                f"reconstruction than {ways - 1} others, mean over all draws"
            )
            found[f"{name}_{ways}_way"] = items.score(
                partial(_compared, partial(metric, ways=ways), decoded, true),
                n_way_chance(ways, accepted=accepted),
                rule,
            )
    return found


def _consistency(features: Array, items: Items, clips: Array, what: str) -> Scored | None:
    """Score consecutive frames; the control takes the second frame from a random place."""
    first = np.flatnonzero(clips[:-1] == clips[1:])
    if len(first) < 2:
        return None
    a, b = features[first], features[first + 1]
    rule = (
        f"mean correlation of features ({what}) of consecutive frames of a clip; control: the "
        "second frame from a random place. It says how steady, not how true"
    )
    return items.select(first).score(lambda truths: paired_correlation(a, b[truths]), None, rule)
