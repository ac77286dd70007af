"""The walker against pydicom on every transfer syntax; compressed pixels; damage of every kind."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from acquisition.errors import ForeignFileError
from acquisition.simulate.enhanced import xa_bytes
from acquisition.simulate.mosaic import mosaic_bytes
from acquisition.simulate.series import make_series
from acquisition.simulate.slices import ge_files
from acquisition.sources.dicom import DicomReader, frames, series_of
from acquisition.sources.dicom.allowlist import ALLOWED
from acquisition.sources.dicom.syntax import open_file
from phosphene.errors import InputError, TruncatedError

KEY = b"k" * 32
SHAPE = (6, 5, 4)
AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])
PLAIN = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
DATA = np.random.default_rng(3).integers(0, 2000, SHAPE).astype(np.int16)
SERIES = make_series(1, AFFINE, 1.5, [0.0, 0.75, 0.25, 1.0], n_volumes=2)
MOSAIC, XA = mosaic_bytes(DATA, SERIES, 1), xa_bytes(DATA, SERIES, 1)


def saved(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def recoded(raw: bytes, syntax: pydicom.uid.UID) -> bytes:
    """Write a file again in another plain transfer syntax."""
    dataset = pydicom.dcmread(io.BytesIO(raw))
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(
        buffer,
        dataset,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return buffer.getvalue()


@pytest.mark.parametrize("raw", [MOSAIC, XA], ids=["mosaic", "xa"])
@pytest.mark.parametrize("syntax", PLAIN, ids=lambda s: s.name)
def test_plain_syntaxes_give_the_same_volume(raw: bytes, syntax: pydicom.uid.UID) -> None:
    volume = DicomReader(KEY).read(recoded(raw, syntax), "1.dcm")[0]
    np.testing.assert_array_equal(volume.data, DATA)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert (volume.index, volume.tr_s) == (1, 1.5)


@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_of_either_kind_of_length(undefined: bool) -> None:
    dataset = pydicom.dcmread(io.BytesIO(XA))
    # a sequence that nobody asks for, with another in it, before those that count
    inner, outer = Dataset(), Dataset()
    inner.CodeValue = "x"
    outer.ConceptCodeSequence = Sequence([inner, inner])
    dataset.ReferencedStudySequence = Sequence([outer, outer])
    for element in list(dataset.iterall()):
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    volume = DicomReader(KEY).read(saved(dataset), "1.dcm")[0]
    np.testing.assert_array_equal(volume.data, DATA)


def test_a_sequence_of_unknown_kind_is_stepped_over() -> None:
    """ "UN" without a length holds implicit elements, even in explicit files (PS3.5, 6.2.2)."""
    inside = struct.pack("<HHI", 0x0010, 0x0010, 4) + b"Doe "
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inside
    item += struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    unknown = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF) + item
    unknown += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    at = MOSAIC.index(struct.pack("<HH2s", 0x0010, 0x0010, b"PN"))
    raw = MOSAIC[:at] + unknown + MOSAIC[at:]
    np.testing.assert_array_equal(DicomReader(KEY).read(raw, "1.dcm")[0].data, DATA)


@pytest.mark.parametrize("syntax", PLAIN, ids=lambda s: s.name)
def test_the_walker_agrees_with_pydicom(syntax: pydicom.uid.UID) -> None:
    raw = recoded(ge_files(DATA, SERIES, 1)[2][1], syntax)
    elements, theirs = open_file(raw).elements, pydicom.dcmread(io.BytesIO(raw))
    compared = 0
    for allowed in ALLOWED:
        if allowed.creator or allowed.tag not in theirs or allowed.vr in ("SQ", "OB", "OW"):
            continue
        value = theirs[allowed.tag].value
        many = value if isinstance(value, pydicom.multival.MultiValue) else [value]
        if allowed.vr in ("CS", "UI", "LO", "TM"):
            assert elements.texts(allowed.name) == [str(v) for v in many]
        else:
            assert elements.numbers(allowed.name) == tuple(float(v) for v in many)
        compared += 1
    assert compared > 20
    assert elements.whole("LocationsInAcquisition") == SHAPE[2]


LARGE = np.random.default_rng(4).integers(0, 2000, (40, 36, 4)).astype(np.int16)


def compressed(raw: bytes, syntax: pydicom.uid.UID) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(raw))
    dataset.compress(syntax)
    return saved(dataset)


@pytest.mark.parametrize("write", [mosaic_bytes, xa_bytes])
@pytest.mark.parametrize(
    ("syntax", "needs"), [(RLELossless, None), (JPEG2000Lossless, "openjpeg"),
                          (JPEGLSLossless, "jpeg_ls")], ids=["rle", "jpeg2000", "jpegls"],
)  # fmt: skip
def test_compressed_pixels(
    write: Callable[..., bytes], syntax: pydicom.uid.UID, needs: str | None
) -> None:
    if needs is not None:
        pytest.importorskip(needs, reason="needs the extra [formats]")
    packed = compressed(write(LARGE, SERIES, 1), syntax)
    volume = DicomReader(KEY).read(packed, "1.dcm")[0]
    np.testing.assert_array_equal(volume.data, LARGE)
    for length in range(len(packed) - 40, len(packed)):
        with pytest.raises(InputError):
            DicomReader(KEY).read(packed[:length], "1.dcm")


def test_frames_are_found_by_an_extended_offset_table() -> None:
    dataset = pydicom.dcmread(io.BytesIO(XA))
    dataset.compress(RLELossless, encapsulate_ext=True)
    assert "ExtendedOffsetTable" in dataset
    np.testing.assert_array_equal(DicomReader(KEY).read(saved(dataset), "1.dcm")[0].data, DATA)


def test_what_is_missing_to_decode_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pydicom.dcmread(io.BytesIO(MOSAIC))
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.PixelData = encapsulate([b"\xff\xd8 canary \xff\xd9"])
    raw = saved(dataset)

    class Nothing:
        is_available = False

    monkeypatch.setattr(frames, "get_decoder", lambda uid: Nothing())
    with pytest.raises(ForeignFileError, match=r"JPEG Lossless.*phosphene\[formats\]"):
        DicomReader(KEY).read(raw, "1.dcm")


def test_damaged_compressed_pixels_are_told_without_their_content() -> None:
    dataset = pydicom.dcmread(io.BytesIO(MOSAIC))
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.PixelData = encapsulate([b"canary " * 20])
    with pytest.raises(InputError, match="damaged") as caught:
        DicomReader(KEY).read(saved(dataset), "1.dcm")
    assert "canary" not in str(caught.value)


def test_unknown_syntax_and_class_are_not_quoted() -> None:
    dataset = pydicom.dcmread(io.BytesIO(MOSAIC))
    dataset.SOPClassUID = "1.2.3.4.5.6.7"
    with pytest.raises(ForeignFileError, match="unknown") as caught:
        DicomReader(KEY).read(saved(dataset), "1.dcm")
    assert "1.2.3.4.5.6.7" not in str(caught.value)
    raw = MOSAIC.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0", 1)
    with pytest.raises(ForeignFileError, match="unknown") as caught:
        DicomReader(KEY).read(raw, "1.dcm")
    assert "9.9.9" not in str(caught.value)


def test_a_deflated_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquisition.sources.dicom.syntax._LARGEST", 1000)
    with pytest.raises(InputError, match="too large"):
        DicomReader(KEY).read(recoded(MOSAIC, DeflatedExplicitVRLittleEndian), "1.dcm")


def test_a_pit_of_sequences_is_refused() -> None:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    head = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    at = MOSAIC.index(struct.pack("<HH2s", 0x0010, 0x0010, b"PN"))
    with pytest.raises(InputError, match="damaged"):
        DicomReader(KEY).read(MOSAIC[:at] + (head + item) * 5000, "1.dcm")


@settings(max_examples=150)
@given(st.sampled_from([MOSAIC, XA]), st.integers(132, 2000), st.binary(min_size=1, max_size=8))
def test_damage_raises_what_it_should(raw: bytes, at: int, junk: bytes) -> None:
    """Whatever the bytes, there is a volume or an `InputError`; never another error or a hang."""
    try:
        volumes = DicomReader(KEY).read(raw[:at] + junk + raw[at + len(junk) :], "1.dcm")
    except InputError as error:
        assert str(error).startswith("1.dcm: ")
    else:
        assert len(volumes) <= 1


def test_only_the_meta_group_is_a_cut_file() -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    at = MOSAIC.index(struct.pack("<HH2s", 0x0008, 0x0005, b"CS"))
    with pytest.raises(TruncatedError):
        DicomReader(KEY).read(MOSAIC[:at], "1.dcm")


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["siemens-xa30/dicom", "three-vendors/GE_env/funcData/s1925"])
def test_real_compressed_series(realdata: Path, folder: str) -> None:
    """Real pixels through run-length coding, the only compression that needs nothing more."""
    path = sorted((realdata / "fmri" / folder).iterdir())[0]
    dataset = pydicom.dcmread(path)
    dataset.compress(RLELossless)
    assert get_encoder(RLELossless).is_available
    opened = open_file(saved(dataset))
    np.testing.assert_array_equal(
        frames.Frames(opened).all().squeeze(), pydicom.dcmread(path).pixel_array
    )


def test_the_series_is_found_in_the_beginning_of_a_file() -> None:
    uid = pydicom.dcmread(io.BytesIO(MOSAIC)).SeriesInstanceUID
    end = MOSAIC.index(uid.encode(), 700) + len(uid) + 1
    assert series_of(MOSAIC[:end]) == series_of(MOSAIC) == uid
    for length in range(0, end - 1, 7):
        with pytest.raises(InputError):
            series_of(MOSAIC[:length])
