from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from phosphene.errors import ConfigError, InputError
from phosphene.stimuli import C_DIM, CATEGORIES, draw, embed, prototype, sample_scene
from phosphene.stimuli.encoder import WorldEncoder, space_hash
from renderer.generator import MODES, WEIGHTS, Generator, Guides, seeded_noise
from renderer.neutral import neutral_frame


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator()


@pytest.fixture(scope="module")
def encoder() -> WorldEncoder:
    return WorldEncoder()


def scenes(n: int, seed: int = 77) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    drawn = [sample_scene(rng, CATEGORIES[k % 8]) for k in range(n)]
    return np.stack([draw(s) for s in drawn]), np.stack([embed(s) for s in drawn])


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def test_encoder_gives_standard_latents_that_decode_to_the_picture(
    generator: Generator, encoder: WorldEncoder
) -> None:
    pictures, _ = scenes(64)
    z = encoder.encode(pictures)
    assert z.shape == (64, 4, 16, 16)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=(0, 2, 3)), 0.0, atol=0.25)
    np.testing.assert_allclose(z.std(axis=(0, 2, 3)), 1.0, atol=0.25)
    np.testing.assert_allclose(encoder.encode(pictures[3]), z[3], atol=1e-4)
    again = np.stack([generator.decode(one) for one in z[:16]])
    assert psnr_db(again, pictures[:16]) > 23.0


def test_weights_and_encoder_belong_to_one_space(generator: Generator) -> None:
    assert generator.space_id == "world-64"
    assert generator.space_hash == space_hash() == WorldEncoder().space_hash


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_given_both_conditions_the_picture_is_the_scene(
    generator: Generator, encoder: WorldEncoder, steps: int
) -> None:
    pictures, c = scenes(16)
    z = encoder.encode(pictures)
    made = np.stack(
        [generator.render(a, b, seeded_noise(1), steps) for a, b in zip(z, c, strict=True)]
    )
    right = psnr_db(made, pictures)
    assert right > 14.0
    assert right > psnr_db(made, np.roll(pictures, 1, axis=0)) + 4.0  # against the wrong scenes


def test_the_embedding_alone_sets_hue_and_place(generator: Generator) -> None:
    """Away from the middle of the picture the mean colour follows c, against a shuffled control."""
    pictures, c = scenes(32)
    made = np.stack([generator.render(None, one, seeded_noise(2), 2, "c") for one in c])

    def coarse(frames: np.ndarray) -> np.ndarray:
        return frames.reshape(-1, 4, 16, 4, 16, 3).mean(axis=(2, 4)).reshape(len(frames), -1)

    def fit(order: np.ndarray) -> float:
        return float(np.corrcoef(coarse(made).ravel(), coarse(pictures[order]).ravel())[0, 1])

    assert fit(np.arange(32)) > 0.8
    assert fit(np.arange(32)) > fit(np.roll(np.arange(32), 5)) + 0.3


def test_guidance_makes_noisy_embeddings_count_for_more(generator: Generator) -> None:
    """Colours follow an embedding that was shrunk to half, as a decoder does, more closely."""
    pictures, c = scenes(24)
    noise = seeded_noise(2)

    def error(guidance: float) -> float:
        made = [generator.render(None, 0.5 * one, noise, 2, "c", guidance=guidance) for one in c]
        coarse = [
            x.reshape(-1, 4, 16, 4, 16, 3).mean(axis=(2, 4)) for x in (np.stack(made), pictures)
        ]
        return float(np.square(coarse[0] - coarse[1]).mean())

    assert error(2.0) < 0.95 * error(1.0)
    z = seeded_noise(1)
    for mode in MODES[::2]:
        pair = [generator.render(z, c[0], noise, 1, mode, guidance=g) for g in (1.0, 2.0)]
        np.testing.assert_array_equal(*pair)
    with pytest.raises(ConfigError, match="guidance"):
        generator.render(None, c[0], noise, 1, "c", guidance=0.5)


def test_the_same_noise_gives_the_same_bytes_and_other_noise_does_not(
    generator: Generator,
) -> None:
    c = prototype("house")
    first = generator.render(None, c, seeded_noise(5), 2, "c")
    np.testing.assert_array_equal(first, generator.render(None, c, seeded_noise(5), 2, "c"))
    np.testing.assert_array_equal(first, Generator().render(None, c, seeded_noise(5), 2, "c"))
    assert (first != generator.render(None, c, seeded_noise(6), 2, "c")).any()


