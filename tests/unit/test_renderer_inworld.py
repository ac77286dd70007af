"""Percepts outside the world give no picture, with a reason; what decoders make of scenes does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phosphene.errors import InputError
from phosphene.session import RendererSettings
from phosphene.stimuli import C_DIM, CATEGORIES, Z_SHAPE, draw, embed, prototype, sample_scene
from phosphene.stimuli.encoder import WorldEncoder, space_hash
from phosphene.stimuli.space import typical
from renderer.generator import Generator
from renderer.inworld import BOUNDS, Bounds, latent_features, open_bounds
from renderer.studio import Seen, Studio

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def shipped() -> Bounds:
    found = open_bounds()
    assert found is not None
    return found


WORLD = shipped()


def noise(seed: int, *shape: int, scale: float = 1.0) -> Floats:
    drawn = np.random.default_rng(seed).standard_normal(shape)
    return (scale * drawn).astype(np.float32)


@pytest.fixture(scope="module")
def scenes() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(99)
    drawn = [sample_scene(rng, CATEGORIES[k % 8]) for k in range(24)]
    z = WorldEncoder().encode(np.stack([draw(scene) for scene in drawn]))
    return z, np.stack([embed(scene) for scene in drawn])


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_scenes_and_what_a_decoder_makes_of_them_are_painted(
    scenes: tuple[Floats, Floats], strength: float
) -> None:
    for k, (z, c) in enumerate(zip(*scenes, strict=True)):
        told = strength * c + noise(k, C_DIM, scale=0.05)
        blurred = strength * (z + np.roll(z, 1, axis=2) + np.roll(z, 1, axis=1)) / 3
        verdict = WORLD.judge((blurred + noise(k, *Z_SHAPE, scale=0.1)), told)
        assert verdict == ("", ""), k


def test_prototypes_and_typical_codes_of_every_category_are_painted() -> None:
    for name in CATEGORIES:
        for c in (prototype(name), typical(name), 0.4 * typical(name)):
            assert WORLD.judge(None, c).reason("zc") == "", name


@pytest.mark.parametrize(
    ("names", "p", "painted"),
    [(("face", "house"), 0.55, True), (CATEGORIES, 0.3, True), (CATEGORIES, 0.16, False)],
)
def test_what_bundles_of_labels_send_is_painted_once_there_is_a_choice(
    names: tuple[str, ...], p: float, painted: bool
) -> None:
    """Such bundles send typical codes, weighted by the probabilities of their categories."""
    rest = (1 - p) / (len(names) - 1)
    for best in names:
        c = sum((p if name == best else rest) * typical(name) for name in names)
        assert (WORLD.judge(None, np.asarray(c, np.float32)).c == "") == painted, best


def test_nonsense_is_refused_with_its_reason(scenes: tuple[Floats, Floats]) -> None:
    z = scenes[0][0]
    level = np.concatenate([np.full(8, 0.4, np.float32), scenes[1][0, 8:]])
    two = ((prototype("face") + prototype("house")) / 2).astype(np.float32)
    for c, reason in (
        (np.zeros(C_DIM, np.float32), "undecided"),
        (level, "undecided"),
        (noise(0, C_DIM, scale=3.0), "far outside"),
        (np.full(C_DIM, np.nan, np.float32), "not finite"),
    ):
        assert reason in WORLD.judge(z, c).c
        assert WORLD.judge(z, c).reason("z") == "", "c plays no part there"
    assert WORLD.judge(z, two).c == "", "a choice between two is a choice"
    for wrong, reason in (
        (noise(1, *Z_SHAPE), "rough against coarse"),
        ((3 * z).astype(np.float32), "strength"),
        (np.full(Z_SHAPE, 0.5, np.float32), "rough against coarse"),
        (np.zeros(Z_SHAPE, np.float32), "says nothing"),
        (np.full(Z_SHAPE, np.inf, np.float32), "not finite"),
    ):
        assert reason in WORLD.judge(wrong, prototype("cat")).z
        assert WORLD.judge(wrong, prototype("cat")).reason("c") == ""


def test_features_of_z_are_what_they_are_called() -> None:
    checks = np.indices(Z_SHAPE).sum(axis=0) % 2 * 2.0 - 1.0
    checks[0, 0, 0] = 3.0
    strength, rough, coarse, peak, ratio = latent_features(checks[None].astype(np.float32))[0]
    assert strength == pytest.approx(1.0, abs=0.01)
    assert rough == pytest.approx(2.0, abs=0.01)
    assert (peak, coarse) == (3.0, pytest.approx(4 / 16 / 8, rel=0.01))
    assert ratio == pytest.approx(rough / coarse, rel=1e-3)


def test_false_alarms_stand_with_the_bounds() -> None:
    assert all(0 <= share <= 0.01 for share in WORLD.false_alarms.values())
    assert set(WORLD.false_alarms) == {"z", "c"}


def test_bounds_belong_to_one_world(tmp_path: Path) -> None:
    assert open_bounds(space_hash()) == WORLD
    assert open_bounds("0" * 64) is None, "another space has none"
    other = tmp_path / "bounds.json"
    other.write_text(BOUNDS.read_text().replace(space_hash(), "0" * 64))
    with pytest.raises(InputError, match="another world"):
        open_bounds(file=other)
    with pytest.raises(InputError, match=r"renderer\.training\.bounds"):
        open_bounds(file=tmp_path / "nothing")


def test_the_studio_shows_neutral_frames_with_the_reason(scenes: tuple[Floats, Floats]) -> None:
    settings = RendererSettings.model_validate({"mode": "zc", "steps": 1})
    studio = Studio(Generator(), settings, 0.0, WORLD)
    z, c = scenes[0][0], scenes[1][0]

    def seen(z: Floats | None, c: Floats, t: float) -> Seen:
        return Seen(0, 0, 1.0, t, t, t, z, c)

    studio.see(seen(z, c, 0.0))
    first = studio.picture(0.1)
    assert (first.state, first.reason) == ("picture", "")
    studio.see(seen(z, np.zeros(C_DIM, np.float32), 0.2))
    lost = studio.picture(0.3)
    assert (lost.state, lost.reason) == ("neutral", "the category is undecided")
    studio.see(seen(z, c, 0.4))
    again = studio.picture(0.4)
    assert again.state == "picture"
    np.testing.assert_array_equal(again.pixels, studio.still(seen(z, c, 0.4), 0.4).pixels)
    assert studio.still(seen(5 * z, c, 0.0), 0.0).state == "neutral"
    only_c = settings.model_copy(update={"mode": "c"})
    studio.change(only_c)
    assert studio.still(seen(5 * z, c, 0.0), 0.0).state == "picture"
