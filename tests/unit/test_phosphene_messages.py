from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from phosphene.errors import MessageError
from phosphene.messages import (
    DTYPES,
    ArraySpec,
    Event,
    Message,
    Percept,
    Quality,
    decode,
    describe,
    encode,
    topic_of,
)

STAMP = {"run": "r", "seq": 3, "t_acquired": 1.0, "t_sent": 1.5, "producer": "test"}


def percept(arrays: dict[str, np.ndarray], dims: dict[str, tuple[str, ...]]) -> Message:
    header = Percept(
        **STAMP,
        arrays=describe(arrays, dims, {}),
        index=1,
        t_data=2.0,
        t_seen=1.0,
        t_features=1.2,
        confidence=0.5,
        label="face",
        probabilities={"face": 1.0},
        bundle="b",
    )
    return Message(header, arrays)


@given(
    hnp.arrays(
        st.sampled_from(sorted(DTYPES)), hnp.array_shapes(min_dims=1, max_dims=3, max_side=5)
    )
)
def test_arrays_arrive_as_they_were_sent(array: np.ndarray) -> None:
    sent = percept({"c": array}, {"c": tuple("abc"[: array.ndim])})
    received = decode([bytes(part) for part in encode(sent)])
    assert received.header == sent.header
    assert received.arrays["c"].dtype == array.dtype
    assert received.arrays["c"].tobytes() == np.ascontiguousarray(array).tobytes()


def test_strided_arrays_travel_in_c_order() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    received = decode(encode(percept({"c": array}, {"c": ("a", "b")})))
    np.testing.assert_array_equal(received.arrays["c"], array)


def test_topic_is_the_tag_of_the_header() -> None:
    assert topic_of(Quality) == b"quality"
    assert encode(Message(Event(**STAMP, t_data=0.0, label="x", stream="s")))[0] == b"event"


def test_a_short_buffer_is_refused() -> None:
    frames = encode(percept({"c": np.zeros(4, np.float32)}, {"c": ("c",)}))
    with pytest.raises(MessageError, match="array c: 8 bytes"):
        decode([*frames[:2], bytes(8)])


def test_a_missing_buffer_is_refused() -> None:
    frames = encode(percept({"c": np.zeros(4, np.float32)}, {"c": ("c",)}))
    with pytest.raises(MessageError, match="0 buffers, header describes 1"):
        decode(frames[:2])


def test_a_foreign_topic_is_refused() -> None:
    frames = encode(Message(Event(**STAMP, t_data=0.0, label="x", stream="s")))
    with pytest.raises(MessageError, match="topic"):
        decode([b"percept", frames[1]])


def test_wrong_types_in_the_header_are_told_with_their_place() -> None:
    frames = encode(Message(Event(**STAMP, t_data=0.0, label="x", stream="s")))
    broken = bytes(frames[1]).replace(b"\xa5label\xa1x", b"\xa5label\x01\xa0"[:8])
    with pytest.raises(MessageError):
        decode([frames[0], broken])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_noise_never_gets_through(topic: bytes, header: bytes) -> None:
    with pytest.raises(MessageError):
        decode([topic, header])


def test_letters_that_are_none_and_shapes_that_cannot_be_are_refused() -> None:
    frames = encode(Message(Event(**STAMP, t_data=0.0, label="xyxyx", stream="s")))
    with pytest.raises(MessageError):
        decode([frames[0], bytes(frames[1]).replace(b"xyxyx", b"\xff\xfe\xffyx")])
    for shape in ((0, 2**63 - 1, 2**63 - 1), (1,) * 70):
        dims = tuple(f"d{k}" for k in range(len(shape)))
        spec = ArraySpec("c", "|u1", shape, dims)
        header = msgspec.structs.replace(percept({}, {}).header, arrays=(spec,))
        with pytest.raises(MessageError):
            decode([b"percept", msgspec.msgpack.encode(header), bytes(int(0 not in shape))])


def test_an_object_array_may_not_travel() -> None:
    with pytest.raises(MessageError, match="may not travel"):
        describe({"c": np.array([object()])}, {"c": ("c",)}, {})


def test_dimensions_must_all_be_named() -> None:
    with pytest.raises(MessageError, match="2 dimensions but names"):
        describe({"c": np.zeros((2, 2), np.float32)}, {"c": ("c",)}, {})


def test_arrays_and_description_must_agree() -> None:
    message = percept({"c": np.zeros(2, np.float32)}, {"c": ("c",)})
    with pytest.raises(MessageError, match="header describes"):
        encode(Message(message.header, {}))


def test_a_header_of_another_kind_is_refused_by_name() -> None:
    message = percept({}, {})
    assert message.header_as(Percept) is message.header
    with pytest.raises(MessageError, match=r"'Percept'.*Quality"):
        message.header_as(Quality)
