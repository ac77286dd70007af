"""AFNI's real-time protocol, in bytes."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.errors import ForeignFileError
from acquisition.fmri.volume import Volume
from acquisition.sources.tcp.afni import END_MARK, AfniDecoder, control_text, data_port
from acquisition.sources.tcp.afni_header import AfniHeader, decode_header, encode_header
from phosphene.errors import InputError, TruncatedError

KEY = b"k" * 32
AFFINE = np.array([[3.0, 0, 0, -20], [0, 3, 0.3, -20], [0, -0.2, 4, -10], [0, 0, 0, 1]])
DATA = np.random.default_rng(0).integers(-99, 900, (3, 4, 3, 5)).astype("<i2")
HEADER = AfniHeader((4, 3, 5), AFFINE, np.dtype("<i2"), 1.5, slice_times_s=(0, 0.6, 0.3, 0.9, 1.2))
SLICES = AfniHeader((4, 3, 5), AFFINE, np.dtype("<i2"), 1.5, by_slice=True, alternating=True)
EXAMPLE = """
ACQUISITION_TYPE 2D+zt
TR 5.0
XYFOV 240.0 240.0 112.0
ZNUM 16
XYZAXES S-I A-P L-R
DATUM short
XYMATRIX 64 64
"""


def images(header: AfniHeader, data: np.ndarray) -> bytes:
    stacked = np.ascontiguousarray(data.T, header.pixel)
    order = header.arrival if header.by_slice else range(data.shape[2])
    return b"".join(stacked[k].tobytes() for k in order)


def stream(header: AfniHeader) -> bytes:
    end = END_MARK.ljust(max(header.image_bytes, len(END_MARK)), b"\0")[: header.image_bytes]
    volumes = b"".join(images(header, one) for one in DATA)
    return encode_header(header) + volumes + (b"" if header.by_slice else end)


STREAMS = {False: stream(HEADER), True: stream(SLICES)}


def decoded(decoder: AfniDecoder, *pieces: bytes) -> list[Volume]:
    return [volume for piece in pieces for volume in decoder.feed(piece)]


# ---- description -------------------------------------------------------------------------------


def test_the_example_of_the_protocols_description() -> None:
    header = decode_header(EXAMPLE + "XYZFIRST 30 20A 50R\n")
    assert (header.shape, header.tr_s, header.by_slice) == ((64, 64, 16), 5.0, True)
    assert header.arrival == (0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15)
    # first voxel 50 mm right, 20 mm anterior, 30 mm superior; rows run down, columns back, slices
    # from left to right
    np.testing.assert_array_equal(
        header.affine, [[0, 0, 7, 50], [0, -3.75, 0, 20], [-3.75, 0, 0, 30], [0, 0, 0, 1]]
    )
    assert decode_header(EXAMPLE + "XYZFIRST 30 20A 50").affine[0, 3] == -50.0
    centred = decode_header(EXAMPLE).affine @ [31.5, 31.5, 7.5, 1]
    np.testing.assert_allclose(centred, [0, 0, 0, 1], atol=1e-9)


def test_what_comes_last_places_the_slices() -> None:
    lines = "XYZFIRST 30 20A 50R\nZFIRST 12R\n"
    assert decode_header(EXAMPLE + lines).affine[:3, 3].tolist() == [12.0, 20.0, 30.0]
    turned = "ZFIRST 12R\nXYZFIRST 30 20A 50R\n"
    assert decode_header(EXAMPLE + turned).affine[0, 3] == 50.0


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_description_comes_back_as_it_was_written(order: str) -> None:
    header = AfniHeader((4, 3, 5), AFFINE, np.dtype(order + "f4"), 0.8)
    read = decode_header(encode_header(header).rstrip(b"\0").decode())
    np.testing.assert_allclose(read.affine, AFFINE, atol=1e-6)
    assert (read.shape, read.pixel, read.tr_s) == (header.shape, header.pixel, 0.8)
    assert not read.by_slice


def test_slice_times_in_seconds_or_milliseconds() -> None:
    base = EXAMPLE.replace("ZNUM 16", "ZNUM 2").replace("2D+zt", "3D+timing")
    for words in ("0 2.5", "0.0 2500.0"):
        assert decode_header(base + f"TPATTERN explicit {words}\n").slice_times_s == (0.0, 2.5)
    assert decode_header(base + "TPATTERN alt+z\n").slice_times_s is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("NUM_CHAN 3", "NUM_CHAN"),
        ("DATUM complex", "DATUM"),
        ("ACQUISITION_TYPE 4D", "ACQUISITION_TYPE"),
        ("XYMATRIX 64 64 999999999", "XYMATRIX"),
        ("XYMATRIX 2048 2048 2048", "XYMATRIX"),
        ("XYMATRIX a b", "XYMATRIX"),
        ("XYZAXES S-I A-P I-S", "XYZAXES"),
        ("XYFOV -5 4 3", "XYFOV"),
        ("XYFOV 1e308 1e308 1e308", "XYFOV"),
        ("XYZFIRST 30L 20A 50R", "XYZFIRST"),
        ("XYZFIRST 1.2.3 1 1", "XYZFIRST"),
        ("XYZFIRST 1e999 1 1", "XYZFIRST"),
        ("OBLIQUE_XFORM 1e300 0 0 0 0 1e300 0 0 0 0 1e300 0 0 0 0 1", "OBLIQUE_XFORM"),
        ("TR nan", "TR"),
        ("OBLIQUE_XFORM 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", "OBLIQUE_XFORM"),
        ("BYTEORDER PDP", "BYTEORDER"),
    ],
)
def test_what_cannot_be_is_refused_by_name(line: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        decode_header(EXAMPLE + line)


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        decode_header("DATUM short\nXYMATRIX 64 64\n")
    assert all(word in str(caught.value) for word in ("ZNUM", "XYFOV", "XYZAXES"))


def test_names_and_notes_are_dropped() -> None:
    lines = "NOTE DOE^JANE 1980\nNAME DOE\nPREFIX DOE\nDRIVE_AFNI OPEN_WINDOW DOE\n"
    assert "DOE" not in repr(decode_header(EXAMPLE + lines))


# ---- data --------------------------------------------------------------------------------------


@given(st.booleans(), st.lists(st.integers(0, 2000), max_size=6))
@settings(max_examples=40, deadline=None)
def test_volumes_come_out_the_same_however_the_stream_is_cut(
    by_slice: bool, cuts: list[int]
) -> None:
    raw = STREAMS[by_slice]
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges)]
    decoder = AfniDecoder(KEY)
    volumes = decoded(decoder, *pieces)
    decoder.hang_up()
    assert [v.index for v in volumes] == [0, 1, 2]
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.data, DATA[k])
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
    assert volumes[0].slice_times_s == (None if by_slice else HEADER.slice_times_s)


@given(st.booleans(), st.integers(1, 800))
@settings(max_examples=40, deadline=None)
def test_a_connection_that_breaks_loses_only_the_volume_under_way(
    by_slice: bool, length: int
) -> None:
    header = SLICES if by_slice else HEADER
    described, one = len(encode_header(header)), DATA[0].nbytes
    whole, rest = divmod(max(length - described, 0), one)
    decoder = AfniDecoder(KEY)
    got = decoded(decoder, STREAMS[by_slice][:length])
    if whole >= 3:
        return
    assert [v.index for v in got] == list(range(whole))
    if rest or length < described:
        with pytest.raises(TruncatedError):
            decoder.hang_up()
    else:
        decoder.hang_up()


def test_several_series_by_one_connection() -> None:
    decoder = AfniDecoder(KEY)
    volumes = decoded(decoder, STREAMS[False] * 2)
    assert [v.index for v in volumes] == [0, 1, 2, 0, 1, 2]
    # The same first volume is the same series: a sender that was started again.
    assert len({v.series_hash for v in volumes}) == 1
    other = encode_header(HEADER) + images(HEADER, DATA[1])
    assert decoded(decoder, other)[0].series_hash != volumes[0].series_hash


def test_a_description_without_end_is_refused() -> None:
    decoder = AfniDecoder(KEY)
    with pytest.raises(ForeignFileError, match="zero byte"):
        decoded(decoder, *[b"x" * 40000] * 2)


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=40, deadline=None)
def test_noise_is_refused_or_waits_for_more_but_is_never_a_volume(noise: bytes) -> None:
    with suppress(InputError):
        assert decoded(AfniDecoder(KEY), noise) == []


# ---- control -----------------------------------------------------------------------------------


def test_the_control_connection_names_the_port_of_the_data() -> None:
    assert data_port(control_text("scanner", 7953)) == 7953
    assert data_port(b"tcp:localhost:7953\nrm -rf /\0junk") == 7953


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"shm:grv:1M\0", "uses TCP"),
        (b"tcp:localhost:22\0", "tcp:HOST:PORT"),
        (b"tcp:localhost:99999\0", "tcp:HOST:PORT"),
        (b"GET / HTTP/1.0\r\n", "Check who is sending"),
        (b"", "tcp:HOST:PORT"),
        (b"\xff\xfe\0", "tcp:HOST:PORT"),
    ],
)
def test_other_control_texts_are_refused(text: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        data_port(text)
