"""What the arrays of a source are called, and how its pictures are laid out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["GIB", "Order", "ReadOptions"]

Order = Literal["row", "column"]

GIB = 1024**3


@dataclass(frozen=True)
class ReadOptions:
    """How a source is read.

    Attributes
    ----------
    person : str
        Pseudonym.
    arrays : mapping of str to str
        Role (``responses``, ``stimuli``, ``labels``, ``runs``, ``sessions``, ``stimulus_ids``,
        ``voxel_ids``, ``times``, ``channels``, each but the last three also with ``test_`` before)
        to the name of an array of the source. A role that is not named is taken from the array that
        is called like it, if there is one.
    order : str
        How pixels follow each other: ``row`` after row, or ``column`` after column.
    shape : tuple of int, optional
        Height, width and, for colours, 3, of pictures that are flat; None takes a square.
    stimuli_are : str
        ``pictures`` (pictures or clips) or ``vectors``.
    labels : mapping of str to str
        New names of labels.
    runs : tuple of str, optional
        Runs to take; None takes all.
    memory_bytes : int
        More than this is not read.
    """

    person: str = "p01"
    arrays: Mapping[str, str] = field(default_factory=dict)
    order: Order = "row"
    shape: tuple[int, ...] | None = None
    stimuli_are: Literal["pictures", "vectors"] = "pictures"
    labels: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[str, ...] | None = None
    memory_bytes: int = 8 * GIB
