"""Volumes from files of one slice: any order, repeats, losses, cuts; two vendors; a real series."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.rigid import rotation
from acquisition.fmri.volume import Volume
from acquisition.simulate.series import Series, make_series
from acquisition.simulate.slices import ge_files, philips_files
from acquisition.sources.assemble import Assembler, Slice
from acquisition.sources.dicom import DicomReader, series_of
from phosphene.errors import InputError, TruncatedError
from tests.finished_series import read_folder
from tests.unit.dicom_bench import edited

KEY = b"k" * 32
SHAPE = (6, 5, 4)
N_VOLUMES, N_SLICES = 3, SHAPE[2]
WRITERS = {"ge": ge_files, "philips": philips_files}


def oblique() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation(12, -5, 7) @ np.diag([3.0, 3.2, 4.1])
    affine[:3, 3] = [-30.0, -25.0, -12.0]
    return affine


def series(number: int = 7) -> Series:
    times = [0.0, 0.75, 0.25, 1.0]
    return make_series(1, oblique(), 1.5, times, series_number=number, n_volumes=N_VOLUMES)


def picture(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(1, 2000, SHAPE).astype(np.int16)


@cache
def files(vendor: str) -> list[bytes]:
    """All files of a run, in the order of the volumes and then of the slices."""
    made = (WRITERS[vendor](picture(t), series(), t) for t in range(N_VOLUMES))
    return [raw for volume in made for _, raw in volume]


def without_private(raw: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(raw))
    dataset.remove_private_tags()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def is_right(volume: Volume) -> bool:
    return np.array_equal(volume.data, picture(volume.index))


@pytest.mark.parametrize("vendor", WRITERS)
def test_slices_become_volumes_with_place_and_time(vendor: str) -> None:
    reader = DicomReader(KEY)
    out = [reader.read(raw, "1.dcm") for raw in files(vendor)]
    assert [len(found) for found in out] == ([0] * (N_SLICES - 1) + [1]) * N_VOLUMES
    volumes = [v for found in out for v in found]
    assert [v.index for v in volumes] == [0, 1, 2]
    for volume in volumes:
        np.testing.assert_array_equal(volume.data, picture(volume.index))
        np.testing.assert_allclose(volume.affine, oblique(), atol=1e-4)
        assert (volume.tr_s, volume.slice_axis) == (1.5, 2)
        np.testing.assert_allclose(volume.slice_times_s, [0.0, 0.75, 0.25, 1.0])
    assert reader.pending() == []
    assert reader.counts["duplicate_slices"] == 0


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[int, float]]:
    """File numbers in any order, some lost, some repeated; and how much of each is there yet."""
    numbers = range(N_VOLUMES * N_SLICES)
    lost = draw(st.sets(st.sampled_from(numbers), max_size=3))
    again = draw(st.lists(st.sampled_from(numbers), max_size=5))
    cut = [(n, draw(st.floats(0.1, 0.99))) for n in draw(st.lists(st.sampled_from(numbers)))]
    whole = [(n, 1.0) for n in [*(set(numbers) - lost), *again]]
    return draw(st.permutations([*whole, *cut]))


@pytest.mark.parametrize("vendor", WRITERS)
@settings(max_examples=40)
@given(arrivals())
def test_any_order_repeats_losses_and_cuts(vendor: str, events: list[tuple[int, float]]) -> None:
    """No volume of two times, none twice, none under a wrong number; the rest is named."""
    reader = DicomReader(KEY)
    came: set[int] = set()
    out: list[Volume] = []
    for number, part in events:
        raw = files(vendor)[number]
        cut = raw[: int(len(raw) * part)]
        if part < 1:
            with pytest.raises(InputError):
                reader.read(cut, "1.dcm")
            continue
        out += reader.read(cut, "1.dcm")
        came.add(number)
    have = [sum(n // N_SLICES == t for n in came) for t in range(N_VOLUMES)]
    assert sorted(v.index for v in out) == [t for t in range(N_VOLUMES) if have[t] == N_SLICES]
    assert all(is_right(v) for v in out)
    expected = [(t, have[t], N_SLICES) for t in range(N_VOLUMES) if 0 < have[t] < N_SLICES]
    assert [(p.index, p.have, p.want) for p in reader.pending()] == expected
    whole = sum(part == 1.0 for _, part in events)
    assert reader.counts["duplicate_slices"] == whole - len(came)


@pytest.mark.parametrize("vendor", WRITERS)
def test_a_slice_cut_at_any_byte_is_refused_and_harms_nothing(vendor: str) -> None:
    reader = DicomReader(KEY)
    *first, last = files(vendor)[:N_SLICES]
    for raw in first:
        reader.read(raw, "1.dcm")
    for length in range(0, len(last), 3):
        with pytest.raises(InputError):
            reader.read(last[:length], "1.dcm")
    with pytest.raises(TruncatedError):
        reader.read(last[:-1], "1.dcm")
    assert is_right(reader.read(last, "1.dcm")[0])


def test_messages_name_what_is_missing() -> None:
    reader = DicomReader(KEY)
    for raw in files("ge")[:2]:
        reader.read(raw, "1.dcm")
    assert [str(p) for p in reader.pending()] == ["volume 1: 2 of 4 parts"]


def test_two_pictures_for_one_place_spoil_the_volume_and_no_other() -> None:
    reader = DicomReader(KEY)
    first, *rest = files("philips")
    reader.read(first, "1.dcm")
    with pytest.raises(InputError, match="two different pictures"):
        reader.read(edited(rest[N_SLICES - 1], TemporalPositionIdentifier=1), "2.dcm")
    out = []
    for raw in rest:
        try:
            out += reader.read(raw, "3.dcm")
        except InputError as error:
            assert "given up" in str(error)
    assert [v.index for v in out] == [1, 2]
    assert all(is_right(v) for v in out)
    assert [(p.index, p.have) for p in reader.pending()] == [(0, 1)]


def test_ge_files_that_are_numbered_otherwise_are_refused() -> None:
    raw = files("ge")[1]
    with pytest.raises(InputError, match="InStackPositionNumber"):
        DicomReader(KEY).read(edited(raw, InstanceNumber=5), "1.dcm")
    with pytest.raises(InputError, match="TemporalPositionIdentifier"):
        DicomReader(KEY).read(edited(raw, TemporalPositionIdentifier=2), "1.dcm")


def test_philips_instance_numbers_are_not_believed() -> None:
    reader = DicomReader(KEY)
    out = []
    for number, raw in enumerate(files("philips")):
        out += reader.read(edited(raw, InstanceNumber=99 - number), "1.dcm")
    assert [v.index for v in out] == [0, 1, 2]
    assert all(is_right(v) for v in out)
    with pytest.raises(ForeignFileError, match="TemporalPositionIdentifier"):
        DicomReader(KEY).read(edited(files("philips")[0], TemporalPositionIdentifier=None), "1.dcm")


def test_siemens_slices_need_a_second_witness() -> None:
    """Interoperability exports of XA: the protocol text gives the number of slices."""

    def siemens(raw: bytes, acquisition: int) -> bytes:
        dataset = pydicom.dcmread(io.BytesIO(raw))
        dataset.remove_private_tags()
        dataset.Manufacturer, dataset.AcquisitionNumber = "Siemens Healthineers", acquisition
        del dataset.InStackPositionNumber
        block = dataset.private_block(0x0021, "SIEMENS MR SDI 02", create=True)
        block.add_new(0x8E, "ST", "X_1_1_1_1_1_1_1_1_1_1_1_626_1_1_1_1_3_2_1_4_1_1")
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        return buffer.getvalue()

    reader = DicomReader(KEY)
    out = []
    for number, raw in enumerate(files("ge")):
        out += reader.read(siemens(raw, number // N_SLICES + 1), "1.dcm")
    assert [v.index for v in out] == [0, 1, 2]
    assert all(is_right(v) for v in out)
    with pytest.raises(InputError, match="AcquisitionNumber"):
        DicomReader(KEY).read(siemens(files("ge")[5], 1), "1.dcm")


def test_volumes_that_were_split_from_enhanced_files_are_one_series() -> None:
    """Siemens XA then gives each volume an own series identifier and number."""
    reader = DicomReader(KEY)
    out = []
    kind = ["ORIGINAL", "PRIMARY", "M", "ND", "MFSPLIT"]
    for number, raw in enumerate(files("ge")):
        own = {
            "SeriesInstanceUID": f"1.2.3.{number // 4 + 1}", "SeriesNumber": 7 + number // 4,
            "StudyInstanceUID": f"1.2.4.{number // 4 + 1}",
        }  # fmt: skip
        out += reader.read(edited(raw, ImageType=kind, **own), "1.dcm")
    assert [v.index for v in out] == [0, 1, 2]
    assert len({v.series_hash for v in out}) == 1
    assert series_of(edited(files("ge")[0], ImageType=kind)) == series_of(
        edited(files("ge")[5], ImageType=kind, SeriesInstanceUID="1.2.3.4")
    )
    with pytest.raises(OtherSeriesError):
        reader.read(edited(files("ge")[0], ImageType=kind, SeriesTime="130000"), "1.dcm")


def test_an_identifier_that_stays_outdoes_all_that_changes() -> None:
    reader = DicomReader(KEY)
    out = []
    kind = ["ORIGINAL", "PRIMARY", "M", "ND", "MFSPLIT"]
    for number, raw in enumerate(files("ge")):
        own = {"StudyInstanceUID": f"1.2.4.{number // 4}"}
        if number >= 4:
            own["SeriesTime"] = f"12000{number // 4}"
        out += reader.read(edited(raw, ImageType=kind, **own), "1.dcm")
    assert [v.index for v in out] == [0, 1, 2]
    assert len({v.series_hash for v in out}) == 1


def test_a_localizer_in_front_does_not_hold_the_series() -> None:
    """Three pictures in three directions, each a slice of what never becomes a volume."""
    reader = DicomReader(KEY)
    refused = 0
    for number, axes in enumerate(([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])):
        raw = edited(files("ge")[number], ImageOrientationPatient=axes,
                     SeriesInstanceUID="1.2.3.99", SeriesNumber=1)  # fmt: skip
        try:
            assert reader.read(raw, f"{number}.dcm") == []
        except MatrixError:
            refused += 1
    assert refused == 2
    out = [v for raw in files("ge") for v in reader.read(raw, "f.dcm")]
    assert [v.index for v in out] == [0, 1, 2]
    assert reader.pending() == []
    with pytest.raises(OtherSeriesError):
        reader.read(edited(files("ge")[0], SeriesInstanceUID="1.2.3.99"), "late.dcm")


@pytest.mark.parametrize("echo", [1, 2])
def test_one_echo_is_read_and_the_others_are_told_apart_from_series(echo: int) -> None:
    reader, out, left = DicomReader(KEY, echo=echo), [], 0
    for raw in files("ge"):
        for number in (1, 2, 3):
            try:
                out += reader.read(edited(raw, EchoNumbers=number), "1.dcm")
            except OtherSeriesError as error:
                assert error.echo
                left += 1
    assert [v.index for v in out] == [0, 1, 2]
    assert left == 2 * len(files("ge"))


def test_slices_without_their_number_are_refused() -> None:
    with pytest.raises(ForeignFileError, match="private elements"):
        DicomReader(KEY).read(without_private(files("ge")[0]), "1.dcm")


def test_private_elements_of_another_creator_count_for_nothing() -> None:
    dataset = pydicom.dcmread(io.BytesIO(files("ge")[0]))
    dataset[0x00210010].value = "SOMEBODY ELSE"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(ForeignFileError, match="private elements"):
        DicomReader(KEY).read(buffer.getvalue(), "1.dcm")


def test_private_elements_are_found_in_any_block() -> None:
    dataset = pydicom.dcmread(io.BytesIO(files("ge")[0]))
    dataset.remove_private_tags()
    dataset.private_block(0x0021, "SOMEBODY ELSE", create=True).add_new(0x4F, "SS", 1)
    dataset.private_block(0x0021, "GEMS_RELA_01", create=True).add_new(0x4F, "SS", N_SLICES)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    reader = DicomReader(KEY)
    assert reader.read(buffer.getvalue(), "1.dcm") == []
    assert [p.want for p in reader.pending()] == [N_SLICES]


def test_other_echoes_phases_series_and_sizes_are_refused() -> None:
    first, second, *_ = files("philips")
    reader = DicomReader(KEY)
    reader.read(first, "1.dcm")
    with pytest.raises(OtherSeriesError, match="echo 1"):
        reader.read(edited(second, EchoNumbers=2), "1.dcm")
    with pytest.raises(OtherSeriesError, match="phase"):
        reader.read(edited(second, ImageType=["ORIGINAL", "PRIMARY", "PHASE MAP"]), "1.dcm")
    with pytest.raises(MatrixError):
        reader.read(edited(second, PixelSpacing=[3.0, 3.0]), "1.dcm")
    for raw in files("philips"):
        reader.read(raw, "1.dcm")
    with pytest.raises(OtherSeriesError) as caught:
        reader.read(philips_files(picture(1), series(8), 1)[0][1], "1.dcm")
    assert (caught.value.index, len(caught.value.series), caught.value.moco) == (1, 16, False)
    assert reader.pending() == []


def piece(volume: int, place: int, value: int = 0, n_slices: int = 3) -> Slice:
    pixels = np.full((2, 2), value or 10 * volume + place, np.int16)
    return Slice(volume, n_slices, 2.0 * place, pixels, (1.0,), (0.0, 0.0, 2.0 * place))


def test_memory_is_bounded_and_what_is_given_up_stays_so() -> None:
    assembler = Assembler(limit_bytes=5 * 8)
    for volume in range(6):
        assert assembler.add(piece(volume, 0)) is None
    # volumes 1 to 5 are the ones touched last
    with pytest.raises(InputError, match="given up"):
        assembler.add(piece(0, 1))
    assert [p.index for p in assembler.pending()] == [0, 1, 2, 3, 4, 5]
    assembler.add(piece(5, 1))
    whole = assembler.add(piece(5, 2))
    assert whole is not None
    assert [s.place_mm for s in whole] == [0.0, 2.0, 4.0]
    assert assembler.add(piece(5, 2)) is None
    assert assembler.duplicates == 1


def test_uneven_slices_are_no_volume() -> None:
    assembler = Assembler()
    assembler.add(piece(0, 0))
    assembler.add(piece(0, 1))
    with pytest.raises(InputError, match="uneven"):
        assembler.add(piece(0, 3))
    assert [(p.index, p.have, p.want) for p in assembler.pending()] == [(0, 3, 3)]


@pytest.mark.realdata
def test_real_ge_slices(realdata: Path) -> None:
    root = realdata / "fmri" / "three-vendors" / "GE_env" / "funcData" / "s1925"
    volumes = list(read_folder(root, DicomReader(KEY)))
    assert [v.index for v in volumes] == [0, 1, 2]
    # the scanner fills in the times of the first volume wrongly
    assert [v.slice_times_s is None for v in volumes] == [True, False, False]
    times = np.asarray(volumes[1].slice_times_s)
    np.testing.assert_allclose(times[:4], [0.0, 0.5, 0.0555, 0.5555], atol=1e-6)
    stored = [pydicom.dcmread(path) for path in root.iterdir()]
    for slice_ in stored:
        t, k = divmod(int(slice_.InstanceNumber) - 1, 18)
        volume = volumes[t]
        to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
        there = np.linalg.solve(to_lps, [*slice_.ImagePositionPatient, 1.0])[:3]
        # the first pixel of a slice is at its right front corner
        np.testing.assert_allclose(there, [63, 63, k], atol=2e-3)
        pixels = slice_.pixel_array.astype(np.float32)
        np.testing.assert_array_equal(volume.data[::-1, ::-1, k].T, pixels)
    assert {v.data.shape for v in volumes} == {(64, 64, 18)}
    np.testing.assert_allclose(volumes[0].voxel_mm, (3.0, 3.0, 3.8), atol=1e-3)
