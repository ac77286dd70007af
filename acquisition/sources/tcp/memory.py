"""Which series a run follows by TCP, kept where a process that starts again finds it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from acquisition.sources.identity import new_key

__all__ = ["Memory", "Remembered"]


@dataclass(frozen=True)
class Remembered:
    """What is known of the run's series.

    Attributes
    ----------
    series : str
        Keyed hash of the series; the key is kept beside it, in the private folder of the run, and
        goes with that folder.
    shape : tuple of int
        Matrix of its volumes.
    first_number : int or None
        Number of its first volume as the sender counts.
    corrected : bool
        Whether volumes are taken that the scanner has corrected for motion.
    """

    series: str
    shape: tuple[int, ...]
    first_number: int | None = None
    corrected: bool = False


@dataclass
class Memory:
    """Key and series of a run.

    Parameters
    ----------
    path : Path or None
        File of the run folder; None remembers nothing over a restart.

    Attributes
    ----------
    key : bytes
        Random key of the run.
    known : Remembered or None
        The series that this or an earlier process follows.
    """

    path: Path | None = None
    key: bytes = field(default_factory=new_key, repr=False)
    known: Remembered | None = None

    def __post_init__(self) -> None:
        if self.path is None or not self.path.exists():
            return
        held = json.loads(self.path.read_text(encoding="utf-8"))
        self.key = bytes.fromhex(held.pop("key"))
        self.known = Remembered(**{**held, "shape": tuple(held["shape"])})

    def keep(self, series: Remembered) -> None:
        """Keep the series; the first one stays."""
        if self.known is not None:
            return
        self.known = series
        if self.path is None:
            return
        held = {
            "key": self.key.hex(),
            "series": series.series,
            "shape": series.shape,
            "first_number": series.first_number,
            "corrected": series.corrected,
        }
        whole = self.path.with_suffix(".new")
        whole.write_text(json.dumps(held), encoding="utf-8")
        whole.replace(self.path)
