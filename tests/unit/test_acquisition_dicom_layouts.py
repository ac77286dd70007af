"""Every layout of a volume in files: what the simulator writes, and what scanners do otherwise."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from acquisition.errors import MatrixError
from acquisition.fmri.rigid import rotation
from acquisition.fmri.volume import Volume
from acquisition.simulate.enhanced import philips_enhanced_bytes, xa_bytes
from acquisition.simulate.mosaic import mosaic_bytes
from acquisition.simulate.series import Series, make_series
from acquisition.simulate.vendors import FOLDER_VENDORS
from acquisition.sources.dicom import DicomReader
from acquisition.sources.dicom.clock import seconds_of
from acquisition.sources.dicom.protocol import parse_protocol
from acquisition.sources.geometry import plausible_times
from phosphene.errors import InputError

KEY = b"k" * 32
SHAPE = (6, 5, 4)
TIMES = (0.0, 0.75, 0.25, 1.0)
DICOM_VENDORS = sorted(set(FOLDER_VENDORS) - {"nifti", "parrec"})


def oblique() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation(12, -5, 7) @ np.diag([3.0, 3.2, 4.1])
    affine[:3, 3] = [-30.0, -25.0, -12.0]
    return affine


def series() -> Series:
    return make_series(1, oblique(), 1.5, TIMES, n_volumes=3)


def picture(index: int = 0) -> np.ndarray:
    return np.random.default_rng(index).integers(1, 2000, SHAPE).astype(np.int16)


def opened(raw: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(raw))


def saved(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read(dataset: Dataset | bytes) -> list[Volume]:
    raw = dataset if isinstance(dataset, bytes) else saved(dataset)
    return DicomReader(KEY).read(raw, "1.dcm")


@pytest.mark.parametrize("vendor", DICOM_VENDORS)
def test_what_the_simulator_writes_comes_back(vendor: str) -> None:
    reader = DicomReader(KEY)
    volumes = []
    for index in range(2):
        for name, raw in FOLDER_VENDORS[vendor](picture(index), series(), index):
            volumes += reader.read(raw, name)
    assert [v.index for v in volumes] == [0, 1]
    for volume in volumes:
        np.testing.assert_array_equal(volume.data, picture(volume.index))
        np.testing.assert_allclose(volume.affine, oblique(), atol=1e-4)
        assert (volume.tr_s, volume.slice_axis) == (1.5, 2)
        np.testing.assert_allclose(volume.slice_times_s, TIMES, atol=1e-5)
    # by the scanner's clock, from the first volume on: no time of day
    assert volumes[0].header_s == 0.0
    assert volumes[1].header_s == pytest.approx(1.5, abs=1.5)
    assert volumes[0].series_hash == volumes[1].series_hash != ""


# ---- mosaics -----------------------------------------------------------------------------------


def mosaic_without_csa(**private: object) -> Dataset:
    dataset = opened(mosaic_bytes(picture(), series(), 0))
    dataset.remove_private_tags()
    for name, value in private.items():
        element, vr = {"count": (0x0A, "US"), "times": (0x29, "FD")}[name]
        block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(element, vr, value)
    return dataset


def test_a_mosaic_without_private_header_is_read_by_the_classic_elements() -> None:
    times = [1000 * t for t in TIMES]
    volume = read(mosaic_without_csa(count=SHAPE[2], times=times))[0]
    np.testing.assert_array_equal(volume.data, picture())
    np.testing.assert_allclose(volume.affine, oblique(), atol=1e-4)
    np.testing.assert_allclose(volume.slice_times_s, TIMES)
    # the times alone tell the number
    assert read(mosaic_without_csa(times=times))[0].data.shape == SHAPE
    with pytest.raises(InputError, match="NumberOfImagesInMosaic"):
        read(mosaic_without_csa())


def protocol(backwards: bool = False) -> bytes:
    """Protocol text of the series, with other private bytes around it."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ oblique()
    lines = [f"sSliceArray.lSize                        = {SHAPE[2]}"]
    order = range(SHAPE[2])[::-1] if backwards else range(SHAPE[2])
    for number, k in enumerate(order):
        x, y, z = (lps @ [2.5, 2.0, k, 1.0])[:3]
        for axis, value in (("Sag", x), ("Cor", y), ("Tra", z)):
            at = f"sSliceArray.asSlice[{number}].sPosition.d{axis}"
            lines.append(f"{at} = {value:.10f}")
    if backwards:
        lines.append("sSliceArray.ucImageNumbTra = 0x1")
    text = "\n".join(lines)
    begin, end = "### ASCCONV BEGIN object=MrProt ###", "### ASCCONV END ###"
    return f"tPatientName = x\n{begin}\n{text}\n{end}".encode()


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("where", [("SIEMENS CSA HEADER", 0x0029, 0x20),
                                   ("SIEMENS MR SDS 01", 0x0021, 0x19)])  # fmt: skip
