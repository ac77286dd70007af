from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ConfigError
from phosphene.stimuli import CATEGORIES, Programme, make_programme, sample_clip
from phosphene.stimuli.clip import bounce
from phosphene.stimuli.scene import PLACE_LIMIT, SIZE_RANGE, TILT_LIMIT_RAD

seeds = st.integers(0, 2**31 - 1)


@given(st.floats(-50.0, 50.0))
def test_bounce_stays_between_the_walls_and_is_continuous(value: float) -> None:
    here, there = bounce(value, -0.3, 0.7), bounce(value + 1e-6, -0.3, 0.7)
    assert -0.3 <= here <= 0.7
    assert abs(here - there) < 2e-6


def test_bounce_leaves_values_between_the_walls_alone() -> None:
    assert bounce(0.2, -0.3, 0.7) == pytest.approx(0.2)
    assert bounce(0.9, -0.3, 0.7) == pytest.approx(0.5)


@given(seeds, st.floats(0.0, 30.0))
def test_clips_move_evenly_within_the_world(seed: int, t_s: float) -> None:
    clip = sample_clip(seed, duration_s=30.0)
    scene = clip.scene_at(t_s)
    assert abs(scene.x) <= PLACE_LIMIT + 1e-9
    assert abs(scene.tilt_rad) <= TILT_LIMIT_RAD + 1e-9
    assert SIZE_RANGE[0] - 1e-9 <= scene.size <= SIZE_RANGE[1] + 1e-9
    assert 0.0 <= scene.hue < 1.0
    moved = abs(clip.scene_at(t_s + 0.01).x - scene.x)
    assert moved <= abs(clip.vx) * 0.01 + 1e-9
    assert scene.style == clip.start.style
    assert scene.category == clip.start.category


def test_the_ends_of_a_clip_are_held() -> None:
    clip = sample_clip(3, duration_s=2.0)
    assert clip.scene_at(-1.0) == clip.scene_at(0.0)
    assert clip.scene_at(9.0) == clip.scene_at(2.0)
    assert clip.scene_at(0.0) != clip.scene_at(2.0)


@given(seeds, st.integers(1, 30))
def test_programmes_are_balanced_and_known_in_advance(seed: int, n_blocks: int) -> None:
    programme = make_programme(seed, n_blocks, clip_s=3.0, rest_s=2.0, lead_in_s=1.0)
    assert programme == make_programme(seed, n_blocks, clip_s=3.0, rest_s=2.0, lead_in_s=1.0)
    shown = Counter(block.clip.start.category for block in programme.blocks)
    counts = [shown[name] for name in CATEGORIES]
    assert max(counts) - min(counts) <= 1
    assert programme.duration_s == pytest.approx(1.0 + 5.0 * n_blocks)
    again = msgspec.json.decode(msgspec.json.encode(programme), type=Programme)
    assert again == programme


def test_a_programme_shows_its_clips_and_rests_in_between() -> None:
    programme = make_programme(11, 3, clip_s=3.0, rest_s=2.0, lead_in_s=1.0)
    assert programme.scene_at(0.99) is None
    assert programme.scene_at(4.0) is None
    assert programme.scene_at(1000.0) is None
    assert programme.scene_at(1.0) == programme.blocks[0].clip.scene_at(0.0)
    assert programme.scene_at(7.5) == programme.blocks[1].clip.scene_at(1.5)


def test_impossible_programmes_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_blocks"):
        make_programme(0, 0)
    with pytest.raises(ConfigError, match="rest_s"):
        make_programme(0, 2, rest_s=-1.0)
    with pytest.raises(ConfigError, match="duration_s"):
        sample_clip(0, duration_s=0.0)
