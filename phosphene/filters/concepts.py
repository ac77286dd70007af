"""The filter ``concepts``: refuses pictures that look like something on a list.

An image tower of CLIP's kind embeds each picture; one whose cosine with a concept reaches that
concept's threshold is refused (Radford et al. 2021; the safety checker of Stable Diffusion decides
alike). It is for the welfare of who looks, and no privacy control. It errs in both directions, and
not evenly: such models know the pictures and the prejudices of the web.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.filters import Picture
from phosphene.filters.concept_files import TOWER, fitted, read_folder

__all__ = ["Concepts"]

LENGTH_APART = 0.02


class Concepts:
    """Compares pictures with concepts.

    Parameters
    ----------
    folder : str
        What ``phosphene filter export`` has written.
    stricter : float
        Taken from every threshold; below 0 it lets more pass.
    threads : int
        Of the CPU, for one picture.

    Raises
    ------
    ConfigError
        If the folder is damaged, or does not fit itself.
    """

    def __init__(self, folder: str, stricter: float = 0.0, threads: int = 1) -> None:
        if not -1 <= stricter <= 1:
            raise ConfigError(problem("stricter", stricter, "-1 to 1", "Correct it."))
        self._held, tower = read_folder(Path(folder))
        self._directions = self._held.directions
        self._thresholds = self._held.thresholds - np.float32(stricter)
        allowed = "a tower that gives one embedding for a picture"
        try:
            self._engine = OnnxEngine(tower, threads)
            # The first picture takes longest; it shall not be somebody's.
            width = self.embedding(np.zeros((8, 8, 3), np.uint8)).shape
        except (PhospheneError, KeyError, ValueError) as error:
            raise ConfigError(problem(TOWER, str(error), allowed, "Export it anew.")) from error
        if width != self._directions.shape[1:]:
            allowed = f"an embedding of {self._directions.shape[1]} numbers"
            raise ConfigError(problem(TOWER, width, allowed, "Export it anew."))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the concepts."""
        return tuple(c.name for c in self._held.concepts)

    @property
    def thresholds(self) -> npt.NDArray[np.float32]:
        """Cosines from which on a picture is refused."""
        return self._thresholds

    def embedding(self, picture: Picture) -> npt.NDArray[np.float32]:
        """Return the embedding (width,) of a picture (height, width, 3), at a length of 1."""
        held = self._held
        ready = fitted(picture, held.side_px, held.shortest_px, held.resample)
        found: npt.NDArray[np.float32] = self._engine.run({"picture": ready[None]})["direction"][0]
        return found

    def cosines(self, picture: Picture) -> npt.NDArray[np.float32]:
        """Return how much a picture looks like each concept, -1 to 1."""
        found: npt.NDArray[np.float32] = self._directions @ self.embedding(picture)
        return found

    def __call__(self, picture: Picture, t_s: float) -> bool:
        """Return whether a picture may be shown; one without a direction may not."""
        found = self.embedding(picture)
        judged = abs(float(found @ found) - 1) < LENGTH_APART
        return judged and bool((self._directions @ found < self._thresholds).all())