def test_a_mosaic_is_read_by_its_protocol(where: tuple[str, int, int], backwards: bool) -> None:
    dataset = mosaic_without_csa()
    creator, group, element = where
    block = dataset.private_block(group, creator, create=True)
    block.add_new(element, "OB", protocol(backwards))
    volume = read(dataset)[0]
    np.testing.assert_array_equal(volume.data, picture())
    np.testing.assert_allclose(volume.affine, oblique(), atol=1e-4)


def test_the_protocol_tells_the_way_of_the_slices() -> None:
    up = parse_protocol(protocol())
    assert up.n_slices == SHAPE[2]
    assert up.way_mm is not None
    np.testing.assert_allclose(up.way_mm / np.linalg.norm(up.way_mm), oblique()[:3, 2] / 4.1
                               * [-1, -1, 1], atol=1e-6)  # fmt: skip
    assert parse_protocol(b"no protocol").n_slices == 0
    assert parse_protocol(b"### ASCCONV BEGIN\n### ASCCONV END").way_mm is None


def test_a_mosaic_whose_header_changes_is_placed_anew() -> None:
    """The geometry is remembered between files, and noticed when it is another."""
    reader = DicomReader(KEY)
    moved = make_series(1, oblique() + np.outer([0, 0, 9.0, 0], [0, 0, 0, 1.0]), 1.5, TIMES)
    places = [
        reader.read(mosaic_bytes(picture(k), s, k), "1.dcm")[0].affine[2, 3]
        for k, s in enumerate([series(), moved, series()])
    ]
    np.testing.assert_allclose(np.diff(places), [9.0, -9.0], atol=1e-4)


def test_tiles_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="tiles"):
        read(mosaic_without_csa(count=26))


# ---- enhanced ----------------------------------------------------------------------------------


def many_in_one(write: Callable[..., bytes], order: str = "slice", n_volumes: int = 3) -> Dataset:
    """Join volumes to one file, the frames ordered by slice first or by volume first."""
    parts = [opened(write(picture(t), series(), t)) for t in range(n_volumes)]
    whole = parts[0]
    keys = [(t, k) for t in range(n_volumes) for k in range(SHAPE[2])]
    if order == "slice":
        keys.sort(key=lambda key: key[1])
    frames = [parts[t].PerFrameFunctionalGroupsSequence[k] for t, k in keys]
    pixels = [parts[t].pixel_array[k] for t, k in keys]
    whole.PerFrameFunctionalGroupsSequence = Sequence([copy.deepcopy(f) for f in frames])
    whole.NumberOfFrames = len(frames)
    whole.PixelData = np.stack(pixels).tobytes()
    return whole


WRITERS = pytest.mark.parametrize("write", [philips_enhanced_bytes, xa_bytes])


def all_right(volumes: list[Volume], indices: list[int]) -> bool:
    same = all(np.array_equal(v.data, picture(v.index)) for v in volumes)
    return same and [v.index for v in volumes] == indices


@WRITERS
@pytest.mark.parametrize("order", ["slice", "volume"])
def test_many_volumes_in_one_file(write: Callable[..., bytes], order: str) -> None:
    volumes = read(many_in_one(write, order))
    assert all_right(volumes, [0, 1, 2])
    for volume in volumes:
        np.testing.assert_allclose(volume.affine, oblique(), atol=1e-4)
        np.testing.assert_allclose(volume.slice_times_s, TIMES, atol=1e-5)
    assert [v.header_s for v in volumes] == [0.0, 1.5, 3.0]


def test_the_dimension_index_tells_volumes_apart_where_the_position_does_not() -> None:
    """Some scanners write temporal position 1 for all volumes."""
    dataset = many_in_one(philips_enhanced_bytes)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.FrameContentSequence[0].TemporalPositionIndex = 1
    assert all_right(read(dataset), [0, 1, 2])
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.FrameContentSequence[0].TemporalPositionIndex
    assert all_right(read(dataset), [0, 1, 2])
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.FrameContentSequence[0].DimensionIndexValues
    with pytest.raises(InputError, match="told apart"):
        read(dataset)


