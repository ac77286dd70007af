"""Vectors of targets and foils: from files, else prototypes of the target space ``world-64``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem
from phosphene.session_protocol import ScoreSettings
from phosphene.stimuli.scene import CATEGORIES
from phosphene.stimuli.space import prototype

__all__ = ["Targets"]

Floats = npt.NDArray[np.float32]


class Targets:
    """Vectors by name.

    Parameters
    ----------
    vectors : mapping of str to ndarray of float32
        From files; these win over prototypes.
    prototypes : bool
        Whether categories of ``world-64`` are known too.
    """

    def __init__(self, vectors: Mapping[str, Floats], *, prototypes: bool) -> None:
        self._vectors, self._prototypes = dict(vectors), prototypes

    @classmethod
    def of(cls, settings: ScoreSettings) -> Targets:
        """Read the files of a session's settings.

        Raises
        ------
        ConfigError
            If one cannot be used.
        """
        vectors = {name: _read(name, path) for name, path in settings.vectors.items()}
        return cls(vectors, prototypes=settings.of == "c")

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a target."""
        return name in self._vectors or (self._prototypes and name in CATEGORIES)

    def __getitem__(self, name: str) -> Floats:
        """Return a target's vector.

        Raises
        ------
        ConfigError
            If there is none of this name.
        """
        if name in self._vectors:
            return self._vectors[name]
        if name not in self:
            known = [*self._vectors, *(CATEGORIES if self._prototypes else ())]
            cure = "Name its file in protocol.score.vectors."
            raise ConfigError(problem("protocol target", name, ", ".join(known) or "none", cure))
        found: Floats = prototype(name)
        self._vectors[name] = found
        return found


def _read(name: str, path: Path) -> Floats:
    where = f"protocol.score.vectors.{name}"
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}: {path}: not a file of numpy.save: {error}") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.size == 0:
        raise ConfigError(f"{where}: {path}: holds no numbers")
    if not np.isfinite(found).all():
        raise ConfigError(f"{where}: {path}: holds numbers that are not finite")
    return found.astype(np.float32)
