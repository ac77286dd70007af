"""Which files are of one series, by their names alone."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from acquisition.errors import OtherSeriesError
from acquisition.sources.folder import FolderScan
from acquisition.sources.name_series import NameSeries
from acquisition.sources.nifti import NiftiReader
from acquisition.sources.reorder import Reorderer

KEY = b"k" * 32


def taken(*names: str) -> list[bool]:
    """Tell of each name whether it is of the first one's series."""
    series, out, hashes = NameSeries(KEY), [], set()
    for index, name in enumerate(names):
        try:
            hashes.add(series.take(name, name.removesuffix(".nii"), index, "shown"))
            out.append(True)
        except OtherSeriesError as error:
            assert error.series not in hashes
            out.append(False)
    assert len(hashes) == 1
    return out


@pytest.mark.parametrize(
    "names",
    [
        ("a_0001.nii", "a_0002.nii", "a_0010.nii"),
        ("f-0001-00001-000001.nii", "f-0001-00002-000002.nii", "f-0001-00003-000003.nii"),
        ("ep_20240101_120000_0001.nii", "ep_20240101_120002_0002.nii",
         "ep_20240101_120004_0003.nii"),
        ("2024-01-31T23-59-58_v1.nii", "2024-02-01T00-00-00_v2.nii", "2024-02-01T00-00-01_v3.nii"),
        ("ep.20240101120000.500.1.nii", "ep.20240101120004.500.3.nii",
         "ep.20240101120002.500.2.nii"),
        ("ep_20240101_120000_0001.nii", "ep_20240101_120000_0002.nii",
         "ep_20240101_120000_0003.nii"),
    ],
)  # fmt: skip
def test_volumes_of_one_series(names: tuple[str, ...]) -> None:
    assert all(taken(*names))


@pytest.mark.parametrize(
    "names",
    [
        ("a_1_0001.nii", "a_1_0002.nii", "a_2_0003.nii"),
        ("a_0001.nii", "a_0002.nii", "b/a_0003.nii"),
        # the time of the series
        ("ep_20240101_120000_1.nii", "ep_20240101_120000_2.nii", "ep_20240101_121000_3.nii"),
        # times of the volumes: a scan that begins again, and one much later
        ("ep_20240101_120000_1.nii", "ep_20240101_120002_2.nii", "ep_20240101_120100_1.nii"),
        ("ep_20240101_120000_1.nii", "ep_20240101_120002_2.nii", "ep_20240101_121000_3.nii"),
        ("ep_20240101_120000_1.nii", "ep_20240101_120002_2.nii", "ep_3.nii"),
    ],
)
def test_the_third_is_of_another_one(names: tuple[str, ...]) -> None:
    assert taken(*names) == [True, True, False]


def test_digits_that_are_no_date_tell_the_series() -> None:
    assert taken("20249901_120000_1.nii", "20249902_120000_2.nii") == [True, False]


def test_a_series_of_which_all_but_one_file_is_left_out_is_told_loudly(tmp_path: Path) -> None:
    raw = nib.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)).to_bytes()
    for k in range(9):
        (tmp_path / f"{17 * k + 5}_v{k + 1}.nii").write_bytes(raw)
    scan = FolderScan(tmp_path, NiftiReader(2.0), Reorderer(1.0))
    assert len(scan.poll(0.0)) == 1
    loud = [line for line in scan.refusals if "NEARLY EVERYTHING IS LEFT OUT" in line]
    assert len(loud) == 1
    assert "1 volume(s) taken, 5 files" in loud[0]
