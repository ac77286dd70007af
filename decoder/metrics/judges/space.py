"""A target space as a judge: pictures are compared by the embedding c, or the latent z, of it."""

from __future__ import annotations

import numpy as np

from decoder.metrics.judges.base import Judged, Pictures
from decoder.spaces import TargetSpace
from phosphene.errors import ConfigError, problem

__all__ = ["SpaceJudge"]


class SpaceJudge:
    """Encodes pictures into a space, such as CLIP's.

    Parameters
    ----------
    space : TargetSpace
        With a c for pictures, a z, or both.

    Raises
    ------
    ConfigError
        If it has neither.
    """

    def __init__(self, space: TargetSpace) -> None:
        self._space = space
        self.id, self.sha256 = f"space:{space.id}", space.sha256
        self.side_px = space.size_px or 0
        self.classes: tuple[str, ...] = ()
        if space.z_shape is None and not space.c_dim:
            raise ConfigError(problem("--judge", self.id, "a space of pictures", "Name another."))

    def judge(self, pictures: Pictures) -> Judged:
        """Judge pictures (n, height, width, 3) of any size."""
        features = {}
        if self._space.z_shape is not None:
            features["z"] = self._space.encode_z(pictures).reshape(len(pictures), -1)
        if self._space.c_dim:
            features["c"] = np.asarray(self._space.encode_c(pictures), np.float32)
        return Judged(features)
