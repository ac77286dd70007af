"""Nothing of a person passes the door: not in volumes, not in messages, not in warnings."""

from __future__ import annotations

import io
import logging
import traceback
import warnings
from functools import cache

import numpy as np
import pydicom
import pytest

from acquisition.fmri.volume import Volume
from acquisition.simulate.series import make_series
from acquisition.simulate.vendors import FOLDER_VENDORS
from acquisition.sources.dicom import DicomReader
from acquisition.sources.dicom.allowlist import ALLOWED
from phosphene.errors import InputError
from tests.canary import FILE_STEM, WORD, seeded, traces_in

KEY = b"k" * 32
SHAPE = (6, 5, 4)
SERIES = make_series(1, np.diag([3.0, 3.0, 4.0, 1.0]), 1.5, [0.0, 0.75, 0.25, 1.0], n_volumes=3)
VENDORS = sorted(set(FOLDER_VENDORS) - {"nifti", "parrec"})
NAME = f"/data/{FILE_STEM}/{FILE_STEM}.{WORD}.0007.dcm"


@cache
def plain(vendor: str) -> list[bytes]:
    data = np.random.default_rng(1).integers(0, 2000, SHAPE).astype(np.int16)
    return [raw for _, raw in FOLDER_VENDORS[vendor](data, SERIES, 1)]


@cache
def files(vendor: str, malformed: bool = False) -> list[bytes]:
    return [seeded(raw, malformed=malformed) for raw in plain(vendor)]


def said_of(reader: DicomReader, raw: bytes) -> tuple[list[Volume], str]:
    """Read a file; return its volumes, and all that anybody could see of the attempt."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    volumes: list[Volume] = []
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                volumes = reader.read(raw, NAME)
            except InputError as error:
                heard.write("".join(traceback.format_exception(error)))
    finally:
        logging.getLogger().removeHandler(handler)
    shown = [{k: v for k, v in vars(volume).items() if k != "data"} for volume in volumes]
    words = [str(w.message) for w in told]
    return volumes, f"{heard.getvalue()} {shown} {words} {reader.pending()}"


def test_the_canary_is_seen_where_it_is() -> None:
    for raw in files("siemens-mosaic"):
        assert {WORD, "19370412", "73164", "7316429", "31337", "097Y"} <= set(traces_in(raw))
    vrs = {e.VR for e in pydicom.dcmread(io.BytesIO(files("ge")[0])).iterall()}
    assert len(vrs) >= 34  # all of DICOM PS3.5, table 6.2-1


@pytest.mark.parametrize("vendor", VENDORS)
def test_volumes_hold_nothing_of_it(vendor: str) -> None:
    reader, clean = DicomReader(KEY), DicomReader(KEY)
    for raw, unseeded in zip(files(vendor), plain(vendor), strict=True):
        volumes, said = said_of(reader, raw)
        expected = clean.read(unseeded, "1.dcm")
        assert traces_in(said) == []
    for volume, same in zip(volumes, expected, strict=True):
        np.testing.assert_array_equal(volume.data, same.data)
        np.testing.assert_array_equal(volume.affine, same.affine)
        assert (volume.index, volume.tr_s, volume.header_s) == (same.index, same.tr_s, 0.0)
        assert traces_in(volume.data.tobytes() + volume.affine.tobytes()) == []
        assert volume.series_hash != same.series_hash


@pytest.mark.parametrize("vendor", VENDORS)
def test_refusals_hold_nothing_of_it(vendor: str) -> None:
    """Cut files, needed numbers that hold words, other series, other kinds of files."""
    raw = files(vendor)[0]
    wrong = [files(vendor, malformed=True)[0]]
    wrong += [raw[:length] for length in range(100, len(raw), 211)]
    wrong += [raw[:at] + b"\xff" * 4 + raw[at + 4 :] for at in range(132, len(raw), 307)]
    refused = 0
    for content in wrong:
        volumes, said = said_of(DicomReader(KEY), content)
        assert traces_in(said) == []
        refused += not volumes and "Traceback" in said
    assert refused > len(wrong) // 4
    reader = DicomReader(KEY)
    reader.read(plain(vendor)[0], "1.dcm")
    assert traces_in(said_of(reader, raw)[1]) == []


@pytest.mark.parametrize(
    "name", ["SOPClassUID", "ImageType", "SeriesNumber", "EchoNumbers", "PhotometricInterpretation"]
)
def test_elements_that_decide_are_not_quoted(name: str) -> None:
    dataset = pydicom.dcmread(io.BytesIO(files("siemens-mosaic")[0]))
    tag = pydicom.tag.Tag(name)
    vr = dataset[tag].VR if tag in dataset else "IS"
    dataset[tag] = pydicom.dataelem.RawDataElement(
        tag, vr, len(WORD), WORD.encode(), 0, False, True
    )
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert traces_in(said_of(DicomReader(KEY), buffer.getvalue())[1]) == []


def test_the_allowlist_names_no_person() -> None:
    """What is decoded belongs to the image; a new entry has to be argued here."""
    whys = {"geometry", "timing", "number", "pixels", "identifier", "layout", "parsed"}
    assert {e.why for e in ALLOWED} == whys
    groups = {e.tag >> 16 for e in ALLOWED}
    assert 0x0010 not in groups  # the patient
    assert [e.name for e in ALLOWED if e.vr in ("PN", "DA", "AE", "AS", "LT", "UT", "SH")] == []
    identifiers = [e.name for e in ALLOWED if e.why == "identifier"]
    assert identifiers == ["SeriesTime", "SeriesInstanceUID"]
    assert len({(e.tag, e.creator) for e in ALLOWED}) == len({e.name for e in ALLOWED})
