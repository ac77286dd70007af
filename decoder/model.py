"""Models: what turns a window into a percept. Linear maps are the default and the baseline.

Epochs of EEG may have their categories from a committee (`decoder.committee`) or from the power at
a few frequencies (`decoder.power`) instead, and categories or c from a convolution (`decoder.eeg`).
Pictures of figures may have their z from shapes and painters (`decoder.images`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from decoder.calibrate import confidences, log_odds
from decoder.category_code import CodeMix
from decoder.committee import Committee
from decoder.eeg.network import Convolution
from decoder.images.head import PictureHead
from decoder.linear import Affine
from decoder.power import PowerHead
from decoder.regions import Regions
from decoder.regions_data import RegionsFromData
from decoder.samples import Samples
from decoder.settings import FitSettings
from decoder.trust import Trust, signal_of
from phosphene.errors import InputError, problem
from phosphene.manifest import REST

__all__ = [
    "LinearModel",
    "Model",
    "Percepts",
]

Array = npt.NDArray[Any]
Scores = Affine | Committee | PowerHead | Convolution
Embedding = Affine | Convolution
Latent = Affine | PictureHead


@dataclass(frozen=True)
class Percepts:
    """Decoded rows.

    Attributes
    ----------
    z : array (n, *z_shape) float32 or None
        Low-level latent; None where the model has no such head.
    c : array (n, C) float32 or None
        Semantic embedding; None where the model has neither such a head nor categories.
    log_probabilities : array (n, labels) float32
        Natural logarithms, categories first; no columns where there are no categories.
    confidence : array (n,) float32
        Probability that the most probable category was seen; without categories one number for
        all rows, the share of other pictures that the truth beats.
    """

    z: Array | None
    c: Array | None
    log_probabilities: Array
    confidence: Array


class Model(Protocol):
    """A decoder that can be fitted, used and exported."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Meaning of each log-probability."""
        ...

    @property
    def heads(self) -> tuple[str, ...]:
        """Which of "z", "c", "class" are decoded from data (not derived)."""
        ...

    def fit(self, samples: Samples, settings: FitSettings) -> Self:
        """Return this model fitted on training samples."""
        ...

    def calibrated(self, temperature: float, slope: float, intercept: float) -> Self:
        """Return this model with a softmax temperature and a confidence curve."""
        ...

    def trusting(self, trust: Trust) -> Self:
        """Return this model with a confidence that knows what the person's data look like."""
        ...

    def predict(self, X: Array) -> Percepts:
        """Decode windows (n, window * features)."""
        ...

    def export(self) -> bytes:
        """Return an ONNX graph that gives what `predict` gives."""
        ...


@dataclass(frozen=True)
class LinearModel:
    """Ridge to z and c, shrinkage discriminant to categories.

    Where no c was given for training, c is the mixture of category prototypes weighted by their
    probabilities, and "rest" adds nothing to it. A target space without categories has no scores.

    Attributes
    ----------
    categories : tuple of str
        Categories of the target space that may occur.
    prototypes : array (len(categories), C) float32
        Their embeddings.
    z_shape : tuple of int
        Shape of the latent.
    regions : Regions or RegionsFromData or None
        Which features each head reads; None = all of them. After a fit they are found.
    z, c : Affine or None
        From windows (n, window * features); None before the fit, or without such a head. c may be
        a Convolution, z a PictureHead.
    scores : Affine or Committee or PowerHead or Convolution or None
        The same for categories.
    labels : tuple of str
        Classes in the order of `scores`.
    temperature, slope, intercept : float
        Softmax temperature and confidence curve on log odds alone.
    trust : Trust or None
        Where there is one, it takes the place of that curve.
    mix : CodeMix or None
        Where there is one, the category in c is that of both heads (`decoder.category_code`).
    chosen : dict
        Penalties and shrinkage that were chosen.
    """

    categories: tuple[str, ...]
    prototypes: Array = field(repr=False)
    z_shape: tuple[int, ...] = (4, 16, 16)
    regions: Regions | RegionsFromData | None = field(default=None, repr=False)
    z: Latent | None = field(default=None, repr=False)
    c: Embedding | None = field(default=None, repr=False)
    scores: Scores | None = field(default=None, repr=False)
    labels: tuple[str, ...] = ()
    temperature: float = 1.0
    slope: float = 1.0
    intercept: float = 0.0
    trust: Trust | None = field(default=None, repr=False)
    mix: CodeMix | None = field(default=None, repr=False)
    chosen: dict[str, float] = field(default_factory=dict)

    @property
    def heads(self) -> tuple[str, ...]:
        """Which of "z", "c", "class" are decoded from data (not derived)."""
        found = {"z": self.z, "c": self.c, "class": self.scores}
        return tuple(name for name, head in found.items() if head is not None)

    @property
    def shown(self) -> tuple[str, ...]:
        """Labels without rest."""
        return tuple(label for label in self.labels if label != REST)

    def fit(self, samples: Samples, settings: FitSettings) -> LinearModel:
        """Return this model fitted on training samples; see `decoder.linear_fit.fit_linear`."""
        from decoder.linear_fit import fit_linear

        return fit_linear(self, samples, settings)

    def calibrated(self, temperature: float, slope: float, intercept: float) -> LinearModel:
        """Return this model with a softmax temperature and a confidence curve."""
        return replace(self, temperature=temperature, slope=slope, intercept=intercept)

    def trusting(self, trust: Trust) -> LinearModel:
        """Return this model with a confidence that knows what the person's data look like."""
        return replace(self, trust=trust)

    def mixing(self, mix: CodeMix) -> LinearModel:
        """Return this model with the category in c taken from both heads."""
        told = {"c_code_regressed": mix.regressed, "c_code_classed": mix.classed}
        return replace(self, mix=mix, chosen={**self.chosen, **told})

    def predict(self, X: Array) -> Percepts:
        """Decode windows (n, window * features)."""
        if not self.heads:
            raise InputError(problem("model", "not fitted", "a fitted model", "Call fit first."))
        rows = np.asarray(X, np.float64)
        count = len(self.shown)
        if self.scores is None:
            logp, odds = np.zeros((len(rows), 0)), np.zeros(len(rows))
        else:
            logp = log_softmax(self.scores(rows) / self.temperature, axis=1)
            odds = log_odds(logp, count)
        c: Array | None = None
        if self.c is not None:
            c = self.c(rows)
        elif self.scores is not None:
            c = np.exp(logp[:, :count]) @ self.shown_prototypes()
        z = None if self.z is None else self.z(rows).reshape(-1, *self.z_shape)
        sure = confidences(odds, self.slope, self.intercept)
        main = c if c is not None else z
        if self.trust is not None and main is not None:
            sure = self.trust.confidence(rows, odds, signal_of(main))
        if self.mix is not None and c is not None:
            c = self.mix(c, logp)
        return Percepts(
            z=None if z is None else z.astype(np.float32),
            c=None if c is None else c.astype(np.float32),
            log_probabilities=logp.astype(np.float32),
            confidence=sure.astype(np.float32),
        )

    def export(self) -> bytes:
        """Return an ONNX graph that gives what `predict` gives."""
        from decoder.export import export_linear

        return export_linear(self)

    def shown_prototypes(self) -> Array:
        """Prototypes of the labels without rest, (labels, C)."""
        index = [self.categories.index(label) for label in self.shown]
        return np.asarray(self.prototypes[index], np.float64)
