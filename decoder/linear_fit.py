"""Fits every head of a `LinearModel` on training windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from decoder.classify import fit_lda
from decoder.committee import Committee, Layout, fit_committee
from decoder.eeg.heads import convolution_of_c, convolution_of_categories
from decoder.eeg.network import Convolution
from decoder.eeg.pipelines import fit_pyriemann
from decoder.heads import fit_head
from decoder.images.head import PictureHead, fit_pictures
from decoder.linear import Affine, Space
from decoder.power import fit_power
from decoder.regions import Head, Regions
from decoder.regions_data import RegionsFromData
from decoder.samples import Samples
from decoder.settings import FitSettings
from phosphene.errors import InputError, problem
from phosphene.manifest import REST

if TYPE_CHECKING:
    from decoder.model import LinearModel, Scores

__all__ = ["averaged", "committee_of", "fit_linear", "known_labels", "label_order"]

Array = npt.NDArray[Any]


def fit_linear(model: LinearModel, samples: Samples, settings: FitSettings) -> LinearModel:
    """Fit every head that the samples have targets for.

    Parameters
    ----------
    model : LinearModel
        Gives the target space and the regions.
    samples : Samples
        Training windows; those with unknown targets are left out head by head. Labels that are
        missing are taken from c: the category whose code is nearest.
    settings : FitSettings
        Candidates, folds, and whether windows are averaged.

    Returns
    -------
    LinearModel
        Not calibrated yet.

    Raises
    ------
    InputError
        If a label is neither a category nor "rest", or neither labels nor c are there.
    """
    X, times = averaged(samples.X, settings)
    space = Space.of(X)
    regions = _regions_of(model, samples, X, settings)
    window = 1 if regions is None else X.shape[1] // regions.features
    told: dict[str, float] = {}
    maps: dict[str, Affine | None] = {"z": None, "c": None}
    embedding: Convolution | None = None
    pictures: PictureHead | None = None
    names = known_labels(model, samples)
    targets: tuple[tuple[Head, Array | None], ...] = (("z", samples.z), ("c", samples.c))
    for name, target in targets:
        if target is None:
            continue
        flat = target.reshape(len(target), -1)
        known = np.asarray(np.isfinite(flat).all(axis=1))
        if name == "c" and settings.convolution:
            embedding = convolution_of_c(X[known], flat[known], samples.groups[known], settings)
            continue
        if name == "z" and settings.pictures is not None:
            mask = regions.mask("z") if regions else None
            shown = names[known].tolist()
            stimuli = None if samples.stimuli is None else samples.stimuli[known]
            pictures = fit_pictures(
                X[known], flat[known], shown, settings.pictures, model.z_shape, mask, stimuli
            )
            told |= pictures.facts()
            continue
        weightings = regions.weightings(name, window) if regions else []
        rows = X[known] if weightings else X
        fitted = fit_head(
            rows, flat[known], samples.groups[known], settings, weightings, space.take(known)
        )
        maps[name] = fitted.map.repeated(times)
        told |= fitted.facts(name)
    known = names != ""
    labels = label_order(model.categories, names[known])
    scores: Scores | None = None
    if labels or not any((*maps.values(), embedding, pictures)):
        scores, shrinkage = _fit_scores(
            regions, X[known], names[known], labels, samples.groups[known], settings,
            space.take(known), times,
        )  # fmt: skip
        told |= {} if shrinkage is None else {"shrinkage": shrinkage}
    return replace(
        model, regions=regions, z=pictures or maps["z"], c=embedding or maps["c"], scores=scores,
        labels=labels, chosen=told,
    )  # fmt: skip


def _regions_of(
    model: LinearModel, samples: Samples, X: Array, settings: FitSettings
) -> Regions | None:
    """Regions that are given, or found in the training rows."""
    regions = model.regions
    if isinstance(regions, RegionsFromData):
        volumes = settings.window if X.shape[1] == samples.X.shape[1] else 1
        mean = X.reshape(len(X), volumes, -1).mean(axis=1)
        return regions.find(mean, samples.z, samples.c, samples.groups, settings)
    if regions is not None and X.shape[1] % regions.features:
        allowed = f"a multiple of the {regions.features} voxels of the regions"
        cure = "Read regions in the data's mask."
        raise InputError(problem("features", X.shape[1], allowed, cure))
    return regions


def _fit_scores(
    regions: Regions | None,
    X: Array,
    names: Array,
    labels: tuple[str, ...],
    groups: Array,
    settings: FitSettings,
    space: Space,
    times: int,
) -> tuple[Scores, float | None]:
    """Fit the head of categories; returns it with the shrinkage where one was chosen."""
    if settings.frequencies_hz:
        return fit_power(
            X, names, labels, groups, Layout(settings.channels, settings.rate_hz),
            settings.frequencies_hz, settings.shrinkages, settings.folds,
        )  # fmt: skip
    if settings.convolution:
        return convolution_of_categories(X, names, labels, groups, settings), None
    if settings.committee or settings.pyriemann:
        return committee_of(X, names, labels, groups, settings), None
    mask = regions.mask("class") if regions else None
    if mask is not None:
        space = Space.of(X, np.tile(mask.astype(np.float64), X.shape[1] // len(mask)))
    lda = fit_lda(space, names, labels, groups, settings.shrinkages, settings.folds)
    return lda.scores.repeated(times), lda.shrinkage


def committee_of(
    X: Array, names: Array, labels: Sequence[str], groups: Array, settings: FitSettings
) -> Committee:
    """Fit a committee with the layout and the candidates of the settings."""
    layout = Layout(settings.channels, settings.rate_hz)
    fit = fit_pyriemann if settings.pyriemann else fit_committee
    return fit(X, names, labels, groups, layout, settings.shrinkages, settings.folds)


def averaged(X: Array, settings: FitSettings) -> tuple[Array, int]:
    """Return what heads are fitted on, and how many volumes of a window were averaged for it."""
    if settings.combine == "concat" or settings.window == 1:
        return X, 1
    return X.reshape(len(X), settings.window, -1).mean(axis=1), settings.window


def known_labels(model: LinearModel, samples: Samples) -> Array:
    """Labels of samples, taken from c where labels are missing; "" where unknown."""
    if not model.categories:
        return np.full(len(samples.rows), "")
    if samples.labels is not None:
        return samples.labels
    if samples.c is None:
        raise InputError(problem("targets", "z only", "labels or c beside it", "Give labels."))
    known = np.isfinite(samples.c).all(axis=1)
    distance = ((samples.c[:, None, :] - model.prototypes[None]) ** 2).sum(axis=2)
    nearest = np.asarray(model.categories)[np.argmin(np.nan_to_num(distance), axis=1)]
    return np.where(known, nearest, "")


def label_order(categories: Sequence[str], labels: Array) -> tuple[str, ...]:
    """Labels that occur, in the order of the target space, "rest" last."""
    seen = set(labels.tolist())
    strange = sorted(seen - {*categories, REST})
    if strange:
        allowed = ", ".join((*categories, REST))
        raise InputError(problem("labels", strange, allowed, "Rename them (see --labels)."))
    return tuple(name for name in (*categories, REST) if name in seen)
