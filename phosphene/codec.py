"""Messages to bytes and back: a header by MessagePack, arrays as raw buffers, all checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np

from phosphene.errors import MessageError, problem
from phosphene.headers import DTYPES, AnyHeader, Array, ArraySpec

__all__ = [
    "Message",
    "decode",
    "describe",
    "encode",
    "topic_of",
]

Kind = TypeVar("Kind")

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyHeader)


@dataclass(frozen=True)
class Message:
    """A header with its arrays.

    Attributes
    ----------
    header : Header
        One of the tagged headers of this module.
    arrays : mapping of str to ndarray
        In the order of ``header.arrays``.
    """

    header: Any
    arrays: Mapping[str, Array] = field(default_factory=dict)

    def header_as(self, kind: type[Kind]) -> Kind:
        """Return the header, which has to be of one kind.

        Raises
        ------
        MessageError
            If it is of another one.
        """
        if not isinstance(self.header, kind):
            found = type(self.header).__name__
            raise MessageError(problem("header", found, kind.__name__, "Pass another message."))
        return self.header


def topic_of(header: Any) -> bytes:
    """Return the topic of a header (or header class): its tag, as bytes."""
    return str(header.__struct_config__.tag).encode()


def describe(
    arrays: Mapping[str, Array], dims: Mapping[str, Sequence[str]], units: Mapping[str, str]
) -> tuple[ArraySpec, ...]:
    """Describe arrays for a header.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The arrays, in the order in which they are sent.
    dims : mapping of str to sequence of str
        Names of the dimensions of each array.
    units : mapping of str to str
        Unit of each array; ``"1"`` where missing.

    Returns
    -------
    tuple of ArraySpec

    Raises
    ------
    MessageError
        If an array's type may not travel or its dimensions are not all named.
    """
    specs = []
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<").str if array.dtype.itemsize > 1 else array.dtype.str
        names = tuple(dims[name])
        if dtype not in DTYPES:
            raise MessageError(f"array {name}: type {dtype} may not travel; use {sorted(DTYPES)}")
        if len(names) != array.ndim:
            raise MessageError(f"array {name}: {array.ndim} dimensions but names {names}")
        specs.append(ArraySpec(name, dtype, tuple(array.shape), names, units.get(name, "1")))
    return tuple(specs)


def encode(message: Message) -> list[Any]:
    """Turn a message into the frames that ZeroMQ sends.

    Parameters
    ----------
    message : Message
        Its arrays must agree with ``header.arrays`` (see `describe`).

    Returns
    -------
    list
        Topic, header, then one contiguous buffer for each array.
    """
    specs = message.header.arrays
    if [s.name for s in specs] != list(message.arrays):
        raise MessageError(
            f"{type(message.header).__name__}: arrays {list(message.arrays)} "
            f"but header describes {[s.name for s in specs]}"
        )
    buffers = [
        np.ascontiguousarray(message.arrays[s.name], dtype=np.dtype(s.dtype)).data for s in specs
    ]
    return [topic_of(message.header), _ENCODER.encode(message.header), *buffers]


def _array(spec: ArraySpec, buffer: Any) -> Array:
    if spec.dtype not in DTYPES:
        raise MessageError(f"array {spec.name}: type {spec.dtype!r} is not allowed")
    if len(spec.dims) != len(spec.shape):
        raise MessageError(f"array {spec.name}: shape {spec.shape} but dims {spec.dims}")
    view = memoryview(buffer)
    expected = math.prod(spec.shape) * np.dtype(spec.dtype).itemsize
    if view.nbytes != expected:
        raise MessageError(
            f"array {spec.name}: {view.nbytes} bytes, but {spec.shape} of {spec.dtype} "
            f"needs {expected}"
        )
    try:
        return np.frombuffer(view, dtype=np.dtype(spec.dtype)).reshape(spec.shape)
    except ValueError as error:
        raise MessageError(f"array {spec.name}: shape {spec.shape}: {error}") from error


def decode(frames: Sequence[Any]) -> Message:
    """Check and read the frames of one message.

    Parameters
    ----------
    frames : sequence of bytes-like
        As made by `encode`.

    Returns
    -------
    Message
        With read-only arrays that share the frames' memory.

    Raises
    ------
    MessageError
        If anything disagrees with the header.
    """
    if len(frames) < 2:
        raise MessageError(f"a message has at least 2 frames, got {len(frames)}")
    try:
        header = _DECODER.decode(frames[1])
    except (msgspec.DecodeError, ValueError) as error:
        raise MessageError(f"header of topic {bytes(frames[0])[:40]!r}: {error}") from error
    if bytes(frames[0]) != topic_of(header):
        raise MessageError(f"topic {bytes(frames[0])[:40]!r} on a {topic_of(header)!r} header")
    if len(frames) - 2 != len(header.arrays):
        raise MessageError(
            f"{topic_of(header).decode()}: {len(frames) - 2} buffers, "
            f"header describes {len(header.arrays)}"
        )
    pairs = zip(header.arrays, frames[2:], strict=True)
    return Message(header, {spec.name: _array(spec, buffer) for spec, buffer in pairs})
