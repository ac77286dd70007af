"""Volumes at hand are held against the grid of a decoder's mask before a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nibabel
import numpy as np
import pytest

from phosphene.bundle import Bundle
from phosphene.manifest import MaskInfo
from phosphene.session_grid import grid_finding

GRID = (4, 5, 3)


def bundle(*, mask: bool = True) -> Bundle:
    held = MaskInfo(file="mask.npz", sha256="a" * 64, shape=GRID, voxels=11) if mask else None
    return cast(Bundle, SimpleNamespace(manifest=SimpleNamespace(mask=held)))


def volume(path: Path, shape: tuple[int, ...]) -> Path:
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.int16), np.eye(4)), path)
    return path


def level(source: Path | None) -> str:
    found = grid_finding(bundle(), source)
    assert found is not None
    assert "11 voxels in a grid of 4x5x3" in found.text
    assert bool(found.fix) == (found.level != "ok")
    return found.level


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_a_recording_of_another_grid_is_an_error(tmp_path: Path, ending: str) -> None:
    assert level(volume(tmp_path / f"a.{ending}", (*GRID, 7))) == "ok"
    other = volume(tmp_path / f"b.{ending}", (4, 5, 4, 7))
    assert level(other) == "error"
    found = cast(Any, grid_finding(bundle(), other))
    assert f"b.{ending} is 4x5x4" in found.text


def test_in_a_folder_another_image_may_lie_so_it_is_a_warning(tmp_path: Path) -> None:
    volume(tmp_path / "first.nii", GRID)
    assert level(tmp_path) == "ok"
    volume(tmp_path / "anatomy.nii", (9, 9, 9))
    assert level(tmp_path) == "warning"


def test_where_nothing_can_be_read_it_is_left_to_the_first_volume(tmp_path: Path) -> None:
    broken, other = tmp_path / "broken.nii", tmp_path / "recording.mcap"
    broken.write_bytes(b"no volume")
    other.touch()
    for source in (None, tmp_path / "none", other, broken, volume(tmp_path / "flat.nii", (4, 5))):
        found = grid_finding(bundle(), source)
        assert found is not None
        assert found.level == "ok"
        assert "first volume of the run" in found.text
    assert grid_finding(bundle(mask=False), tmp_path) is None
