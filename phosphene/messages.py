"""What travels on the bus: a topic, a validated MessagePack header, raw array buffers.

Every header is a frozen, tagged msgspec struct that carries ``run``, ``seq``, ``t_acquired`` (LSL
clock, seconds), ``t_sent`` and ``producer``; each array is described by an `ArraySpec` and checked
against its buffer before anybody looks at it. There is no pickle.
"""

from __future__ import annotations

from phosphene.codec import Message, decode, describe, encode, topic_of
from phosphene.headers import (
    DTYPES,
    AnyHeader,
    Array,
    ArraySpec,
    Beat,
    Command,
    Count,
    Credit,
    Event,
    Features,
    Feedback,
    Frame,
    FrameInfo,
    Grant,
    Header,
    Painting,
    Percept,
    Phase,
    Quality,
    Regions,
    Reply,
    RunStart,
    RunStop,
    Samples,
    Signal,
    StatMap,
    View,
    Volume,
)

__all__ = [
    "DTYPES",
    "AnyHeader",
    "Array",
    "ArraySpec",
    "Beat",
    "Command",
    "Count",
    "Credit",
    "Event",
    "Features",
    "Feedback",
    "Frame",
    "FrameInfo",
    "Grant",
    "Header",
    "Message",
    "Painting",
    "Percept",
    "Phase",
    "Quality",
    "Regions",
    "Reply",
    "RunStart",
    "RunStop",
    "Samples",
    "Signal",
    "StatMap",
    "View",
    "Volume",
    "decode",
    "describe",
    "encode",
    "topic_of",
]
