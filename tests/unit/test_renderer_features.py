"""Features of the generator: its blocks laid open, zc as the generator itself paints it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from phosphene.errors import ConfigError, InputError
from phosphene.stimuli import C_DIM, Z_SHAPE
from phosphene.stimuli.encoder import WorldEncoder
from renderer.features import Wish, features, main, projection, read_seen
from renderer.generator import Generator, seeded_noise
from renderer.tapped import TappedFlow, tapped_flow

BLOCKS = (
    "conv_in", "down_blocks.0", "down_blocks.1", "mid_block", "up_blocks.0", "up_blocks.1",
    "conv_out",
)  # fmt: skip
WISH = Wish(levels=(0.0, 0.6), steps=2, size=40)


@pytest.fixture(scope="module")
def flow() -> TappedFlow:
    return tapped_flow()


@pytest.fixture(scope="module")
def seen() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = WorldEncoder().encode(rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8))
    return z, rng.uniform(-1, 1, (3, C_DIM)).astype(np.float32)


def test_blocks_are_in_the_order_of_the_computation(flow: TappedFlow) -> None:
    assert flow.layers == BLOCKS
    assert tapped_flow(["mid_block"]).layers == ("mid_block",)
    with pytest.raises(ConfigError, match=r"attic.*mid_block"):
        tapped_flow(["attic"])


def test_every_block_and_step_has_its_features(
    flow: TappedFlow, seen: tuple[np.ndarray, np.ndarray]
) -> None:
    found = features(flow, *seen, WISH)
    layers = [f"layer {name} {step}" for step in (1, 2) for name in BLOCKS]
    assert list(found) == ["zc 0", "zc 0.6", *layers]
    assert all(found[name].shape == (3, 40) for name in layers)
    assert all(np.isfinite(values).all() for values in found.values())
    np.testing.assert_array_equal(found["zc 0"], seen[0])
    assert not np.allclose(found["layer mid_block 1"], found["layer mid_block 2"])


def test_a_row_stands_for_itself(flow: TappedFlow, seen: tuple[np.ndarray, np.ndarray]) -> None:
    z, c = seen
    whole, one = features(flow, z, c, WISH), features(flow, z[1:2], c[1:2], WISH)
    for name, values in whole.items():
        span = np.abs(values).max()
        np.testing.assert_allclose(values[1:2], one[name], atol=1e-4 * span, err_msg=name)


def test_zc_is_what_the_generator_paints(
    flow: TappedFlow, seen: tuple[np.ndarray, np.ndarray]
) -> None:
    z, c = seen
    noise, generator = seeded_noise(0), Generator()
    painted = generator.render(z[0], c[0], noise, 2, "zc", 0.6, "c")
    own = generator.decode(features(flow, z, c, WISH)["zc 0.6"][0])
    assert np.abs(painted.astype(int) - own.astype(int)).max() <= 1


def test_projection_keeps_distances_and_is_the_same_again() -> None:
    first = projection("mid_block", 500, 300, 0)
    np.testing.assert_array_equal(first, projection("mid_block", 500, 300, 0))
    assert not np.array_equal(first, projection("conv_in", 500, 300, 0))
    points = np.random.default_rng(0).normal(size=(6, 500))
    before = np.linalg.norm(points[:, None] - points, axis=-1)
    after = np.linalg.norm((points @ first)[:, None] - points @ first, axis=-1)
    apart = ~np.eye(6, dtype=np.bool_)
    np.testing.assert_allclose(after[apart] / before[apart], 1.0, atol=0.2)


def test_the_shell_writes_what_was_asked_for(
    seen: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    z, c = seen
    source, out = tmp_path / "seen.npz", tmp_path / "features.npz"
    np.savez(source, z=z, c=c)
    asked = ["--levels", "0.5", "--layers", "mid_block", "--steps", "1", "--size", "9"]
    assert main([str(source), "--out", str(out), *asked]) == 0
    with np.load(out, allow_pickle=False) as stored:
        assert set(stored.files) == {"zc 0.5", "layer mid_block 1", "facts"}
        assert stored["layer mid_block 1"].shape == (3, 9)
        assert json.loads(str(stored["facts"]))["layers"] == ["mid_block"]


def test_what_is_no_z_and_c_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "seen.npz"
    np.savez(path, z=np.zeros((2, 3, 4, 4), np.float32), c=np.zeros((2, C_DIM), np.float32))
    with pytest.raises(InputError, match="world-64"):
        read_seen(path)
    np.savez(path, z=np.full((2, *Z_SHAPE), np.nan, np.float32), c=np.zeros((2, C_DIM)))
    with pytest.raises(InputError, match="not finite"):
        read_seen(path)
    assert main([str(tmp_path / "none.npz"), "--out", str(path)]) == 1
    assert "none.npz" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"levels[\s\S]*steps"):
        Wish(levels=(2.0,), steps=0)
