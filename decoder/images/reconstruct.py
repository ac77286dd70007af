"""Pictures from responses: the mean of a decoded shape and of what painters make of its code.

Fit, in this order, on training trials only:

1. Pictures get a code: pixels and signed distances to the outline side by side.
2. A smoother (`decoder.images.smoother`) turns responses into weights of the training trials.
3. Weighted distances, with the kind of picture (the label) drawn halfway to the most probable
   one, become a picture with a soft step (`decoder.images.shapes`).
4. Left-out training trials show how decoded codes come from true ones; painters
   (`decoder.images.painter`) learn from simulated pairs what to paint.
5. The decoded picture is the mean of both.

All of it is feed-forward and goes into one ONNX graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.images.folds import numbered, split
from decoder.images.painter import Painter, PainterSettings, Pairs, channel, fit_painter
from decoder.images.shapes import code_scales, ink, shape_code, signed_distances
from decoder.images.smoother import Smoother, Voxels, fit_smoother
from decoder.images.variants import Variety, vary
from decoder.repeats import same_shown
from phosphene.errors import InputError, problem

__all__ = ["Fitted", "PictureDecoder", "PictureSettings", "as_grey"]

Array = npt.NDArray[Any]
GREY = np.array([0.299, 0.587, 0.114])
LEAST_TRIALS = 20
COARSE = 2
"""Variants are enlarged less than the training pictures before distances are taken."""


@dataclass(frozen=True)
class PictureSettings:
    """How pictures are decoded.

    Attributes
    ----------
    voxels, variety, painter
        Settings of the parts.
    painters : int
        How many painters are trained and averaged; 0 for the shape alone.
    painter_share : float
        Their share of the picture; the rest is the shape.
    components : int
        Principal components of the code that painters see.
    shrinkage : float
        Of the correlations of the noise in them.
    variants : int
        Variants of training pictures.
    folds, seed : int
        Of left-out training trials; the seed of everything that is drawn.
    softness_px, cut : float
        Of the step from distances to grey; see `decoder.images.shapes.ink`.
    kind_share : float
        How far the kind is drawn to the most probable one, 0 to 1.
    """

    voxels: Voxels = field(default_factory=Voxels)
    variety: Variety = field(default_factory=Variety)
    painter: PainterSettings = field(default_factory=PainterSettings)
    painters: int = 2
    painter_share: float = 0.5
    components: int = 25
    shrinkage: float = 0.3
    variants: int = 2000
    folds: int = 9
    seed: int = 0
    softness_px: float = 1.2
    cut: float = 0.05
    kind_share: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges."""
        wrong = []
        for name in ("painter_share", "shrinkage", "kind_share"):
            if not 0 <= getattr(self, name) <= 1:
                wrong.append(problem(name, getattr(self, name), "0 to 1", "Use 0.5."))
        for name, least in (("painters", 0), ("components", 1), ("variants", 1), ("folds", 2)):
            if getattr(self, name) < least:
                wrong.append(problem(name, getattr(self, name), f">= {least}", "Raise it."))
        if not self.softness_px > 0:
            wrong.append(problem("softness_px", self.softness_px, "> 0", "Use 1.2."))
        if not 0 <= self.cut < 0.5:
            wrong.append(problem("cut", self.cut, "0 to below 0.5", "Use 0.05."))
        if wrong:
            raise InputError("\n".join(wrong))


@dataclass(frozen=True)
class Fitted:
    """What a fit found; n training trials, k components, P pixels.

    Attributes
    ----------
    smoother : Smoother
    codes : array (n, k)
        Codes of the training pictures, for the painters.
    kinds : array (n, kinds)
        1 where a trial is of a kind.
    kind_distances : array (kinds, P)
        Mean signed distances of each kind.
    residuals : array (n, P)
        Distances of each training picture less those of its kind.
    painters : tuple of Painter
    shape : (height, width)
    """

    smoother: Smoother
    codes: Array
    kinds: Array
    kind_distances: Array
    residuals: Array
    painters: tuple[Painter, ...]
    shape: tuple[int, int]


