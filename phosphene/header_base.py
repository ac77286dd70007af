"""What every header has: who sent it, when, in which run, and which arrays follow it."""

from __future__ import annotations

from typing import Annotated, Any

import numpy.typing as npt
from msgspec import Meta, Struct

__all__ = ["DTYPES", "Array", "ArraySpec", "Count", "Header"]

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Array = npt.NDArray[Any]

DTYPES = frozenset({"|u1", "<i2", "<u2", "<i4", "<i8", "<f4", "<f8"})


class ArraySpec(Struct, frozen=True):
    """Description of one array of a message.

    Attributes
    ----------
    name : str
        Key of the array in `Message.arrays`.
    dtype : str
        NumPy type string, one of `DTYPES`.
    shape : tuple of int
        Extent of each dimension.
    dims : tuple of str
        Name of each dimension, for instance ``("x", "y", "z")``.
    unit : str
        Unit of the values; ``"1"`` when they have none.
    """

    name: str
    dtype: str
    shape: tuple[Count, ...]
    dims: tuple[str, ...]
    unit: str = "1"


class Header(Struct, frozen=True, kw_only=True):
    """Fields that every message has.

    Attributes
    ----------
    run : str
        Identifier of the run.
    seq : int
        Number of the message, counted by its producer per topic, from 0.
    t_acquired : float
        When the newest brain data behind this message was acquired (LSL clock, seconds).
    t_sent : float
        When the message was handed to the bus (LSL clock, seconds).
    producer : str
        Name of the node.
    """

    run: str
    seq: Count
    t_acquired: float
    t_sent: float
    producer: str
    arrays: tuple[ArraySpec, ...] = ()
