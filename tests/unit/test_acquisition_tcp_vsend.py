"""MURFI's vsend protocol, in bytes."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.errors import ForeignFileError
from acquisition.fmri.volume import Volume
from acquisition.sources.tcp.vsend import VsendDecoder, encode_volume
from acquisition.sources.tcp.vsend_header import (
    HEADER_BYTES,
    VsendHeader,
    decode_header,
    encode_header,
    mosaic_side,
)
from phosphene.errors import InputError, TruncatedError

KEY = b"k" * 32
AFFINE = np.array([[-3.0, 0, 0, 30], [0, 3, 0, -20], [0, 0, 4, -10], [0, 0, 0, 1]])
HEADER = VsendHeader((4, 3, 5), AFFINE, np.dtype("<i2"), True, 1.5, 1, 9, series_uid="1.2.84")
DATA = np.random.default_rng(0).integers(-99, 900, (3, 4, 3, 5)).astype(np.int16)
STREAM = b"".join(encode_volume(DATA[k], replace(HEADER, number=k + 1)) for k in range(3))


def decoded(decoder: VsendDecoder, *pieces: bytes) -> list[Volume]:
    return [volume for piece in pieces for volume in decoder.feed(piece)]


def test_the_layout_is_that_of_the_c_structure() -> None:
    raw = encode_header(replace(HEADER, corrected=True))
    assert len(raw) == HEADER_BYTES == 616
    assert raw[:5] == b"ERTI\0"
    assert struct.unpack_from("<i", raw, 8) == (4,)
    assert raw[12:18] == b"1.2.84"
    assert raw[412:420] == b"int16_t\0"
    assert raw[428:430] == b"\1\1"
    assert struct.unpack_from("<4d", raw, 432) == (3.0, 3.0, 4.0, 0.0)
    assert struct.unpack_from("<3i", raw, 464) == (4, 3, 5)
    assert struct.unpack_from("<4f", raw, 476) == (-3.0, 0.0, 0.0, 30.0)
    assert struct.unpack_from("<4i", raw, 540) == (1500, 0, 1, 9)
    assert raw[556] == 1


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
@settings(max_examples=40, deadline=None)
def test_volumes_come_out_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    decoder = VsendDecoder(KEY)
    volumes = decoded(decoder, *pieces)
    decoder.hang_up()
    assert [v.index for v in volumes] == [0, 1, 2]
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.data, DATA[k][::-1])
    np.testing.assert_array_equal(volumes[0].affine[:3, 3], [21.0, -20.0, -10.0])
    assert {v.tr_s for v in volumes} == {1.5}
    assert len({v.series_hash for v in volumes}) == 1
    assert "1.2.84" not in volumes[0].series_hash


@given(st.integers(1, len(STREAM) - 1))
@settings(max_examples=40, deadline=None)
def test_a_connection_that_breaks_loses_only_the_volume_under_way(length: int) -> None:
    decoder = VsendDecoder(KEY)
    one = len(STREAM) // 3
    assert len(decoded(decoder, STREAM[:length])) == length // one
    if length % one:
        with pytest.raises(TruncatedError):
            decoder.hang_up()
    else:
        decoder.hang_up()
    assert [v.index for v in decoded(decoder, STREAM[-one:])] == [2]


@given(st.binary(min_size=1, max_size=2 * HEADER_BYTES))
@settings(max_examples=40, deadline=None)
def test_noise_is_refused_or_waits_for_more_but_is_never_a_volume(noise: bytes) -> None:
    with suppress(InputError):
        assert decoded(VsendDecoder(KEY), noise) == []


@pytest.mark.parametrize("pixel", ["<i2", ">i2", "<u2", "<f4", "<f8", "<u1"])
@pytest.mark.parametrize("mosaic", [True, False])
def test_pixels_of_every_kind(pixel: str, mosaic: bool) -> None:
    data = np.abs(DATA[0]) % 200
    header = replace(HEADER, pixel=np.dtype(pixel), mosaic=mosaic)
    (volume,) = decoded(VsendDecoder(KEY), encode_volume(data, header))
    np.testing.assert_array_equal(volume.data, data[::-1])


def test_a_mosaic_is_a_picture_of_rows_of_slices() -> None:
    assert [mosaic_side(n) for n in (1, 2, 4, 5, 9, 10, 36)] == [1, 2, 2, 3, 3, 4, 6]
    raw = encode_volume(DATA[0], HEADER)[HEADER_BYTES:]
    picture = np.frombuffer(raw, "<i2").reshape(9, 12)
    np.testing.assert_array_equal(picture[0:3, 4:8], DATA[0][:, :, 1].T)
    np.testing.assert_array_equal(picture[3:6, 0:4], DATA[0][:, :, 3].T)


def test_headers_of_a_big_endian_sender_and_with_announced_lengths() -> None:
    layout = "5s3xi64s64s16s256s16s??2x4d3i16f4i?5s6x6d"
    swapped = struct.pack(">" + layout, *struct.unpack("<" + layout, encode_header(HEADER)))
    header = decode_header(swapped)
    assert (header.shape, header.tr_s, header.number) == (HEADER.shape, 1.5, 1)
    before = struct.pack("<ii", HEADER_BYTES, HEADER.image_bytes)
    one = encode_volume(DATA[0], HEADER)
    assert len(decoded(VsendDecoder(KEY), before + one + before + one)) == 2
    done = decoded(VsendDecoder(KEY), one + b"<rt:done>")
    assert len(done) == 1


def test_counting_from_zero_is_learnt_from_the_first_volume() -> None:
    decoder = VsendDecoder(KEY)
    raws = [encode_volume(DATA[0], replace(HEADER, number=k)) for k in (0, 1)]
    assert [v.index for v in decoded(decoder, *raws)] == [0, 1]
    again = VsendDecoder(KEY, decoder.first_number)
    assert [v.index for v in decoded(again, raws[1])] == [1]


@pytest.mark.parametrize(
    ("images", "kept"), [("first", [False, False]), ("original", [False, False]), ("moco", [True])]
)
def test_of_volumes_sent_twice_one_kind_is_taken(images: str, kept: list[bool]) -> None:
    decoder = VsendDecoder(KEY, images=images)  # type: ignore[arg-type]
    kinds = [(1, False), (1, True), (2, False)]
    raws = [encode_volume(DATA[0], replace(HEADER, number=n, corrected=c)) for n, c in kinds]
    assert len(decoded(decoder, *raws)) == len(kept)
    assert decoder.other_kind == 3 - len(kept)


@pytest.mark.parametrize(
    ("at", "raw", "said"),
    [
        (0, b"GET /", "ERTI"),
        (8, struct.pack("<i", 7), "version"),
        (140, b"2Dzt\0", "imageType"),
        (412, b"c_int16_t\0", "dataType"),
        (464, struct.pack("<i", -4), "matrix"),
        (464, struct.pack("<i", 2**30), "matrix"),
        (464, struct.pack("<3i", 2048, 2048, 2048), "vsend image"),
        (540, struct.pack("<i", -1), "TR"),
    ],
)
def test_a_header_that_cannot_be_is_refused_before_anything_is_allocated(
    at: int, raw: bytes, said: str
) -> None:
    header = bytearray(encode_header(HEADER))
    header[at : at + len(raw)] = raw
    with pytest.raises(InputError, match=said):
        decoded(VsendDecoder(KEY), bytes(header))


def test_free_text_and_identifiers_stay_outside() -> None:
    raw = bytearray(encode_volume(DATA[0], replace(HEADER, series_uid="DOE^JANE")))
    raw[76:84] = raw[156:164] = b"DOE^JANE"
    (volume,) = decoded(VsendDecoder(KEY), bytes(raw))
    assert "DOE" not in repr(volume)
    assert "DOE" not in repr(decode_header(raw[:HEADER_BYTES]))
    raw[464] = 0
    with pytest.raises(InputError) as caught:
        decoded(VsendDecoder(KEY), bytes(raw))
    assert "DOE" not in str(caught.value)


def test_without_a_matrix_the_spacing_places_the_volume() -> None:
    header = bytearray(encode_header(HEADER))
    header[476:540] = np.eye(4, dtype="<f4").tobytes()
    np.testing.assert_array_equal(np.diag(decode_header(header).affine), [3, 3, 4, 1])
    np.testing.assert_array_equal(decode_header(header).affine[:3, 3], [-4.5, -3, -8])


def test_who_speaks_another_language_is_told_at_once() -> None:
    with pytest.raises(ForeignFileError, match="Check who is sending"):
        decoded(VsendDecoder(KEY), b"GET / HTTP/1.0")
