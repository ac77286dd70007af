from __future__ import annotations

import sys

import numpy as np
import pytest

from decoder.spaces import Space, TargetSpace, open_space, resize
from decoder.spaces.weights import find_weights, need
from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError, InputError
from phosphene.stimuli import CATEGORIES, draw, sample_scene, typical
from phosphene.stimuli.encoder import WorldEncoder, space_hash


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.stack([draw(sample_scene(np.random.default_rng(k))) for k in range(3)])


@pytest.fixture(scope="module")
def world() -> Space:
    return open_space("world-64")


def painted(space: TargetSpace, z: np.ndarray) -> np.ndarray:
    graph = space.graph()
    assert graph is not None
    return OnnxEngine(graph).run({"z": z})["pictures"]


def test_the_world_is_the_space_that_bundles_and_renderer_know(
    world: Space, pictures: np.ndarray
) -> None:
    assert isinstance(world, TargetSpace)
    assert (world.id, world.sha256) == ("world-64", space_hash())
    assert (world.z_shape, world.c_dim, world.size_px) == ((4, 16, 16), 17, 64)
    z = world.encode_z(pictures)
    np.testing.assert_array_equal(z, WorldEncoder().encode(pictures))
    back = world.decode_z(z)
    assert np.square(back.astype(float) - pictures).mean() < 255**2 / 10**2.4  # 24 dB
    np.testing.assert_array_equal(painted(world, z), back)


def test_c_of_the_world_comes_from_names_not_from_pictures(
    world: Space, pictures: np.ndarray
) -> None:
    np.testing.assert_array_equal(world.encode_text(["cat"])[0], typical("cat"))
    with pytest.raises(ConfigError, match="clip"):
        world.encode_c(pictures)
    with pytest.raises(ConfigError, match=r"(?s)dragon.*elf"):
        world.encode_text(["cat", "dragon", "elf"])


@pytest.mark.parametrize("spec", ["pixels:28", "pixels:28:grey"])
def test_pixels_come_back_as_they_were_and_outliers_are_clipped(
    spec: str, pictures: np.ndarray
) -> None:
    space = open_space(spec)
    small = resize(pictures, 28)
    if spec.endswith("grey"):
        small = np.repeat(small[..., :1], 3, axis=-1)
    z = space.encode_z(small)
    assert space.z_shape == z.shape[1:] == (1 if "grey" in spec else 3, 28, 28)
    assert z.min() >= -1
    assert z.max() <= 1
    np.testing.assert_array_equal(space.decode_z(z), small)
    wild = (3 * np.random.default_rng(0).standard_normal(z.shape)).astype(np.float32)
    np.testing.assert_array_equal(painted(space, wild), space.decode_z(wild))


def test_pictures_are_cut_square_in_the_middle_and_sized_without_touching_those_that_fit() -> None:
    wide = np.zeros((1, 10, 30, 3), np.uint8)
    wide[:, :, 10:20] = 200
    assert (resize(wide, 5) == 200).all()
    np.testing.assert_array_equal(resize(wide[:, :, 10:20], 10), wide[:, :, 10:20])
    # Shrinking averages: a fine checkerboard turns grey instead of black or white.
    board = (255 * (np.indices((64, 64)).sum(axis=0) % 2)).astype(np.uint8)[None]
    assert np.abs(resize(board, 16).astype(int) - 127).max() < 20
    with pytest.raises(InputError, match="float64"):
        resize(np.zeros((1, 8, 8, 3)), 4)  # type: ignore[arg-type]


def test_two_spaces_are_joined_under_one_name_that_depends_on_both() -> None:
    joined = open_space("z=pixels:8,c=world-64")
    turned = open_space("c=world-64,z=pixels:8")
    assert (joined.id, joined.sha256) == (turned.id, turned.sha256)
    assert (joined.z_shape, joined.c_dim) == ((3, 8, 8), 17)
    others = ["z=pixels:8,c=prototypes:a+b", "z=pixels:9,c=world-64", "pixels:8", "pixels:8:grey"]
    assert len({joined.sha256, *(open_space(o).sha256 for o in others)}) == 5


def test_half_a_space_is_not_taken_for_the_whole() -> None:
    half = open_space("z=world-64")
    assert half.id == "z=world-64"
    assert half.sha256 != space_hash()
    assert (half.z_shape, half.c_dim) == ((4, 16, 16), 0)
    with pytest.raises(ConfigError, match="c of target space"):
        half.encode_text(["cat"])


def test_prototypes_have_mean_zero_and_know_their_names() -> None:
    space = open_space("prototypes:face+house+cat")
    codes = space.encode_text(["face", "house", "cat"])
    np.testing.assert_allclose(codes.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_array_equal(codes.argmax(axis=1), [0, 1, 2])
    assert open_space("prototypes").encode_text(CATEGORIES).shape == (8, 8)
    with pytest.raises(ConfigError, match="tree"):
        space.encode_text(["tree"])
    with pytest.raises(ConfigError, match="names of categories"):
        space.encode_c(np.zeros((1, 8, 8, 3), np.uint8))
    assert space.graph() is None
    with pytest.raises(ConfigError, match="z of target space"):
        space.decode_z(np.zeros((1, 3, 8, 8), np.float32))


@pytest.mark.parametrize(
    "spec",
    ["", "world", "pixels", "pixels:0", "pixels:x", "pixels:8:red", "clip:", "prototypes:a",
     "z=prototypes", "c=pixels:8", "taef2:folder@4"],
)  # fmt: skip
def test_what_is_no_space_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        open_space(spec)


def test_z_of_another_shape_is_refused(world: Space) -> None:
    with pytest.raises(ConfigError, match=r"4, 16, 16"):
        world.decode_z(np.zeros((1, 3, 8, 8), np.float32))


def test_nothing_is_downloaded_or_searched_for_a_wrong_path() -> None:
    with pytest.raises(InputError, match="Correct the path"):
        find_weights("/nowhere/at/all", ("*.safetensors",), local_files_only=False)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"phosphene\[train\]"):
        need("torch")
    with pytest.raises(ConfigError, match=r"phosphene\[train\]"):
        open_space("taef2:anywhere")


def test_no_picture_is_no_error(world: Space) -> None:
    none = np.empty((0, 64, 64, 3), np.uint8)
    assert world.encode_z(none).shape == (0, 4, 16, 16)
    assert world.decode_z(np.empty((0, 4, 16, 16), np.float32)).shape == (0, 64, 64, 3)
