"""The compiled loops do what their formulas say, with and without a folder for machine code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest
from numba.core import caching
from scipy import ndimage

from acquisition.fmri import warm
from acquisition.fmri.blur import blur, gaussian_half
from acquisition.fmri.jit import Kernel, kernel
from acquisition.fmri.lines import N_NEIGHBOURS, interpolate, shift_columns, shift_rows
from acquisition.fmri.smoothing import Smoother
from acquisition.fmri.spline import at_voxels, look_up, normal_equations
from acquisition.fmri.warm import warm_up
from phosphene.errors import ConfigError

RNG = np.random.default_rng(0)
IMAGE = RNG.standard_normal((5, 6, 7)).astype(np.float32)
PADDED = np.pad(IMAGE, [(1, 2)] * 3, mode="edge")


def interpolated(amount: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole, weights = np.empty(amount.size, np.int64), np.empty((9, amount.size), np.float32)
    interpolate(amount.ravel(), whole, weights)
    return whole.reshape(amount.shape), weights.reshape(9, *amount.shape)


def arguments(name: str) -> tuple[Kernel[...], list[object], int]:
    """A kernel, small arguments for it, and how many of the last are written."""
    if name == "blur":
        halves = [gaussian_half(s) for s in (0.5, 0.9, 0.7)]
        return blur, [IMAGE, *halves, np.zeros_like(IMAGE), np.zeros_like(PADDED), 1], 1
    if name == "look_up":
        turn = np.array([[1.0, 0.01, 0, 0.3], [-0.01, 1, 0.02, -0.2], [0, -0.02, 1, 0.4]])
        points = RNG.uniform(-1, 6, (40, 3))
        return look_up, [PADDED, turn, points, np.zeros(40, np.float32)], 0
    if name == "normal_equations":
        design = RNG.standard_normal((30, 8)).astype(np.float32)
        residual = np.r_[RNG.standard_normal(28), np.nan, 9.0].astype(np.float32)
        return normal_equations, [design, residual, 0.1, 2.0, np.zeros((8, 8)), np.zeros(8)], 0
    if name == "interpolate":
        amount = RNG.uniform(-3, 3, 20)
        out = [np.zeros(20, np.int64), np.zeros((9, 20), np.float32)]
        return interpolate, [amount, *out], 0
    if name == "shift_columns":
        whole, weights = interpolated(RNG.uniform(-2, 2, (5, 7)))
        return shift_columns, [IMAGE, whole, weights, np.zeros_like(IMAGE)], 0
    whole, weights = interpolated(RNG.uniform(-2, 9, 30))
    rows = IMAGE.reshape(30, 7)
    return shift_rows, [rows, whole, weights, np.zeros_like(rows)], 0


@pytest.mark.parametrize(
    "name",
    ["blur", "look_up", "normal_equations", "interpolate", "shift_columns", "shift_rows"],
)
def test_machine_code_does_what_the_python_does(name: str) -> None:
    function, given, _ = arguments(name)
    expected = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
    function(*given)
    with np.errstate(invalid="ignore"):
        function.python(*expected)
    for ours, theirs in zip(given, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(9, 7, 11), (1, 6, 5), (4, 3, 2)])
def test_smoothing_is_scipys(shape: tuple[int, ...]) -> None:
    image = RNG.standard_normal(shape).astype(np.float32)
    voxel, fwhm = (2.0, 3.0, 4.0), 4.5
    sigma = [0 if n == 1 else fwhm / 2.354820045 / mm for n, mm in zip(shape, voxel, strict=True)]
    ours = Smoother(fwhm, voxel, shape)(image)
    if min(shape) > 3:  # a kernel longer than the axis is mirrored only once
        np.testing.assert_allclose(ours, ndimage.gaussian_filter(image, sigma), atol=1e-6)
    np.testing.assert_allclose(Smoother(fwhm, voxel, shape)(np.ones_like(image)), 1, atol=1e-6)
    np.testing.assert_array_equal(ours, Smoother(fwhm, voxel, shape)(image[::1, ::1]))


def test_a_blur_repeats_its_faces_around_it() -> None:
    half = np.ones(1, np.float32)
    out = np.full_like(PADDED, np.nan)
    blur(IMAGE, half, half, half, np.empty_like(IMAGE), out, 1)
    np.testing.assert_array_equal(out, PADDED)


def test_the_spline_is_looked_up_where_it_is() -> None:
    points = RNG.uniform(0, 1, (200, 3)) * (np.array(IMAGE.shape) - 1)
    out = np.empty(200, np.float32)
    look_up(PADDED, np.eye(4), points, out)
    expected = ndimage.map_coordinates(PADDED.astype(float), points.T + 1, order=3, prefilter=False)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    look_up(PADDED, np.eye(4), points - 10.0, out)
    assert np.isnan(out).all()


def test_value_and_gradient_are_those_of_the_spline() -> None:
    value, gradient = at_voxels(PADDED)
    voxels = np.argwhere(np.ones(IMAGE.shape)).astype(float, order="C")
    inner = (voxels > 0).all(1) & (voxels < np.array(IMAGE.shape) - 1).all(1)
    out, ahead, h = np.empty(len(voxels), np.float32), np.empty(len(voxels), np.float32), 0.01
    look_up(PADDED, np.eye(4), voxels, out)
    np.testing.assert_allclose(out, value.ravel(), atol=1e-5)
    for axis in range(3):
        look_up(PADDED, np.eye(4), voxels + h * np.eye(3)[axis], ahead)
        look_up(PADDED, np.eye(4), voxels - h * np.eye(3)[axis], out)
        slope = (ahead - out)[inner] / (2 * h)
        np.testing.assert_allclose(slope, gradient[axis].ravel()[inner], atol=2e-3)


def test_normal_equations_are_the_weighted_sums() -> None:
    _, (design, residual, shift, cut, normal, right), _ = arguments("normal_equations")
    normal_equations(design, residual, shift, cut, normal, right)  # type: ignore[arg-type]
    left = np.asarray(residual, float) - shift
    weight = np.where(np.abs(left) < cut, (1 - (left / cut) ** 2) ** 2, 0.0)
    known = np.isfinite(left)
    d, w = np.asarray(design, float)[known], weight[known, None]
    np.testing.assert_allclose(normal, d.T @ (w * d), rtol=1e-10)
    np.testing.assert_allclose(right, (w * d).T @ left[known], rtol=1e-10)


def test_weights_of_neighbours_are_exact_for_polynomials() -> None:
    amount = RNG.uniform(-5, 5, 50)
    whole, weights = interpolated(amount)
    assert len(weights) == N_NEIGHBOURS
    assert np.abs(amount - whole).max() <= 0.5
    nodes = np.arange(-4, 5)[:, None]
    for power in range(9):
        scale = 4.0**power
        found = (weights * (nodes / 4.0) ** power).sum(0)
        np.testing.assert_allclose(found, (amount - whole) ** power / scale, atol=1e-5)


def test_arrays_that_may_not_be_written_are_read() -> None:
    frozen = np.frombuffer(IMAGE.tobytes(), np.float32).reshape(IMAGE.shape)
    assert not frozen.flags.writeable
    smoother = Smoother(5.0, (3.0, 3.0, 3.0), IMAGE.shape)
    np.testing.assert_array_equal(smoother(frozen), smoother(IMAGE))


def test_where_nothing_can_be_kept_on_disk_kernels_work_all_the_same() -> None:
    def twice(data: np.ndarray, out: np.ndarray) -> None:
        for i in range(data.size):
            out[i] = 2 * data[i]

    # numba finds no folder for the machine code of a function that comes from no file
    homeless = FunctionType(twice.__code__.replace(co_filename="<nowhere>"), {"range": range})
    out = np.empty(3, np.float32)
    kernel("float32[1]", "float32[1]!")(homeless)(np.arange(3, dtype=np.float32), out)
    np.testing.assert_array_equal(out, [0, 2, 4])


def test_the_regression_needs_no_folder_for_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a service that may write nothing but its own data."""
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    spec = importlib.util.find_spec("acquisition.fmri.ar1_kernels")
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    ended, squares = np.zeros((2, 1)), np.zeros((2, 3))
    fresh.close(ended, squares, np.array([2.0]), np.array([3.0, 5.0]))
    np.testing.assert_array_equal(ended, [[6], [10]])
    np.testing.assert_array_equal(squares[:, 2], [9, 25])


def test_machine_code_is_made_in_one_place_only() -> None:
    root = Path(warm.__file__).parents[1]
    using = [
        p.name for p in root.rglob("*.py") if re.search(r"\bimport numba|from numba", p.read_text())
    ]
    assert using == ["jit.py"]


def test_the_service_has_a_folder_for_machine_code() -> None:
    unit = Path(warm.__file__).parents[2] / "deploy/systemd/phosphene-live@.service"
    lines = unit.read_text().splitlines()
    assert "CacheDirectory=phosphene" in lines
    assert "Environment=NUMBA_CACHE_DIR=/var/cache/phosphene" in lines


def test_a_wrong_declaration_is_refused() -> None:
    with pytest.raises(ConfigError, match="float16"):
        _ = kernel("float16[2]")(lambda data: None).compiled  # type: ignore[misc]


def test_warming_up_beats_and_passes_errors_on(monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[int] = []
    warm_up(lambda: beats.append(1))
    assert beats
    monkeypatch.setattr(warm, "_KERNELS", (kernel("float8")(lambda data: None),))
    with pytest.raises(ConfigError, match="float8"):
        warm_up()