@dataclass(frozen=True)
class PictureDecoder:
    """Trials x voxels to grey pictures; figures are bright on a dark ground.

    Attributes
    ----------
    settings : PictureSettings
    fitted : Fitted or None
        None before the fit.
    """

    settings: PictureSettings = field(default_factory=PictureSettings)
    fitted: Fitted | None = field(default=None, repr=False)

    def fit(
        self,
        responses: Array,
        pictures: Array,
        labels: Array | None = None,
        stimuli: Array | None = None,
    ) -> PictureDecoder:
        """Return this decoder fitted on training trials.

        Parameters
        ----------
        responses : array (n, voxels)
            Finite; at least 20 trials.
        pictures : array (n, height, width) or (n, height, width, 3)
            uint8, or float from 0 to 1.
        labels : array (n,) or None
            Kind of each picture, where there are kinds.
        stimuli : array of str (n,) or None
            Name of what each trial showed, "" where unknown. Trials of one name, or of one picture,
            are left out together when anything is learned from left-out trials.

        Returns
        -------
        PictureDecoder

        Raises
        ------
        InputError
            If the arrays do not fit together.
        """
        grey = as_grey(pictures)
        rows = _checked(responses, grey, labels)
        same = _numbers(grey, stimuli)
        distances = signed_distances(grey)
        scales = code_scales(grey, distances)
        code = shape_code(grey, distances, scales)
        kinds = _one_hot(labels, len(rows))
        flat = distances.reshape(len(rows), -1)
        kind_distances = (kinds.T @ flat) / kinds.sum(axis=0)[:, None]
        mean, axes = _axes(code, self.settings.components)
        fitted = Fitted(
            smoother=fit_smoother(rows, code, self.settings.voxels, same),
            codes=(code - mean) @ axes.T,
            kinds=kinds,
            kind_distances=kind_distances,
            residuals=flat - kinds @ kind_distances,
            painters=(),
            shape=(grey.shape[1], grey.shape[2]),
        )
        if self.settings.painters and self.settings.painter_share:
            pairs = self._pairs(rows, grey, same, code, fitted.codes, (mean, axes, scales))
            seeds = range(self.settings.seed, self.settings.seed + self.settings.painters)
            painters = tuple(fit_painter(pairs, self.settings.painter, seed) for seed in seeds)
            fitted = replace(fitted, painters=painters)
        return replace(self, fitted=fitted)

    def predict(self, responses: Array) -> Array:
        """Decode responses (m, voxels) into pictures (m, height, width) from 0 to 1."""
        parts = self.parts(responses)
        if "painted" not in parts:
            return parts["shape"]
        share = self.settings.painter_share
        return np.asarray(share * parts["painted"] + (1.0 - share) * parts["shape"])

    def parts(self, responses: Array) -> dict[str, Array]:
        """Return the pictures whose mean `predict` gives: "shape" and, with painters, "painted"."""
        found = self.known()
        weights = found.smoother(responses)
        kinds = weights @ found.kinds
        most = (kinds == kinds.max(axis=1, keepdims=True)).astype(np.float64)
        kinds = kinds + self.settings.kind_share * (most - kinds)
        distances = kinds @ found.kind_distances + weights @ found.residuals
        shape = ink(distances, self.settings.softness_px, self.settings.cut)
        parts = {"shape": shape.reshape(-1, *found.shape)}
        if found.painters:
            codes = weights @ found.codes
            parts["painted"] = np.mean([paint(codes) for paint in found.painters], axis=0)
        return parts

    def export(self) -> bytes:
        """Return an ONNX graph: `x` float32 (batch, voxels) to `pictures` and `z`.

        `pictures` is what `predict` gives, (batch, height, width); `z` = 2 `pictures` - 1,
        (batch, 1, height, width), is the latent of the target space of grey pixels.
        """
        from decoder.images.export import export_pictures

        return export_pictures(self)

    def known(self) -> Fitted:
        """Return what the fit found.

        Raises
        ------
        InputError
            Before the fit.
        """
        if self.fitted is None:
            raise InputError(problem("decoder", "not fitted", "a fitted one", "Call fit first."))
        return self.fitted

    def _pairs(
        self,
        rows: Array,
        grey: Array,
        same: Array,
        code: Array,
        codes: Array,
        to_code: tuple[Array, Array, tuple[float, float]],
    ) -> Pairs:
        settings = self.settings
        mean, axes, scales = to_code
        decoded = np.zeros_like(codes)
        folds = min(settings.folds, int(same.max()) + 1)
        for train, held in split(len(rows), folds, settings.seed, same):
            left = numbered(same[train])
            smoother = fit_smoother(rows[train], code[train], settings.voxels, left)
            decoded[held] = smoother(rows[held]) @ codes[train]
        slope, noise = channel(codes, decoded, settings.shrinkage)
        drawn = vary(grey, settings.variants, settings.variety, settings.seed)
        drawn_code = shape_code(drawn, signed_distances(drawn, COARSE), scales)
        return Pairs(decoded, grey, slope, noise, (drawn_code - mean) @ axes.T, drawn)


