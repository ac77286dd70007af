"""What travels on the bus: a topic, a validated MessagePack header, raw array buffers.

Every header is a frozen, tagged msgspec struct that carries ``run``, ``seq``, ``t_acquired`` (LSL
clock, seconds), ``t_sent`` and ``producer``; each array is described by an `ArraySpec` and checked
against its buffer before anybody looks at it. There is no pickle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct

from phosphene.errors import MessageError

__all__ = [
    "DTYPES",
    "AnyHeader",
    "ArraySpec",
    "Beat",
    "Command",
    "Credit",
    "Event",
    "Features",
    "Feedback",
    "Frame",
    "FrameInfo",
    "Grant",
    "Header",
    "Message",
    "Percept",
    "Quality",
    "Regions",
    "Reply",
    "RunStart",
    "RunStop",
    "Samples",
    "StatMap",
    "View",
    "Volume",
    "decode",
    "encode",
    "topic_of",
]

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


class Volume(Header, frozen=True, tag="volume"):
    """One raw fMRI volume; array ``volume`` (x, y, z).

    ``slice_times_s`` says when each slice along ``slice_axis`` was measured after the volume's
    start, in seconds; it is empty where nobody knows.
    """

    index: Count
    t_data: float
    tr_s: float
    affine: tuple[float, ...]
    slice_times_s: tuple[float, ...] = ()
    slice_axis: Annotated[int, Meta(ge=0, le=2)] = 2


class Samples(Header, frozen=True, tag="samples"):
    """A block of raw EEG; array ``samples`` (time, channel) in microvolts."""

    stream: str
    first_index: Count
    fs_hz: float
    t_data: float
    channels: tuple[str, ...]


class Features(Header, frozen=True, tag="features"):
    """Cleaned brain data of one volume, epoch or window; array ``x`` (feature,).

    Attributes
    ----------
    index : int
        Volume or epoch index within the run.
    t_data : float
        End of the data used, on the recording's own time axis, in seconds.
    t_event : float or None
        Onset of the event that an epoch belongs to, on the same axis, in seconds.
    ready : bool
        False while statistics warm up; such a window is not decoded.
    mask_hash : str
        Identity of mask or channel layout that ``x`` follows.
    """

    kind: Literal["fmri", "fmri-beta", "eeg-epoch", "eeg-window"]
    index: Count
    t_data: float
    mask_hash: str
    ready: bool
    t_event: float | None = None
    note: str = ""


class Quality(Header, frozen=True, tag="quality"):
    """Quality figures of one volume or block; ``values`` maps a name with unit to a number."""

    index: Count
    t_data: float
    values: dict[str, float]


class StatMap(Header, frozen=True, tag="statmap"):
    """Where the brain follows the conditions so far, from the volumes up to ``index``.

    Arrays ``t`` (x, y, z) float32, 0 outside the mask, and ``underlay`` (x, y, z) uint8, the
    reference volume.

    Attributes
    ----------
    contrast : str
        What is compared, for instance ``"face - house"``; a condition alone is against rest.
    dof : float
        Degrees of freedom of the t values.
    affine : tuple of float
        Voxel to millimetres (RAS+), row by row, of the grid that is sent.
    final : bool
        True at the end of the run, on the full grid; live ones may leave out voxels.
    """

    index: Count
    t_data: float
    contrast: str
    dof: float
    affine: tuple[float, ...]
    final: bool = False


class Regions(Header, frozen=True, tag="regions"):
    """Where the regions lie in this run; told once.

    Arrays ``underlay`` (x, y, z) uint8, the reference volume, and ``labels`` (x, y, z) uint8: k + 1
    where region ``names[k]`` lies, 0 elsewhere. ``how`` says how they were placed, and how well.
    """

    names: tuple[str, ...]
    how: str
    affine: tuple[float, ...]


class Event(Header, frozen=True, tag="event"):
    """Something that happened at ``t_data``: a stimulus (``detail`` is its JSON), a marker.

    ``duration_s`` is its length in seconds, None where nobody knows.
    """

    t_data: float
    label: str
    stream: str
    detail: str = ""
    duration_s: Annotated[float, Meta(ge=0)] | None = None


class Percept(Header, frozen=True, tag="percept"):
    """What one window says is seen; arrays ``c`` (C,) and, where decoded, ``z`` (4, 16, 16).

    Attributes
    ----------
    index : int
        Index of the volume or epoch it comes from.
    t_data : float
        End of the data used, seconds on the recording's axis.
    t_seen : float
        When the decoded picture was seen: ``t_data`` minus the haemodynamic delay (fMRI) or the
        event's onset (EEG), seconds on the recording's axis.
    confidence : float
        Calibrated probability that the percept identifies the truth.
    """

    index: Count
    t_data: float
    t_seen: float
    t_features: float
    confidence: Annotated[float, Meta(ge=0.0, le=1.0)]
    label: str | None
    probabilities: dict[str, float]
    bundle: str


class Feedback(Header, frozen=True, tag="feedback"):
    """What the gate lets other programs have of a percept.

    Attributes
    ----------
    index : int
        Index of the volume or epoch it comes from.
    t_data : float
        End of the data used, seconds on the recording's axis.
    score : float
        Probability of the session's target category; without a target, the confidence.
    label : str or None
        Decoded category.
    confidence : float
        Calibrated probability that the percept identifies the truth.
    """

    index: Count
    t_data: float
    score: float
    label: str | None
    confidence: Annotated[float, Meta(ge=0.0, le=1.0)]


class FrameInfo(Header, frozen=True, tag="frameinfo"):
    """Facts about one rendered frame, without its pixels."""

    t_due: float
    t_rendered: float
    late: bool
    skipped: Count
    render_ms: float
    state: Literal["picture", "neutral"]
    percept_seq: int
    percept_index: int
    confidence: float
    age_s: float
    t_percept: float
    seed: int
    model: str


class Frame(FrameInfo, frozen=True, tag="frame"):
    """One rendered frame; array ``picture`` (height, width, 3) uint8 sRGB."""

    sink: str = ""
    level: Annotated[int, Meta(ge=0, le=4)] = 4


class View(Header, frozen=True, tag="view"):
    """What the gate tells a sink ten times a second: whether it passes frames, and why not."""

    sink: str
    passing: bool
    reason: str
    passed: Count


class Grant(Header, frozen=True, tag="grant"):
    """What the gate currently allows; repeated four times a second, void one second later."""

    person: str
    scopes: tuple[str, ...]
    decode: bool
    reason: str


class Beat(Header, frozen=True, tag="beat"):
    """Sign of life from a node's work loop, with its counters."""

    pid: Count
    state: Literal["starting", "ready", "running", "done", "stopped"]
    counts: dict[str, int]
    note: str = ""


