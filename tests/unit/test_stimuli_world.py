from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import ConfigError
from phosphene.stimuli import (
    C_DIM,
    CATEGORIES,
    Scene,
    attributes_of,
    category_of,
    draw,
    embed,
    prototype,
    sample_scene,
    scene_of,
    typical,
)
from phosphene.stimuli.scene import LIGHTNESS_RANGE, PLACE_LIMIT, SIZE_RANGE, TILT_LIMIT_RAD

seeds = st.integers(0, 2**32 - 1)


def plain(category: str, **changes: float) -> Scene:
    values = {"hue": 0.6, "x": 0.0, "y": 0.0, "size": 0.6, "tilt_rad": 0.0}
    values |= {"background_hue": 0.1, "background_lightness": 0.8}
    return msgspec.convert({"category": category, **values, **changes}, Scene)


@given(seeds)
def test_scenes_depend_on_the_seed_alone_and_stay_in_the_world(seed: int) -> None:
    scene = sample_scene(np.random.default_rng(seed))
    assert scene == sample_scene(np.random.default_rng(seed))
    assert abs(scene.x) <= PLACE_LIMIT
    assert abs(scene.y) <= PLACE_LIMIT
    assert SIZE_RANGE[0] <= scene.size <= SIZE_RANGE[1]
    assert abs(scene.tilt_rad) <= TILT_LIMIT_RAD
    assert LIGHTNESS_RANGE[0] <= scene.background_lightness <= LIGHTNESS_RANGE[1]
    assert msgspec.json.decode(msgspec.json.encode(scene), type=Scene) == scene


@given(seeds, st.sampled_from(CATEGORIES))
def test_a_fixed_category_changes_nothing_else(seed: int, category: str) -> None:
    free = sample_scene(np.random.default_rng(seed))
    fixed = sample_scene(np.random.default_rng(seed), category)
    assert msgspec.structs.replace(free, category=category) == fixed


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_drawn_scene_has_its_thing_where_the_scene_says(category: str) -> None:
    for x, y in ((-0.3, 0.25), (0.3, -0.25)):
        picture = draw(plain(category, x=x, y=y, size=0.5))
        empty = draw(plain(category, x=40.0, y=0.0))  # far outside: background only
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8
        rows, columns = np.nonzero((picture != empty).any(axis=2))
        assert 250 < len(rows) < 2500
        assert (columns.min() + columns.max()) / 2 == pytest.approx(31.5 + 32 * x, abs=5)
        assert (rows.min() + rows.max()) / 2 == pytest.approx(31.5 - 32 * y, abs=5)


@pytest.mark.parametrize("category", CATEGORIES)
def test_pictures_are_the_same_at_any_resolution(category: str) -> None:
    scene = plain(category, tilt_rad=0.3, style=3, texture=7)
    small = draw(scene, 64).astype(float)
    large = draw(scene, 256).astype(float).reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - large).mean() < 4.0
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.985


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_attribute_changes_the_picture(category: str) -> None:
    base = draw(plain(category))
    for change in (
        {"hue": 0.1}, {"x": 0.1}, {"y": 0.1}, {"size": 0.7}, {"tilt_rad": 0.3},
        {"background_hue": 0.6}, {"background_lightness": 0.4}, {"style": 1}, {"style": 2},
    ):  # fmt: skip
        if category == "scrambled" and change == {"style": 2}:
            change = {"texture": 5}
        assert (draw(plain(category, **change)) != base).mean() > 0.004, change


def test_a_mirrored_thing_is_the_mirror_image() -> None:
    for category in CATEGORIES:
        there, mirrored = draw(plain(category)), draw(plain(category, style=1))
        np.testing.assert_array_equal(there[:, ::-1], mirrored)


def test_wrong_scenes_are_refused_with_every_reason() -> None:
    with pytest.raises(ConfigError, match=r"(?s)category.*style.*size.*hue"):
        Scene("dog", math.nan, 0.0, 0.0, -1.0, 0.0, 0.0, 0.5, style=9)
    with pytest.raises(ConfigError, match="size_px"):
        draw(plain("cat"), 4)


@given(seeds)
def test_embedding_and_scene_agree(seed: int) -> None:
    scene = sample_scene(np.random.default_rng(seed))
    c = embed(scene)
    assert c.shape == (C_DIM,)
    assert c.dtype == np.float32
    assert np.abs(c).max() <= 1.0 + 1e-6
    back = scene_of(c)
    assert back.category == scene.category
    for name in ("x", "y", "size", "tilt_rad", "background_lightness"):
        assert getattr(back, name) == pytest.approx(getattr(scene, name), abs=1e-5)
    for name in ("hue", "background_hue"):
        turn = abs(getattr(back, name) - getattr(scene, name))
        assert min(turn, 1.0 - turn) < 1e-5


def test_prototypes_are_the_mean_embeddings_of_their_category() -> None:
    rng = np.random.default_rng(4)
    for category in CATEGORIES:
        mean = np.mean([embed(sample_scene(rng, category)) for _ in range(600)], axis=0)
        np.testing.assert_allclose(prototype(category), mean, atol=0.12)
        name, probabilities = category_of(prototype(category))
        assert name == category
        assert probabilities.max() > 0.97
        assert probabilities.sum() == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=30)
@given(seeds, st.floats(-3.0, 3.0))
def test_noisy_embeddings_are_read_within_the_limits_of_the_world(seed: int, size: float) -> None:
    c = np.random.default_rng(seed).normal(0.0, 2.0, C_DIM).astype(np.float32)
    c[12] = size
    found = attributes_of(c)
    assert SIZE_RANGE[0] - 1e-9 <= found.size <= SIZE_RANGE[1] + 1e-9
    assert 0.0 <= found.hue < 1.0
    draw(scene_of(c))


def test_embeddings_of_another_shape_or_not_finite_are_refused() -> None:
    with pytest.raises(ConfigError, match="shape"):
        category_of(np.zeros(8, np.float32))
    with pytest.raises(ConfigError, match="finite"):
        attributes_of(np.full(C_DIM, np.nan, np.float32))
    with pytest.raises(ConfigError, match="category"):
        prototype("dog")
    with pytest.raises(ConfigError, match="dog"):
        typical("dog")


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_typical_embedding_is_that_of_a_drawable_scene(category: str) -> None:
    scene = scene_of(typical(category))
    assert scene.category == category
    np.testing.assert_allclose(embed(scene), typical(category), atol=1e-5)