def as_grey(pictures: Array) -> Array:
    """Grey pictures (n, height, width) from 0 to 1, from uint8 or float, grey or RGB.

    Colours are weighted after ITU-R BT.601.

    Raises
    ------
    InputError
        If they have another shape, or floats outside 0 to 1.
    """
    given = np.asarray(pictures)
    values = given.astype(np.float64) / (255.0 if given.dtype == np.uint8 else 1.0)
    if values.ndim == 4 and values.shape[3] == 3:
        values = values @ GREY
    if values.ndim != 3:
        allowed = "(n, height, width) or (n, height, width, 3)"
        raise InputError(problem("pictures", given.shape, allowed, "Reshape them."))
    # Also false where a value is not a number.
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(problem("pictures", "values outside", "0 to 1, or uint8", "Scale them."))
    return values


def _checked(responses: Array, grey: Array, labels: Array | None) -> Array:
    rows = np.asarray(responses, np.float64)
    wrong = []
    if rows.ndim != 2 or len(rows) < LEAST_TRIALS:
        allowed = f"(n, voxels) with n >= {LEAST_TRIALS}"
        wrong.append(problem("responses", rows.shape, allowed, "Bring more trials."))
    elif not np.isfinite(rows).all():
        wrong.append(problem("responses", "not finite", "finite", "Leave those voxels out."))
    if len(grey) != len(rows):
        wrong.append(problem("pictures", len(grey), f"{len(rows)}, one a trial", "Match them."))
    if labels is not None and len(labels) != len(rows):
        wrong.append(problem("labels", len(labels), f"{len(rows)}, one a trial", "Match them."))
    if wrong:
        raise InputError("\n".join(wrong))
    return rows


def _numbers(grey: Array, stimuli: Array | None) -> Array:
    """Give what each trial showed a number, in the order in which it comes first."""
    same = numbered(same_shown(grey, stimuli))
    # A part of what is left without one stimulus is left out in turn.
    if int(same.max()) < 2:
        got = f"{int(same.max()) + 1} different"
        raise InputError(problem("pictures", got, "3 or more different ones", "Show more."))
    return same


def _one_hot(labels: Array | None, count: int) -> Array:
    if labels is None:
        return np.ones((count, 1))
    names = np.asarray(labels)
    return np.asarray(names[:, None] == np.unique(names)[None], np.float64)


def _axes(code: Array, components: int) -> tuple[Array, Array]:
    mean = code.mean(axis=0)
    _, s, axes = np.linalg.svd(code - mean, full_matrices=False)
    # Directions without variance would be divided by.
    count = max(1, min(components, int((s > s[0] * 1e-6).sum())))
    return mean, axes[:count]
