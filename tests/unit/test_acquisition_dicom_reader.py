"""DICOM to volumes: geometry, refusals, and what must not come along."""

from __future__ import annotations

import io
import re
import struct
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.rigid import rotation
from acquisition.fmri.volume import to_ras
from acquisition.simulate.head import slice_times_s
from acquisition.simulate.mosaic import make_series, mosaic_bytes, tile
from acquisition.simulate.series import Series
from acquisition.sources.csa import build_csa, parse_csa
from acquisition.sources.dicom import DicomReader
from acquisition.sources.dicom.mosaic import untile
from acquisition.sources.identity import public_name
from phosphene.errors import InputError, TruncatedError
from tests.finished_series import read_folder
from tests.unit.dicom_bench import edited

KEY = b"k" * 32
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def oblique(shape: tuple[int, int, int] = (20, 16, 9)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation(12, -5, 7) @ np.diag([3.0, 3.2, 4.1])
    affine[:3, 3] = [-30.0, -25.0, -12.0]
    return affine


def series(shape: tuple[int, int, int] = (20, 16, 9), **changes: int) -> Series:
    return make_series(1, oblique(), 1.5, slice_times_s(shape[2], 1.5), **changes)


def picture(shape: tuple[int, int, int] = (20, 16, 9), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4000, shape).astype(np.int16)


def by_nibabel(raw: bytes) -> nib.Nifti1Image:
    """Read a file by nibabel and turn it to the nearest RAS axes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nibabel.nicom import dicomwrappers

        wrapped = dicomwrappers.wrapper_from_data(pydicom.dcmread(io.BytesIO(raw)))
        data = np.asarray(wrapped.get_data(), np.float32)
        return nib.as_closest_canonical(nib.Nifti1Image(data, RAS @ wrapped.affine))


def test_mosaic_comes_back_and_nibabel_agrees() -> None:
    data = picture()
    raw = mosaic_bytes(data, series(), index=4)
    volume = DicomReader(KEY).read(raw, "a.dcm")[0]
    np.testing.assert_array_equal(volume.data, data)
    np.testing.assert_allclose(volume.affine, oblique(), atol=1e-5)
    assert (volume.index, volume.tr_s, volume.slice_axis) == (4, 1.5, 2)
    np.testing.assert_allclose(volume.slice_times_s, slice_times_s(9, 1.5), atol=1e-6)
    theirs = by_nibabel(raw)
    np.testing.assert_array_equal(theirs.get_fdata(), data)
    np.testing.assert_allclose(theirs.affine, oblique(), atol=1e-5)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 17))
def test_tiles_come_back(columns: int, rows: int, slices: int) -> None:
    stack = np.arange(columns * rows * slices).reshape(columns, rows, slices)
    np.testing.assert_array_equal(untile(tile(stack), slices), stack)


@given(st.permutations(range(3)), st.lists(st.booleans(), min_size=3, max_size=3))
def test_to_ras_keeps_every_voxel_in_its_place(order: list[int], flips: list[bool]) -> None:
    data = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    affine = oblique()[:, [*order, 3]] @ np.diag([*(-1.0 if f else 1.0 for f in flips), 1.0])
    times = [10.0, 20.0, 30.0, 40.0]
    turned, moved, axis, new_times = to_ras(data, affine, slice_axis=2, slice_times_s=times)
    assert (np.argmax(np.abs(moved[:3, :3]), axis=0) == [0, 1, 2]).all()
    assert (np.diag(moved)[:3] > 0).all()
    for at in np.ndindex(data.shape):
        there = np.linalg.solve(moved, affine @ [*at, 1.0])[:3]
        there = tuple(round(v) for v in there)
        assert turned[there] == data[at]
        assert new_times is not None
        assert new_times[there[axis]] == times[at[2]]


WHOLE = mosaic_bytes(picture(), series(), index=0)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(InputError, match=r"1\.dcm"):
        DicomReader(KEY).read(WHOLE[:length], "1.dcm")[0]


@pytest.mark.parametrize("length", [0, 100, 140, 1000, len(WHOLE) // 2, len(WHOLE) - 1])
def test_a_short_file_is_called_truncated(length: int) -> None:
    with pytest.raises(TruncatedError, match="whole file"):
        DicomReader(KEY).read(WHOLE[:length], "1.dcm")[0]


def test_other_files_series_and_sizes_are_refused_with_the_reason() -> None:
    reader = DicomReader(KEY)
    reader.read(WHOLE, "a.dcm")[0]
    with pytest.raises(ForeignFileError, match=r"file-[0-9a-f]{8}: .*no DICM"):
        reader.read(b"not an image " * 50, "notes.txt")[0]
    with pytest.raises(OtherSeriesError, match=r"2\.dcm: series: got"):
        reader.read(mosaic_bytes(picture(), series(series_number=8), 0), "2.dcm")[0]
    with pytest.raises(MatrixError, match=r"\(16, 12, 9\).*\(20, 16, 9\)"):
        reader.read(mosaic_bytes(picture()[2:-2, 2:-2], series(), 1), "c.dcm")[0]
    assert reader.read(mosaic_bytes(picture(), series(), 1), "d.dcm")[0].index == 1
    with pytest.raises(OtherSeriesError, match="series 9"):
        DicomReader(KEY, series_number=9).read(WHOLE, "a.dcm")[0]
    with pytest.raises(MatrixError):
        DicomReader(KEY, shape=(64, 64, 24)).read(WHOLE, "a.dcm")[0]


@pytest.mark.parametrize("name", ["InstanceNumber", "ImagePositionPatient", "RepetitionTime"])
def test_a_missing_element_is_named(name: str) -> None:
    with pytest.raises(InputError, match=name):
        DicomReader(KEY).read(edited(WHOLE, **{name: None}), "a.dcm")[0]


def test_a_plain_slice_is_no_volume() -> None:
    with pytest.raises(ForeignFileError, match="mosaic"):
        DicomReader(KEY).read(edited(WHOLE, ImageType=["ORIGINAL", "PRIMARY", "M"]), "a.dcm")[0]


def test_rescale_is_applied() -> None:
    raw = edited(WHOLE, RescaleSlope="2", RescaleIntercept="-5")
    np.testing.assert_array_equal(
        DicomReader(KEY).read(raw, "a.dcm")[0].data, picture().astype(np.float32) * 2 - 5
    )


def test_identity_stays_outside() -> None:
    dataset = pydicom.dcmread(io.BytesIO(WHOLE))
    secrets = [
        str(dataset[name].value)
        for name in ("PatientName", "PatientID", "StudyInstanceUID", "SeriesInstanceUID")
    ]
    volume = DicomReader(KEY).read(WHOLE, "a.dcm")[0]
    other_key = DicomReader(b"j" * 32).read(WHOLE, "a.dcm")[0]
    everything = repr({k: v for k, v in vars(volume).items() if k not in ("data", "affine")})
    assert not [secret for secret in secrets if secret in everything]
    assert volume.series_hash != other_key.series_hash
    assert len(volume.series_hash) == 16
    name = f"/patients/Doe/0001_{dataset.SeriesInstanceUID}.dcm"
    with pytest.raises(TruncatedError) as caught:
        DicomReader(KEY).read(WHOLE[:-10], name)[0]
    assert str(dataset.SeriesInstanceUID) not in str(caught.value)
    assert "Doe" not in str(caught.value)
    assert public_name("001_000007_000001.dcm", KEY) == "001_000007_000001.dcm"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("001_000007_000005.dcm", r"001_000007_000005\.dcm"),
        ("/doe/0005.IMA", r"0005\.IMA"),
        ("/doe/7-12 5.IMA", r"file-[0-9a-f]{8}-5\.IMA"),
        ("00012345678_0005.dcm", r"file-[0-9a-f]{8}-0005\.dcm"),
        ("19800101_3.nii.gz", r"file-[0-9a-f]{8}-3\.nii\.gz"),
        ("1980-01-02_0005.nii", r"file-[0-9a-f]{8}-0005\.nii"),
        ("01.02.1980.dcm", r"file-[0-9a-f]{8}\.dcm"),
        ("02 01 80.par", r"file-[0-9a-f]{8}\.par"),
        ("123456_0001.nii", r"file-[0-9a-f]{8}-0001\.nii"),
        ("4711-0815_12.dcm", r"file-[0-9a-f]{8}-12\.dcm"),
        ("001_010280_000005.dcm", r"file-[0-9a-f]{8}-000005\.dcm"),
        ("1.2.276.0.73164.29.317.dcm", r"file-[0-9a-f]{8}\.dcm"),
        ("1980.dcm", r"file-[0-9a-f]{8}\.dcm"),
        ("Doe_Jane_19800101_0005.dcm", r"file-[0-9a-f]{8}-0005\.dcm"),
        ("DOE_JANE.MR.HEAD.0007.0005.2024.01.02.10.11.12.123456.78901.IMA",
         r"file-[0-9a-f]{8}\.IMA"),
        ("doe1980.nii", r"file-[0-9a-f]{8}\.nii"),
        ("doe-010180.nii", r"file-[0-9a-f]{8}\.nii"),
        ("0005.Doe", r"file-[0-9a-f]{8}"),
        ("Müller", r"file-[0-9a-f]{8}"),
    ],
)  # fmt: skip
def test_names_in_messages_hold_no_person(name: str, shown: str) -> None:
    assert re.fullmatch(shown, public_name(name, KEY))
    assert public_name(name, KEY) == public_name(f"/other/{Path(name).name}", KEY)


@given(st.text(st.characters(categories=["L"]), min_size=3), st.integers(0, 10**8))
def test_letters_of_a_name_never_pass(person: str, number: int) -> None:
    shown = public_name(f"{person}_{number}.dcm", KEY)
    kept = f"-{number}" if number < 1000 else ""
    assert re.fullmatch(rf"file-[0-9a-f]{{8}}{kept}\.dcm", shown)


@given(st.lists(st.tuples(st.integers(0, 10**8), st.sampled_from("-._ ")), min_size=1, max_size=6))
def test_of_numbers_in_a_name_only_the_last_small_one_passes(parts: list[tuple[int, str]]) -> None:
    name = "".join(f"{number:04d}{mark}" for number, mark in parts) + "0007"
    assert re.fullmatch(r"file-[0-9a-f]{8}(-0007)?\.dcm", public_name(f"{name}.dcm", KEY))


def test_csa_header_comes_back_and_cuts_are_found() -> None:
    raw = build_csa({"A": ("US", ["12"]), "B": ("FD", ["1.5", "-2"]), "C": ("LO", [])})
    assert parse_csa(raw, ["A", "B", "C"]) == {"A": ["12"], "B": ["1.5", "-2"], "C": []}
    assert parse_csa(raw, ["B"]) == {"B": ["1.5", "-2"]}
    with pytest.raises(InputError, match="SV10"):
        parse_csa(b"SV99" + raw[4:], ["A"])
    for length in range(8, len(raw)):
        with pytest.raises(TruncatedError):
            parse_csa(raw[:length], ["A"])


def test_csa_headers_of_older_software_have_no_mark_and_other_lengths() -> None:
    raw = build_csa({"A": ("US", ["12", "3"]), "B": ("FD", ["1.5"]), "C": ("LO", [])}, version=1)
    assert raw[:8] == struct.pack("<II", 3, 77)
    first_length, true_length = struct.unpack_from("<2i", raw, 8 + 84)
    assert first_length - true_length == 2  # as many as the first tag has items
    assert parse_csa(raw, ["A", "B", "C"]) == {"A": ["12", "3"], "B": ["1.5"], "C": []}
    with pytest.raises(TruncatedError):
        parse_csa(raw[: 8 + 84 + 10], ["A"])


def enhanced_bytes(data: np.ndarray, affine: np.ndarray, order: list[int]) -> bytes:
    """Enhanced file of a stack (columns, rows, slices), frames stored in a given order."""
    lps = RAS @ affine
    size = np.linalg.norm(lps[:3, :3], axis=0)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.4.1")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = "2.25.1"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "FMRI", "NONE"]
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = "2.25.2", 7, 3
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = data.shape[1], data.shape[0], len(order)
    dataset.BitsAllocated, dataset.PixelRepresentation, dataset.SamplesPerPixel = 16, 0, 1
    dataset.BitsStored, dataset.HighBit = 16, 15
    timing, orientation, measures, shared = Dataset(), Dataset(), Dataset(), Dataset()
    timing.RepetitionTime = 800.0
    orientation.ImageOrientationPatient = [f"{v:.9g}" for v in (lps[:3, :2] / size[:2]).T.ravel()]
    measures.PixelSpacing = [f"{size[1]:.9g}", f"{size[0]:.9g}"]
    measures.SliceThickness = f"{size[2]:.9g}"
    shared.MRTimingAndRelatedParametersSequence = Sequence([timing])
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in order:
        frame, place, content = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [f"{v:.9g}" for v in lps[:3, 3] + k * lps[:3, 2]]
        content.FrameAcquisitionDateTime = f"20000101235959.{100000 * k:06d}"
        frame.PlanePositionSequence = Sequence([place])
        frame.FrameContentSequence = Sequence([content])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.PixelData = data.transpose(2, 1, 0)[order].astype("<u2").tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_enhanced_frames_are_sorted_by_position() -> None:
    data = picture((10, 12, 5))
    stored = enhanced_bytes(data, oblique(), order=[3, 0, 4, 1, 2])
    volume = DicomReader(KEY).read(stored, "e.dcm")[0]
    # rows and columns of this stack already run right and anterior
    np.testing.assert_array_equal(volume.data, data)
    np.testing.assert_allclose(volume.affine, oblique(), atol=1e-5)
    assert (volume.index, volume.tr_s) == (2, 0.8)
    np.testing.assert_allclose(volume.slice_times_s, [0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)


def test_enhanced_frames_that_are_no_volume_are_refused() -> None:
    data = picture((10, 12, 5))
    with pytest.raises(InputError, match="evenly spaced"):
        DicomReader(KEY).read(enhanced_bytes(data, oblique(), order=[0, 1, 3, 4]), "e.dcm")[0]
    with pytest.raises(InputError, match="told apart"):
        DicomReader(KEY).read(enhanced_bytes(data, oblique(), order=[0, 0, 1, 1]), "e.dcm")[0]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "shape", "tr_s", "n"),
    [
        ("siemens-mosaic/dicom", (74, 74, 36), 1.97, 155),
        ("siemens-xa30/dicom", (64, 64, 33), 1.0, 20),
        ("three-vendors/Siemens_env/funcData", (64, 64, 18), 1.0, 3),
    ],
)
def test_real_series(
    realdata: Path, folder: str, shape: tuple[int, int, int], tr_s: float, n: int
) -> None:
    root = realdata / "fmri" / folder
    volumes = list(read_folder(root, DicomReader(KEY)))
    assert [v.index for v in volumes] == list(range(n))
    assert {v.data.shape for v in volumes} == {shape}
    assert {v.tr_s for v in volumes} == {tr_s}
    assert volumes[0].slice_times_s is not None
    assert 0 <= min(volumes[0].slice_times_s) < max(volumes[0].slice_times_s) < tr_s
    first = sorted(root.iterdir())[0]
    theirs = by_nibabel(first.read_bytes())
    np.testing.assert_array_equal(theirs.get_fdata(), volumes[0].data)
    np.testing.assert_allclose(theirs.affine, volumes[0].affine, atol=1e-3)


@pytest.mark.realdata
def test_real_mosaic_equals_the_template(realdata: Path) -> None:
    root = realdata / "fmri" / "siemens-mosaic"
    raw = (root / "dicom" / "001_000007_000006.dcm").read_bytes()
    volume = DicomReader(KEY).read(raw, "6.dcm")[0]
    template = nib.as_closest_canonical(
        nib.load(root / "epi_template_fanon-0007-00006-000006-01.nii")
    )
    np.testing.assert_array_equal(volume.data, template.get_fdata())
    np.testing.assert_allclose(volume.affine, template.affine, atol=1e-4)


@pytest.mark.realdata
def test_real_institution_stays_outside(realdata: Path) -> None:
    path = sorted((realdata / "fmri" / "siemens-xa30" / "dicom").iterdir())[0]
    raw = path.read_bytes()
    assert b"Indiana" in raw
    volume = DicomReader(KEY).read(raw, path.name)[0]
    kept = repr({k: v for k, v in vars(volume).items() if k not in ("data", "affine")})
    assert "Indiana" not in kept
    assert "1.3.12" not in kept
    with pytest.raises(TruncatedError) as caught:
        DicomReader(KEY).read(raw[:-100], path.name)[0]
    assert "1.3.12" not in str(caught.value)
