"""Movement that is known: how it is described, put into volumes, and written down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from acquisition.simulate.head import SimulatedVolume, simulate
from acquisition.simulate.motion import TruthFile, moved, moving, trajectory
from acquisition.simulate.runnoise import RunConfig
from acquisition.simulate.subject import small_head
from phosphene.errors import ConfigError
from phosphene.stimuli import Programme

AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])
QUIET = RunConfig(thermal_psc=0.0, physiological_psc=0.0, global_psc=0.0, drift_psc=0.0)


def blob(shape: tuple[int, int, int], at_mm: np.ndarray) -> np.ndarray:
    """A smooth bump at a place, in millimetres from the middle of the grid."""
    grid = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij"))
    mm = grid * np.array([3.0, 3.0, 4.0])[:, None, None, None]
    square = ((mm - at_mm[:, None, None, None]) ** 2).sum(0)
    return (1000 * np.exp(-square / (2 * 8.0**2))).astype(np.float32)


def centroid_mm(image: np.ndarray) -> np.ndarray:
    place = np.asarray(ndimage.center_of_mass(image.astype(float)))
    return (place - (np.asarray(image.shape) - 1) / 2) * [3.0, 3.0, 4.0]


def test_a_walk_starts_at_rest_and_goes_as_far_as_told() -> None:
    path = trajectory("walk:1.5", 40, 3)
    assert path.shape == (40, 6)
    assert not path[0].any()
    assert np.abs(path[:, :3]).max() == pytest.approx(1.5)
    assert np.abs(path[:, 3:]).max() == pytest.approx(1.5)
    np.testing.assert_array_equal(path, trajectory("walk:1.5", 40, 3))
    assert not np.array_equal(path, trajectory("walk:1.5", 40, 4))
    assert not trajectory("walk:2", 1, 0).any()


def test_a_jump_is_forward_with_a_nod() -> None:
    path = trajectory("jump:2@3", 5, 0)
    assert not path[:3].any()
    np.testing.assert_array_equal(path[3:], [[0, 2, 0, 2, 0, 0]] * 2)


def test_a_shift_moves_the_image_along_right_anterior_superior() -> None:
    shape = (26, 24, 20)
    still = blob(shape, np.zeros(3))
    there = centroid_mm(moved(still, AFFINE, [2.0, -1.5, 3.0, 0, 0, 0]))
    np.testing.assert_allclose(there, [2.0, -1.5, 3.0], atol=0.02)


def test_a_rotation_turns_a_point_as_the_matrix_says() -> None:
    shape = (26, 24, 20)
    still = blob(shape, np.array([0.0, 12.0, 0.0]))
    there = centroid_mm(moved(still, AFFINE, [0, 0, 0, 20.0, 0, 0]))
    turned = [0.0, 12 * np.cos(np.radians(20)), 12 * np.sin(np.radians(20))]
    np.testing.assert_allclose(there, turned, atol=0.05)


def test_there_and_back_again_is_nearly_nothing() -> None:
    image = small_head(0, (32, 32, 12)).anatomy.image
    affine = small_head(0, (32, 32, 12)).affine
    away = moved(image, affine, [1.0, 0, 0, 0, 0, 0])
    back = moved(away, affine, [-1.0, 0, 0, 0, 0, 0])
    inner = (slice(4, -4),) * 3
    assert np.abs(back - image)[inner].mean() < 0.005 * image[inner].mean()


def test_movement_goes_into_volumes_and_becomes_their_truth() -> None:
    data = blob((26, 24, 20), np.zeros(3)).astype(np.int16)
    volumes = (SimulatedVolume(data, k, 0.0, np.zeros(6)) for k in range(3))
    path = trajectory("jump:2@1", 3, 0)
    first, second, _ = moving(volumes, AFFINE, path)
    np.testing.assert_array_equal(first.data, data)
    assert centroid_mm(second.data)[1] == pytest.approx(2.0, abs=0.03)
    np.testing.assert_array_equal(second.motion, path[1])


def test_the_synthetic_head_moves_as_told_instead_of_by_itself() -> None:
    head, path = small_head(2, (16, 16, 8)), trajectory("walk:2", 3, 1)
    seen = list(simulate(head, Programme(0, 3.0, ()), 3, 1.0, QUIET, path))
    np.testing.assert_array_equal([v.motion for v in seen], path)
    expected = moved(head.anatomy.image, head.affine, path[2])
    difference = seen[2].data - np.clip(expected, 0, 4095)
    assert np.abs(difference[head.anatomy.brain]).mean() < 1.0  # rounding


def test_the_truth_file_is_a_movement_again(tmp_path: Path) -> None:
    path, file = trajectory("walk:1", 4, 1), tmp_path / "deep" / "truth.csv"
    truth = TruthFile(file)
    for index, motion in enumerate(path):
        truth.add(index, "sent", motion)
    np.testing.assert_allclose(trajectory(str(file), 4, 0), path, atol=1e-6)
    assert file.read_text().splitlines()[0].startswith("index,fate,right_mm,")
    with pytest.raises(ConfigError, match="one for each volume"):
        trajectory(str(file), 5, 0)


@pytest.mark.parametrize("spec", ["walk:x", "walk:-1", "jump:1", "nowhere.csv"])
def test_bad_movements_say_what_is_allowed(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"walk:SIZE, jump:SIZE@INDEX or a CSV file"):
        trajectory(spec, 3, 0)


def test_a_broken_line_is_told(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("0,0,0,0,0,0\n1,2,3\n")
    with pytest.raises(ConfigError, match="six numbers"):
        trajectory(str(file), 2, 0)
