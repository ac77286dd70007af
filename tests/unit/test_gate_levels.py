from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ConfigError
from phosphene.gate.levels import abstract


def random_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("level", "side"), [(3, 32), (2, 8), (1, 1)])
@pytest.mark.parametrize("size", [64, 512])
def test_each_level_has_its_bound(level: int, side: int, size: int) -> None:
    out = abstract(random_picture(size, size), level)
    assert out is not None
    assert out.shape == (side, side, 3)
    assert out.dtype == np.uint8
    assert out.nbytes <= 3 * 1024


def test_full_level_is_untouched_and_level_0_is_nothing() -> None:
    picture = random_picture(64, 64)
    full = abstract(picture, 4)
    assert full is not None
    assert np.array_equal(full, picture)
    assert abstract(picture, 0) is None


def test_averages_are_those_of_the_areas() -> None:
    picture = random_picture(64, 64, 3)
    out = abstract(picture, 2)
    assert out is not None
    blocks = picture.reshape(8, 8, 8, 8, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(out - blocks).max() <= 0.51


@given(height=st.integers(1, 90), width=st.integers(1, 90), level=st.sampled_from([1, 2, 3]))
def test_any_size_keeps_its_mean_and_is_never_enlarged(height: int, width: int, level: int) -> None:
    picture = random_picture(height, width, height * 97 + width)
    out = abstract(picture, level)
    assert out is not None
    side = {1: 1, 2: 8, 3: 32}[level]
    assert out.shape == (min(height, side), min(width, side), 3)
    assert np.abs(out.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() <= 0.6


def test_detail_below_the_area_does_not_come_through() -> None:
    checks = ((np.indices((64, 64)).sum(axis=0) % 2) * 255).astype(np.uint8)
    out = abstract(np.repeat(checks[:, :, None], 3, axis=2), 3)
    assert out is not None
    assert np.ptp(out) == 0


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(ConfigError, match="0 to 4"):
        abstract(random_picture(8, 8), 5)