def test_a_broken_last_volume_is_left_out() -> None:
    dataset = many_in_one(philips_enhanced_bytes, "volume")
    n_frames = 2 * SHAPE[2] + 1
    del dataset.PerFrameFunctionalGroupsSequence[n_frames:]
    dataset.NumberOfFrames = n_frames
    dataset.PixelData = dataset.PixelData[: 2 * n_frames * SHAPE[0] * SHAPE[1]]
    assert all_right(read(dataset), [0, 1])


def test_a_single_volume_that_was_interrupted_has_another_size() -> None:
    reader = DicomReader(KEY)
    reader.read(xa_bytes(picture(), series(), 0), "1.dcm")
    dataset = opened(xa_bytes(picture(1), series(), 1))
    del dataset.PerFrameFunctionalGroupsSequence[3:]
    dataset.NumberOfFrames = 3
    with pytest.raises(MatrixError, match=r"\(6, 5, 3\)"):
        reader.read(saved(dataset), "2.dcm")


def test_phase_frames_are_passed_over() -> None:
    dataset = opened(xa_bytes(picture(), series(), 0))
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    phase = []
    for frame in frames:
        kinds = [Dataset(), Dataset()]
        other = copy.deepcopy(frame)
        for kind, name, owner in zip(kinds, ["MAGNITUDE", "PHASE"], [frame, other], strict=True):
            kind.ComplexImageComponent = name
            owner.MRImageFrameTypeSequence = Sequence([kind])
        phase.append(other)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames + phase)
    dataset.NumberOfFrames = 2 * len(frames)
    dataset.PixelData = dataset.PixelData + bytes(len(dataset.PixelData))
    assert all_right(read(dataset), [0])


def test_an_enhanced_file_may_still_be_called_a_mosaic() -> None:
    dataset = opened(xa_bytes(picture(2), series(), 2))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    assert all_right(read(dataset), [2])


def test_slabs_in_several_directions_are_no_volume() -> None:
    dataset = opened(xa_bytes(picture(), series(), 0))
    frame = dataset.PerFrameFunctionalGroupsSequence[1]
    frame.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 0, 1]
    with pytest.raises(InputError, match="parallel"):
        read(dataset)


@pytest.mark.parametrize(
    "group", ["PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"]
)
def test_a_missing_group_is_named(group: str) -> None:
    dataset = opened(xa_bytes(picture(), series(), 0))
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        delattr(frame, group)
    with pytest.raises(InputError, match=group):
        read(dataset)


def test_times_that_cannot_be_are_none() -> None:
    """The first multiband volume of some releases holds times of the whole run."""
    assert plausible_times([0.0, 9.0, 0.5], 1.0) is None
    assert plausible_times([0.0, None, 0.5], 1.0) is None
    assert plausible_times([3.0, 3.0], 1.0) is None
    assert plausible_times([3.5, 3.0], 1.0) == (0.5, 0.0)
    dataset = opened(xa_bytes(picture(), series(), 0))
    content = dataset.PerFrameFunctionalGroupsSequence[2].FrameContentSequence[0]
    content.FrameAcquisitionDateTime = "20000101120009"
    assert read(dataset)[0].slice_times_s is None
    content.FrameAcquisitionDateTime = ""
    assert read(dataset)[0].slice_times_s is None


def test_times_of_day() -> None:
    assert seconds_of("") is None
    assert seconds_of("2359") is None
    assert seconds_of("000130.5") == 90.5
    assert seconds_of("00:01:30") == 90.0
    assert seconds_of("20001399000000") is None
    first, second = seconds_of("20000101235959.5"), seconds_of("20000102000000.25+0100")
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(0.75, abs=1e-6)


@pytest.mark.realdata
def test_a_real_mosaic_without_its_image_header(realdata: Path) -> None:
    """Number and direction of the slices from the protocol equal those of the private header."""
    root = realdata / "fmri" / "three-vendors" / "Siemens_env" / "funcData"
    dataset = pydicom.dcmread(sorted(root.iterdir())[0])
    reference = read(dataset)[0]
    del dataset[0x0029, 0x1010]
    for element in list(dataset.group_dataset(0x0019)):
        del dataset[element.tag]
    volume = read(dataset)[0]
    np.testing.assert_array_equal(volume.data, reference.data)
    np.testing.assert_allclose(volume.affine, reference.affine, atol=1e-4)
    assert volume.slice_times_s is None
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0A, "US", 18)
    del dataset[0x0029, 0x1020]
    np.testing.assert_allclose(read(dataset)[0].affine, reference.affine, atol=1e-4)
