"""The category in c: what regression and class head say of it, weighed on runs left out.

Two heads know which category was seen. Regression predicts its code, r, with a penalty of its own
for each number of it, so that a few hundred epochs leave some categories out of it; the class head
says how probable each category is. With p these probabilities, rest left out, and P the codes of
the categories, c carries::

    code = u r + v p P,  u, v not below 0

u and v make the squared error of rows left out least (stacked regression: Wolpert 1992, Neural
Networks 5:241; Breiman 1996, Machine Learning 24:49). A head that knows nothing of rows left out
adds next to nothing, by its weight or by its temperature: such a code is level, and the renderer
paints no level code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.special import softmax

from decoder.graph import GraphBuilder
from phosphene.stimuli import C_DIM, CATEGORIES
from phosphene.stimuli.space import category_code

__all__ = ["CodeMix", "codes_of", "fit_mix", "held_out_mix"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class CodeMix:
    """How the category code of c is made.

    Attributes
    ----------
    regressed, classed : float
        u and v of the module's text.
    codes : array (categories, size)
        P: code of each category that the class head knows.
    """

    regressed: float
    classed: float
    codes: Array = field(repr=False)

    def __call__(self, c: Array, log_probabilities: Array) -> Array:
        """Return c (n, C) with its code mixed; columns of rest follow those of categories."""
        size = self.codes.shape[1]
        told = _told(log_probabilities, self.codes)
        return np.concatenate(
            [self.regressed * c[:, :size] + self.classed * told, c[:, size:]], axis=1
        )

    def add_to_graph(self, graph: GraphBuilder, regressed: str, logs: str, output: str) -> str:
        """Add the same to a graph.

        Parameters
        ----------
        graph : GraphBuilder
            Collects.
        regressed : str
            Name of c as regression gives it, (1, C).
        logs : str
            Name of the log-probabilities of the categories without rest, (1, categories).
        output : str
            Name that c is to have.

        Returns
        -------
        str
            `output`.
        """
        size = self.codes.shape[1]
        axis = graph.constant("mix_axis", [1], np.int64)
        first, border = (graph.constant(f"mix_{n}", [n], np.int64) for n in (0, size))
        end = graph.constant("mix_end", [np.iinfo(np.int32).max], np.int64)
        graph.add("Slice", [regressed, first, border, axis], "code_regressed")
        graph.add("Slice", [regressed, border, end, axis], "attributes")
        graph.add("Softmax", [logs], "shares", axis=1)
        graph.add("MatMul", ["shares", graph.constant("codes", self.classed * self.codes)], "told")
        weight = graph.constant("mix_regressed", self.regressed)
        graph.add("Mul", ["code_regressed", weight], "code_weighed")
        graph.add("Add", ["code_weighed", "told"], "code")
        return graph.add("Concat", ["code", "attributes"], output, axis=1)


def codes_of(categories: Sequence[str], prototypes: Array) -> Array | None:
    """Return the codes (categories, 8) that prototypes of the world begin with; None for others."""
    if not categories or prototypes.shape[1] != C_DIM or not set(categories) <= set(CATEGORIES):
        return None
    codes = np.stack([category_code(name) for name in categories])
    if not np.allclose(prototypes[:, : codes.shape[1]], codes, atol=1e-4):
        return None
    return codes.astype(np.float64)


def fit_mix(c: Array, log_probabilities: Array, true: Array, codes: Array) -> CodeMix:
    """Weigh both heads on rows that neither was fitted on.

    Parameters
    ----------
    c, true : array (n, C)
        As regression gives it, and as it was; rows of NaN where unknown.
    log_probabilities : array (n, labels)
        Categories first, in the order of `codes`.
    codes : array (categories, size)
        Of the categories.
    """
    size = codes.shape[1]
    known = np.isfinite(true).all(axis=1)
    told = _told(log_probabilities[known], codes)
    both = np.stack([c[known, :size].ravel(), told.ravel()], axis=1).astype(np.float64)
    (u, v), _ = nnls(both, true[known, :size].ravel().astype(np.float64))
    return CodeMix(float(u), float(v), codes)


def held_out_mix(
    c: Array, log_probabilities: Array, true: Array, codes: Array, clusters: Array
) -> Array:
    """Return c (n, C) of rows left out, each cluster mixed as suits the other ones."""
    mixed = np.array(c, np.float64)
    for name in np.unique(clusters):
        own = clusters == name
        if not np.isfinite(true[~own]).all(axis=1).any():
            continue
        mix = fit_mix(c[~own], log_probabilities[~own], true[~own], codes)
        mixed[own] = mix(c[own], log_probabilities[own])
    return mixed


def _told(log_probabilities: Array, codes: Array) -> Array:
    """Codes that the class head expects, given that something was seen: (n, size)."""
    shares = softmax(log_probabilities[:, : len(codes)].astype(np.float64), axis=1)
    return np.asarray(shares @ codes)
