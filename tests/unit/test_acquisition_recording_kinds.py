"""What files and folders are recognised as, and what comes out of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from acquisition.errors import ForeignFileError, OtherSeriesError
from acquisition.simulate.series import make_series
from acquisition.simulate.vendors import FOLDER_VENDORS
from acquisition.sources.any_reader import AnyReader
from acquisition.sources.bids import bids_events, bids_sidecar
from acquisition.sources.nifti import NiftiReader
from acquisition.sources.nifti_series import open_series
from acquisition.sources.recording import FmriRecording, OpenOptions, open_recording, runs_of
from phosphene.errors import InputError, TruncatedError

AFFINE = np.array([[3.0, 0, 0, -20], [0, 3, 0, -20], [0, 0, 4, -10], [0, 0, 0, 1]])
DATA = np.random.default_rng(0).integers(0, 900, (8, 8, 6, 4)).astype(np.int16)


def save(path: Path, data: np.ndarray, tr_s: float = 2.0, kind: Any = nib.Nifti1Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = kind(data, AFFINE)
    if data.ndim == 4:
        image.header.set_zooms((3.0, 3.0, 4.0, tr_s))
        image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


def opened(path: Path, run: str | None = None, tr_s: float | None = None) -> FmriRecording:
    made = open_recording(path, run, OpenOptions(tr_s=tr_s))
    assert isinstance(made, FmriRecording)
    return made


# ---- folders of every scanner --------------------------------------------------------------------


@pytest.mark.parametrize("vendor", FOLDER_VENDORS)
def test_volumes_of_every_vendor_are_found_in_subfolders(tmp_path: Path, vendor: str) -> None:
    series = make_series(1, AFFINE, 1.5, np.arange(6) / 6, 7, n_volumes=3)
    for k in range(3):
        for name, raw in FOLDER_VENDORS[vendor](DATA[..., k], series, k):
            path = tmp_path / "of the scanner" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
    if vendor != "nifti":  # a mask beside DICOM files is no run
        save(tmp_path / "mask.nii.gz", DATA[..., 0])
    (tmp_path / "notes.txt").write_text("not an image")
    assert runs_of(tmp_path) == ("1",)
    made = opened(tmp_path, tr_s=1.5)
    volumes = list(made.volumes())
    assert (made.n_volumes, made.shape, made.tr_s) == (3, (8, 8, 6), 1.5)
    assert [v.index for v in volumes] == [0, 1, 2]
    for volume in volumes:
        np.testing.assert_allclose(volume.data, DATA[..., volume.index], atol=1e-3)
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-3)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "volumes", "shape", "tr_s"),
    [
        ("siemens-mosaic", 155, (74, 74, 36), 1.97),
        ("siemens-xa30", 20, (64, 64, 33), 1.0),
        ("three-vendors/GE_env", 3, (64, 64, 18), 1.0),
        ("three-vendors/Siemens_env", 3, (64, 64, 18), 1.0),
        ("three-vendors/Philips_env", 4, (80, 80, 15), 1.0),
    ],
)
def test_real_folders_open_without_options(
    realdata: Path, folder: str, volumes: int, shape: tuple[int, ...], tr_s: float
) -> None:
    made = opened(realdata / "fmri" / folder)
    assert (made.n_volumes, made.shape, round(made.tr_s, 4)) == (volumes, shape, tr_s)
    assert [v.index for v in made.volumes()] == list(range(volumes))


@pytest.mark.realdata
def test_several_real_folders_are_several_runs(realdata: Path) -> None:
    assert len(runs_of(realdata / "fmri" / "haxby2001")) == 12
    runs = runs_of(realdata / "fmri" / "three-vendors")
    assert runs == ("1", "2", "3")  # GE, Philips, Siemens
    assert opened(realdata / "fmri" / "three-vendors", runs[1]).shape == (80, 80, 15)


def test_a_series_that_begins_late_is_read_without_holding_it_back(tmp_path: Path) -> None:
    for k in (5, 6, 8, 7):
        save(tmp_path / f"vol_{k + 1:04d}.nii", DATA[..., k % 4])
    (tmp_path / "vol_copy_0006.nii").write_bytes((tmp_path / "vol_0006.nii").read_bytes())
    made = opened(tmp_path, tr_s=1.0)
    assert made.n_volumes == 4
    assert [v.index for v in made.volumes()] == [5, 6, 7, 8]


def test_each_series_of_a_folder_is_a_run(tmp_path: Path) -> None:
    for number, count in ((3, 1), (7, 3)):
        series = make_series(1, AFFINE, 1.5, np.arange(6) / 6, number)
        for k in range(count):
            for name, raw in FOLDER_VENDORS["siemens-mosaic"](DATA[..., k], series, k):
                (tmp_path / name).write_bytes(raw)
    (tmp_path / "001_000007_000009.dcm").write_bytes(raw[:400])
    assert runs_of(tmp_path) == ("1", "2")
    with pytest.raises(InputError, match=r"1 \(1 files\), 2 \(4 files\)"):
        opened(tmp_path)
    refused: list[InputError] = []
    made = opened(tmp_path, "2")
    assert [v.index for v in made.volumes(refused.append)] == [0, 1, 2]
    assert len(refused) == 1


def test_long_files_of_a_folder_are_its_runs(tmp_path: Path) -> None:
    save(tmp_path / "rest.nii.gz", DATA)
    save(tmp_path / "task.nii", DATA[..., :3])
    save(tmp_path / "mask.nii", DATA[..., 0])
    assert runs_of(tmp_path) == ("1", "2")
    assert opened(tmp_path, "2").n_volumes == 3
    with pytest.raises(InputError, match="1, 2"):
        opened(tmp_path)


def test_a_folder_without_images_is_told_what_it_could_hold(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("x")
    with pytest.raises(InputError, match=r"1 files.*PAR/REC"):
        runs_of(tmp_path)


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("series0007_000007.nii", "series0007_000008.nii", "series0009_000008.nii"),
        ("fx-0007-00001-000001.nii", "fx-0007-00002-000002.nii", "fx-0008-00002-000002.nii"),
        ("v_1.nii", "v_2_copy.nii", "b/v_2.nii"),
        ("a/v_1.nii", "a/v_2.nii", "b/v_2.nii"),
    ],
)
def test_names_and_folders_tell_series_apart(
    tmp_path: Path, first: str, same: str, other: str
) -> None:
    raw = save(tmp_path / "x.nii", DATA[..., 0]).read_bytes()
    reader = NiftiReader()
    one, two = reader.read(raw, first)[0], reader.read(raw, same)[0]
    assert two.index == one.index + 1
    assert two.series_hash == one.series_hash != ""
    with pytest.raises(OtherSeriesError) as caught:
        reader.read(raw, other)
    assert caught.value.series not in ("", one.series_hash)
    assert caught.value.index == two.index


# ---- BIDS ----------------------------------------------------------------------------------------


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    func = tmp_path / "sub-1" / "func"
    for run in (1, 2):
        save(func / f"sub-1_task-see_run-{run}_bold.nii.gz", DATA, tr_s=9.0)
    save(tmp_path / "derivatives/p/sub-1/func/sub-1_task-see_run-1_bold.nii.gz", DATA)
    (tmp_path / "dataset_description.json").write_text("{}")
    shared = {"RepetitionTime": 2.5, "SliceTiming": [0, 1, 2, 0.5, 1.5, 0], "PatientName": "DOE"}
    (tmp_path / "task-see_bold.json").write_text(json.dumps(shared))
    (func / "sub-1_task-see_run-2_bold.json").write_text('{"RepetitionTime": 1.25}')
    (tmp_path / "task-see_events.tsv").write_text("onset\tduration\ttrial_type\n1\t1\tface\n")
    near = "onset\tduration\ttrial_type\n2\t1\thouse\n"
    (func / "sub-1_task-see_run-2_events.tsv").write_text(near)
    return tmp_path


def test_a_data_set_lists_its_runs_and_they_inherit(data_set: Path) -> None:
    runs = ("sub-1_task-see_run-1", "sub-1_task-see_run-2")
    for folder in (data_set, data_set / "sub-1", data_set / "sub-1" / "func"):
        assert runs_of(folder) == runs
        first, second = (opened(folder, run) for run in runs)
        assert (first.tr_s, second.tr_s) == (2.5, 1.25)
        assert list(first.slice_times_s or ()) == [0, 1, 2, 0.5, 1.5, 0]
        assert [e.label for e in first.events] == ["face"]
        assert [(e.t_s, e.label, e.run) for e in second.events] == [(2.0, "house", runs[1])]
    alone = opened(data_set / "sub-1/func/sub-1_task-see_run-1_bold.nii.gz")
    assert (alone.run, alone.tr_s, alone.n_volumes) == (runs[0], 2.5, 4)


def test_sidecars_of_other_tasks_do_not_apply(data_set: Path) -> None:
    image = data_set / "sub-1/func/sub-1_task-see_run-1_bold.nii.gz"
    (data_set / "task-rest_bold.json").write_text('{"RepetitionTime": 7}')
    (data_set / "sub-1" / "sub-1_task-see_run-3_events.tsv").write_text("")
    assert bids_sidecar(image).tr_s == 2.5
    assert "DOE" not in repr(bids_sidecar(image))
    assert bids_events(image) == data_set / "task-see_events.tsv"
    (data_set / "task-see_bold.json").write_text("[1]")
    with pytest.raises(InputError, match="sidecar"):
        bids_sidecar(image)


# ---- long files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_scaled_and_swapped_files_say_what_nibabel_says(
    tmp_path: Path, name: str, kind: Any
) -> None:
    header = kind.header_class
    image = kind(DATA.astype(">f4") / 7, AFFINE, header(endianness=">"))
    image.set_data_dtype(np.int16)
    image.header.set_zooms((3.0, 3.0, 4.0, 2.0))
    nib.save(image, tmp_path / name)
    loaded: Any = nib.load(tmp_path / name)
    wanted = np.asarray(loaded.dataobj).astype(np.float32)
    series = open_series(tmp_path / name)
    for volume in series.volumes():
        np.testing.assert_array_equal(volume.data, wanted[..., volume.index])
    assert (series.n_volumes, series.tr_s) == (4, 2.0)


def test_a_file_that_ends_early_gives_the_volumes_before(tmp_path: Path) -> None:
    path = save(tmp_path / "x.nii", DATA)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - 100])
    (tmp_path / "y.nii.gz").write_bytes(gzip.compress(raw)[:-800])
    for name in ("x.nii", "y.nii.gz"):
        refused: list[InputError] = []
        volumes = list(opened(tmp_path / name).volumes(refused.append))
        assert 0 < len(volumes) < 4
        assert [type(error) for error in refused] == [TruncatedError]


# ---- files that come one by one ----------------------------------------------------------------


def test_a_sidecar_times_the_volumes_that_come_after_it(tmp_path: Path) -> None:
    raw = save(tmp_path / "v_1.nii", DATA[..., 0]).read_bytes()
    timing = b'{"RepetitionTime": 0.8, "SliceTiming": [0, 0.4, 0.1, 0.5, 0.2, 0.6]}'
    reader = AnyReader()
    assert reader.read(b'{"unrelated": 1}', "config.json") == []
    assert reader.read(raw, "v_1.nii")[0].tr_s == 0.0
    assert reader.read(timing, "series.json") == []
    (volume,) = reader.read(raw, "v_2.nii")
    assert (volume.tr_s, volume.slice_times_s) == (0.8, (0, 0.4, 0.1, 0.5, 0.2, 0.6))
    (tmp_path / "series.json").write_bytes(timing)
    assert AnyReader(folder=tmp_path).read(raw, "v_1.nii")[0].tr_s == 0.8
    assert AnyReader(tr_s=2.0, folder=tmp_path).read(raw, "v_1.nii")[0].tr_s == 2.0


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Spm99AnalyzeImage])
def test_header_and_pixels_in_two_files(tmp_path: Path, kind: Any) -> None:
    save(tmp_path / "v_3.img", DATA[..., 0], kind=kind)
    # Analyze headers do not tell left from right: SPM's convention counts from the right.
    wanted = DATA[..., 0] if kind is nib.Nifti1Pair else DATA[::-1, ..., 0]
    halves = [(n, (tmp_path / n).read_bytes()) for n in ("v_3.hdr", "v_3.img")]
    for (one, raw_one), (two, raw_two) in (halves, halves[::-1]):
        reader = NiftiReader()
        assert reader.read(raw_one, one) == []
        (volume,) = reader.read(raw_two, two)
        assert volume.index == 2
        np.testing.assert_array_equal(volume.data, wanted)
    reader = NiftiReader()
    assert reader.read(halves[0][1], "v_3.hdr") == []
    with pytest.raises(TruncatedError):
        reader.read(halves[1][1][:-9], "v_3.img")
    assert len(reader.read(halves[1][1], "v_3.img")) == 1


def test_a_file_that_grows_by_volumes_is_refused_with_a_way_out(tmp_path: Path) -> None:
    raw = save(tmp_path / "run_1.nii", DATA).read_bytes()
    with pytest.raises(ForeignFileError, match="replay it when it is finished"):
        NiftiReader().read(raw, "run_1.nii")
