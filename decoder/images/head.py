"""A decoder of pictures as the z head of a bundle whose target is grey pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.graph import GraphBuilder
from decoder.images.reconstruct import PictureDecoder, PictureSettings

__all__ = ["PictureHead", "fit_pictures"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class PictureHead:
    """Rows (n, features) to z = 2 pictures - 1, flat, (n, height * width).

    Attributes
    ----------
    decoder : PictureDecoder
        Fitted.
    features : int
        Length of a row.
    used : array of int, optional
        Features that it reads; None for all.
    """

    decoder: PictureDecoder
    features: int
    used: Array | None = field(default=None, repr=False)

    def __call__(self, X: Array) -> Array:
        """Decode rows."""
        pictures = self.decoder.predict(X if self.used is None else X[:, self.used])
        return 2.0 * pictures.reshape(len(pictures), -1) - 1.0

    def add_to_graph(self, graph: GraphBuilder, source: str, output: str) -> str:
        """Add the same to a graph; returns `output`."""
        from decoder.images.export import add_pictures

        if self.used is not None:
            index = graph.constant(f"{output}_features", self.used, np.int64)
            source = graph.add("Gather", [source, index], f"{output}_gathered", axis=1)
        picture = add_pictures(graph, self.decoder, source, f"{output}_picture")
        two = graph.constant(f"{output}_two", 2.0)
        twice = graph.add("Mul", [picture, two], f"{output}_twice")
        return graph.add("Sub", [twice, graph.constant(f"{output}_one", 1.0)], output)

    def facts(self) -> dict[str, float]:
        """Return what a bundle tells about the head."""
        found = self.decoder.known()
        return {
            "z_trials": float(len(found.codes)),
            "z_kinds": float(found.kinds.shape[1]),
            "z_painters": float(len(found.painters)),
        }


def fit_pictures(
    X: Array,
    z: Array,
    labels: Sequence[str],
    settings: PictureSettings,
    z_shape: tuple[int, ...],
    mask: npt.NDArray[np.bool_] | None = None,
    stimuli: Array | None = None,
) -> PictureHead:
    """Fit a head on training trials.

    Parameters
    ----------
    X : array (n, features)
        One row for each trial.
    z : array (n, height * width)
        Grey pixels of what was seen, from -1 to 1.
    labels : sequence of str (n,)
        Kind of each picture; where one is unknown ("") there are no kinds.
    settings : PictureSettings
        Of the decoder.
    z_shape : tuple of int
        (1, height, width).
    mask : array of bool (features,), optional
        Features that the head reads; None for all.
    stimuli : array of str (n,), optional
        Name of what each trial showed; see `PictureDecoder.fit`.

    Returns
    -------
    PictureHead

    Raises
    ------
    InputError
        If there are too few trials.
    """
    pictures = np.clip((np.asarray(z, np.float64) + 1.0) / 2.0, 0.0, 1.0).reshape(-1, *z_shape[1:])
    kinds = np.asarray(labels, np.str_)
    used = None if mask is None else np.flatnonzero(mask)
    decoder = replace(PictureDecoder(), settings=settings).fit(
        X if used is None else X[:, used],
        pictures,
        kinds if (kinds != "").all() else None,
        stimuli,
    )
    return PictureHead(decoder, X.shape[1], used)