def test_a_mode_shuts_the_other_condition_out(generator: Generator) -> None:
    z, c = seeded_noise(1), prototype("cat")
    noise = seeded_noise(0)
    only_c = generator.render(z, c, noise, 1, "c")
    np.testing.assert_array_equal(only_c, generator.render(None, c, noise, 1))
    only_z = generator.render(z, c, noise, 1, "z")
    np.testing.assert_array_equal(only_z, generator.render(z, None, noise, 1))
    assert (only_c != only_z).any()


def test_wrong_arguments_are_refused_together(generator: Generator) -> None:
    with pytest.raises(ConfigError, match=r"(?s)noise.*steps.*mode"):
        generator.render(None, prototype("cat"), np.zeros((4, 8, 8), np.float32), 0, "x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="neutral"):
        generator.render(None, None, seeded_noise(0))
    with pytest.raises(ConfigError, match="neutral"):
        generator.render(None, prototype("cat"), seeded_noise(0), mode="z")
    with pytest.raises(ConfigError, match="finite"):
        generator.render(None, np.full(C_DIM, np.inf, np.float32), seeded_noise(0))
    with pytest.raises(ConfigError, match="float64"):
        generator.render(None, np.zeros(C_DIM), seeded_noise(0))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="threads"):
        Generator(threads=0)


def test_strength_leads_from_the_decoded_z_to_noise(
    generator: Generator, encoder: WorldEncoder
) -> None:
    pictures, c = scenes(8)
    z = encoder.encode(pictures)
    decoded = np.stack([generator.decode(one) for one in z])

    def painted(strength: float, guides: Guides) -> np.ndarray:
        noise = seeded_noise(3)
        made = [
            generator.render(a, b, noise, 2, "zc", strength, guides)
            for a, b in zip(z, c, strict=True)
        ]
        return np.stack(made)

    np.testing.assert_array_equal(painted(0.0, "c"), decoded)
    likeness = [psnr_db(painted(strength, "c"), decoded) for strength in (0.3, 0.6, 0.8, 1.0)]
    assert likeness == sorted(likeness, reverse=True)
    assert likeness[0] > likeness[-1] + 6
    # At full strength nothing but c is left, unless z guides too.
    c_only = np.stack([generator.render(None, one, seeded_noise(3), 2, "c") for one in c])
    np.testing.assert_array_equal(painted(1.0, "c"), c_only)
    assert psnr_db(painted(1.0, "zc"), decoded) > likeness[-1] + 3
    # Of one condition alone, strength changes nothing.
    alone = [generator.render(z[0], None, seeded_noise(3), 2, "z", s) for s in (0.2, 1.0)]
    np.testing.assert_array_equal(*alone)
    with pytest.raises(ConfigError, match="strength"):
        painted(1.1, "c")


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.json"):
        Generator(tmp_path)
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    file = folder / "generator.onnx"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(InputError, match="SHA-256"):
        Generator(folder)
    file.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        Generator(folder)


def test_the_encoder_refuses_other_pictures(encoder: WorldEncoder) -> None:
    with pytest.raises(ConfigError, match="pictures"):
        encoder.encode(np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(ConfigError, match="float32"):
        encoder.encode(np.zeros((64, 64, 3), np.float32))  # type: ignore[arg-type]
    assert encoder.encode(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, 4, 16, 16)


def test_the_runtime_core_needs_no_torch() -> None:
    code = (
        "import sys, renderer.generator, renderer.frameclock, renderer.noise, renderer.neutral,"
        "phosphene.stimuli.encoder; sys.exit(any(m in sys.modules for m in ('torch','diffusers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_neutral_frame_is_grey_with_a_symmetric_cross() -> None:
    for side in (64, 256):
        frame = neutral_frame(side)
        assert frame.shape == (side, side, 3)
        np.testing.assert_array_equal(frame, frame[::-1, ::-1])
        np.testing.assert_array_equal(frame, frame.swapaxes(0, 1))
        assert 0.005 < (frame != 128).mean() < 0.02
    assert (
        hashlib.sha256(neutral_frame().tobytes()).digest()
        == hashlib.sha256(neutral_frame().tobytes()).digest()
    )
