"""``simulate scanner`` from its command line to the files, as fast as it can."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from acquisition.simulate import cli, options
from acquisition.simulate.scanner_cli import free_series
from acquisition.simulate.series import make_series
from acquisition.simulate.vendors import FOLDER_VENDORS
from acquisition.sources.dicom import DicomReader
from tests.finished_series import read_folder

HEAD = ("--matrix", "16x16x8", "--tr", "1.5")


@pytest.fixture(autouse=True)
def _leave_the_signals_of_the_test_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "stop_on_signals", lambda _clock: None)


def scan(*arguments: object) -> int:
    return cli.main(["scanner", "--speed", "max", *map(str, arguments)])


def volumes(folder: Path) -> list[np.ndarray]:
    return [v.data for v in read_folder(folder, DicomReader(b"k" * 32))]


def write_nifti(folder: Path, data: np.ndarray, tr_s: float = 2.0) -> Path:
    image = nib.Nifti1Image(data, np.diag([3.0, 3.0, 4.0, 1.0]))
    image.header.set_zooms((3.0, 3.0, 4.0, tr_s))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, folder / "real_bold.nii")
    return folder / "real_bold.nii"


def test_the_head_moves_and_the_truth_lies_beside_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "incoming"
    assert scan(*HEAD, "--to", to, "--volumes", 4, "--motion", "walk:1.5", "--drop", "2") == 0
    assert len(list(to.iterdir())) == 3
    with (tmp_path / "incoming-truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["fate"] for row in rows] == ["sent", "sent", "dropped", "sent"]
    assert max(abs(float(row["superior_mm"])) for row in rows) > 0
    said = capsys.readouterr().out
    assert "the synthetic head, 16x16x8, 4 volumes, TR 1.5 s, as siemens-mosaic" in said
    assert "scanner: 3 files written" in said


def test_a_real_recording_is_measured_again_voxel_for_voxel(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 4000, (10, 8, 6, 5)).astype(np.int16)
    source = write_nifti(tmp_path, data)
    to = tmp_path / "philips"
    assert scan("--from", source, "--to", to, "--vendor", "philips-enhanced", "--volumes", 3) == 0
    seen = list(read_folder(to, DicomReader(b"k" * 32)))
    np.testing.assert_array_equal([v.data for v in seen], np.moveaxis(data, 3, 0)[:3])
    np.testing.assert_allclose(seen[0].affine, np.diag([3.0, 3.0, 4.0, 1.0]), atol=1e-4)
    assert seen[0].tr_s == 2.0
    # and what was written is a recording itself
    assert scan("--from", to, "--to", tmp_path / "again", "--tr", 0.5) == 0
    again = list(read_folder(tmp_path / "again", DicomReader(b"k" * 32)))
    np.testing.assert_array_equal([v.data for v in again], [v.data for v in seen])
    assert again[0].tr_s == 0.5


def test_intensities_that_no_file_can_hold_are_scaled_by_one_factor(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(0.0, 1.0, (8, 8, 4, 3)).astype(np.float32)
    source = write_nifti(tmp_path, data)
    assert scan("--from", source, "--to", tmp_path / "out") == 0
    seen = np.stack(volumes(tmp_path / "out"))
    factor = 0.8 * 4095 / data[..., 0].max()
    expected = np.clip(np.rint(np.moveaxis(data, 3, 0) * factor), 0, 4095)
    np.testing.assert_allclose(seen, expected, atol=1)


def test_two_scans_into_one_folder_are_two_series(tmp_path: Path) -> None:
    for vendor in FOLDER_VENDORS:
        folder = tmp_path / vendor
        for expected in (7, 8, 9):
            folder.mkdir(exist_ok=True)
            assert free_series(folder) == expected
            series = make_series(1, np.eye(4), 1.0, (), expected)
            data = np.zeros((8, 8, 2), np.int16)
            for name, raw in FOLDER_VENDORS[vendor](data, series, 41):
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(raw)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--volumes", 0), "--volumes"),
        (("--tr", 0), "--tr"),
        (("--matrix", "16"), "32x32x8"),
        (("--vendor", "afni", "--drop", "1"), "carry no number"),
        (("--vendor", "vsend", "--fault", "1:drop"), "vendors with files"),
        (("--vendor", "vsend", "--partial", "--shuffle"), "over TCP"),
        (("--from", "nowhere"), "nowhere"),
        (("--from", "nowhere", "--matrix", "16x16x8"), "synthetic head"),
        (("--vendor", "vsend", "--to", "host:port"), "HOST or HOST:PORT"),
    ],
)
def test_bad_options_are_told(
    arguments: tuple[object, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan("--to", tmp_path / "x", "--volumes", 1, *arguments) == 1
    assert told in capsys.readouterr().err


def test_a_recording_without_enough_volumes_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_nifti(tmp_path, np.zeros((8, 8, 4, 3), np.int16))
    assert scan("--from", source, "--to", tmp_path / "x", "--volumes", 4) == 1
    assert "1 to 3" in capsys.readouterr().err
