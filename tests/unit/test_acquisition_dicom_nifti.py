"""NIfTI files as volumes and masks."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from acquisition.errors import ForeignFileError, MatrixError
from acquisition.sources.nifti import NiftiReader, read_mask
from acquisition.sources.nifti_series import open_series
from phosphene.errors import InputError, TruncatedError

AFFINE = np.array([[-3.0, 0, 0, 30], [0, 3, 0, -20], [0, 0, 4, -10], [0, 0, 0, 1.0]])


def save(path: Path, data: np.ndarray, tr_s: float = 2.5, unit: str = "sec") -> bytes:
    image = nib.Nifti1Image(data, AFFINE)
    if data.ndim == 4:
        image.header.set_xyzt_units("mm", unit)
        image.header["pixdim"][4] = tr_s
    image.to_filename(path)
    return path.read_bytes()


def four_d() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 900, (6, 5, 4, 3)).astype(np.int16)


@pytest.mark.parametrize("name", ["run.nii", "run.nii.gz"])
def test_a_series_comes_volume_by_volume_with_axes_turned(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, four_d())
    volumes = list(open_series(tmp_path / name).volumes())
    assert [v.index for v in volumes] == [0, 1, 2]
    assert {v.tr_s for v in volumes} == {2.5}
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.data, four_d()[::-1, :, :, k])
        np.testing.assert_allclose(volume.affine[:3, 3], [15.0, -20.0, -10.0])
    assert next(open_series(tmp_path / name, tr_s=1.0).volumes()).tr_s == 1.0


def test_milliseconds_are_understood(tmp_path: Path) -> None:
    save(tmp_path / "run.nii", four_d(), tr_s=2500.0, unit="msec")
    assert next(open_series(tmp_path / "run.nii").volumes()).tr_s == pytest.approx(2.5)


def test_single_files_are_counted_by_the_last_number(tmp_path: Path) -> None:
    reader = NiftiReader(tr_s=2.0)
    raw = save(tmp_path / "x.nii", four_d()[..., 0])
    assert reader.read(raw, "fanon-0007-00006-000006.nii")[0].index == 5
    with pytest.raises(InputError, match="no volume number") as caught:
        reader.read(raw, "doe.nii")[0]
    assert "doe" not in str(caught.value)
    with pytest.raises(MatrixError):
        reader.read(save(tmp_path / "y.nii", four_d()[:4, ..., 0]), "v2.nii")[0]
    with pytest.raises(ForeignFileError, match="4 dimensions"):
        reader.read(save(tmp_path / "z.nii", four_d()), "v2.nii")[0]


@pytest.mark.parametrize("keep", [10, 200, 351, 400])
def test_short_files_are_truncated(tmp_path: Path, keep: int) -> None:
    raw = save(tmp_path / "x.nii", four_d()[..., 0])
    assert len(raw) > 500
    with pytest.raises(InputError, match=r"1\.nii"):
        NiftiReader().read(raw[:keep], "1.nii")[0]
    with pytest.raises(TruncatedError):
        NiftiReader().read(gzip.compress(raw)[:-20], "v1.nii.gz")[0]


@pytest.mark.parametrize(
    ("at", "bad"),
    [
        (280, bytes(48)),  # an affine of zeros
        (280, b"\xff\xff\x7f\x7f" * 12),  # the largest numbers there are
        (280, b"\0\0\xc0\x7f" * 12),  # none at all
        (108, b"\xff\xff\x7f\x7f"),  # the picture begins beyond every file
    ],
)
def test_a_damaged_header_costs_only_its_own_file(tmp_path: Path, at: int, bad: bytes) -> None:
    raw = bytearray(save(tmp_path / "x.nii", four_d()[..., 0]))
    raw[at : at + len(bad)] = bad
    with pytest.raises(InputError):
        NiftiReader().read(bytes(raw), "v1.nii")
    (tmp_path / "x.nii").write_bytes(raw)
    with pytest.raises(InputError):
        list(open_series(tmp_path / "x.nii").volumes())


def test_other_files_are_foreign(tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match="ending"):
        NiftiReader().read(b"", "v1.txt")[0]
    with pytest.raises(ForeignFileError, match="NIfTI"):
        NiftiReader().read(b"\1" * 4000, "v1.nii")[0]
    with pytest.raises(InputError, match="nowhere"):
        next(open_series(tmp_path / "nowhere.nii").volumes())


def test_a_mask_follows_the_volumes_axes(tmp_path: Path) -> None:
    data = np.zeros((6, 5, 4), np.uint8)
    data[0, 1, 2] = 3
    save(tmp_path / "m.nii", data)
    mask, affine = read_mask(tmp_path / "m.nii")
    assert mask.dtype == np.bool_
    assert np.argwhere(mask).tolist() == [[5, 1, 2]]
    np.testing.assert_allclose(affine @ [5, 1, 2, 1], AFFINE @ [0, 1, 2, 1])


@pytest.mark.realdata
def test_real_single_slice_series(realdata: Path) -> None:
    volumes = list(open_series(realdata / "fmri" / "haxby2001" / "bold.nii.gz", tr_s=2.5).volumes())
    assert len(volumes) == 1452
    assert {v.data.shape for v in volumes} == {(40, 20, 1)}
    mask, _ = read_mask(realdata / "fmri" / "haxby2001" / "mask.nii.gz")
    assert mask.sum() == 530
    assert volumes[0].data[mask].min() > 0