class Command(Header, frozen=True, tag="command"):
    """A request to one node; answered by a `Reply` with the same ``id``."""

    id: str
    action: str
    arguments: dict[str, str] = {}


class Reply(Header, frozen=True, tag="reply"):
    """Answer to a `Command`."""

    id: str
    ok: bool
    text: str


class Credit(Header, frozen=True, tag="credit"):
    """Flow control: everything of ``stream`` below ``count`` has been consumed."""

    stream: str
    count: Count
    epoch: str = ""


class RunStart(Header, frozen=True, tag="runstart"):
    """First document of a run: what is about to happen, in words and hashes."""

    person: str
    mode: Literal["live", "replay", "pilot"]
    modality: Literal["fmri", "eeg"]
    t_wall: float
    facts: dict[str, str]


class RunStop(Header, frozen=True, tag="runstop"):
    """Last document of a run."""

    exit_status: Literal["success", "abort", "fail"]
    reason: str
    interrupted: bool
    counts: dict[str, dict[str, int]]


AnyHeader = (
    Volume | Samples | Features | Quality | StatMap | Regions | Event | Percept | Frame | FrameInfo
    | Feedback | View | Grant | Beat | Command | Reply | Credit | RunStart | RunStop
)  # fmt: skip

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
    return np.frombuffer(view, dtype=np.dtype(spec.dtype)).reshape(spec.shape)


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
    except msgspec.DecodeError as error:
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
