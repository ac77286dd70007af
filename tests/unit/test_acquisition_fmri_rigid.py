"""Six numbers, matrices, and resampling by shears."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import ndimage

from acquisition.fmri.rigid import centre_of, matrix_of, params_of, rotation
from acquisition.fmri.shear import _shift, resample, shears_of
from phosphene.errors import InputError

SHAPE = (24, 26, 20)
AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])
CENTRE = centre_of(SHAPE, AFFINE)
small = st.lists(st.floats(-5.0, 5.0), min_size=6, max_size=6)


def texture() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(SHAPE)
    smooth = ndimage.gaussian_filter(noise, (1.5, 1.5, 1.2))
    return (smooth / smooth.std()).astype(np.float32)


def voxel_map(params: list[float]) -> np.ndarray:
    return np.linalg.inv(AFFINE) @ matrix_of(params, CENTRE) @ AFFINE


@given(small)
def test_numbers_come_back_from_the_matrix(params: list[float]) -> None:
    matrix = matrix_of(params, CENTRE)
    np.testing.assert_allclose(params_of(matrix, CENTRE), params, atol=1e-9)
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)


def test_directions_are_those_of_the_right_hand() -> None:
    np.testing.assert_allclose(rotation(90, 0, 0) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation(0, 90, 0) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(0, 0, 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    turn = matrix_of([1.0, 2.0, 3.0, 10.0, 20.0, 30.0], CENTRE)
    np.testing.assert_allclose(turn @ [*CENTRE, 1], [*(CENTRE + np.arange(1, 4)), 1])


@given(small)
@example([0.0, 0.0, 0.0, 0.0, 1.0, 2.225073858507e-311])
def test_shears_multiply_to_the_map(params: list[float]) -> None:
    m = voxel_map(params)
    product = np.eye(4)
    for shear in shears_of(m[:3, :3], m[:3, 3]):
        step = np.eye(4)
        step[shear.axis, :3] += shear.slope
        step[shear.axis, 3] = shear.offset
        assert shear.slope[shear.axis] == 0
        product = product @ step
    np.testing.assert_allclose(product, m, atol=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        [0.3, -0.2, 0.1, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
        [0.1, 0.2, 0.3, 0.3, -0.2, 1e-7],
        [1, 2, -3, 5, -4, 3],
    ],
)
def test_resampling_agrees_with_an_independent_spline(params: list[float]) -> None:
    data, m = texture(), voxel_map(params)
    ours = resample(data, m)
    theirs = ndimage.affine_transform(
        data.astype(np.float64), m[:3, :3], m[:3, 3], order=5, mode="nearest"
    )
    linear = ndimage.affine_transform(data, m[:3, :3], m[:3, 3], order=1, mode="nearest")
    inner = np.s_[6:-6, 6:-6, 6:-6]
    error = np.std((ours - theirs)[inner])
    assert error < 0.015
    assert error < 0.25 * np.std((linear - theirs)[inner])
    assert ours.dtype == np.float32


def test_whole_voxels_move_without_loss_and_the_edge_is_repeated() -> None:
    data = texture()
    m = np.eye(4)
    m[:3, 3] = [2, -1, 0]
    moved = resample(data, m)
    np.testing.assert_allclose(moved[:-2, 1:], data[2:, :-1], atol=1e-6)
    np.testing.assert_allclose(moved[-1, 1:], data[-1, :-1], atol=1e-6)
    same = resample(data, np.eye(4))
    np.testing.assert_array_equal(same, data)
    assert same is not data


def test_eighth_order_polynomials_are_shifted_exactly() -> None:
    x = np.linspace(-1, 1, 24)
    line = np.broadcast_to((x**8 - x**3)[:, None, None], SHAPE).astype(np.float32)
    shifted = np.empty(SHAPE, np.float32)
    _shift(np.ascontiguousarray(line), 0, np.full((1, 1, 1), 0.37), shifted)
    there = x + 0.37 * (x[1] - x[0])
    np.testing.assert_allclose(shifted[4:-5, 0, 0], (there**8 - there**3)[4:-5], atol=1e-5)


def test_a_head_never_turns_that_far() -> None:
    with pytest.raises(InputError, match="30 degrees"):
        resample(texture(), voxel_map([0, 0, 0, 70, 10, 0]))
