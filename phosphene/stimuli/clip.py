"""Moving scenes and seeded programmes of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from phosphene.errors import ConfigError, check_all, problem
from phosphene.stimuli.scene import (
    CATEGORIES,
    PLACE_LIMIT,
    SIZE_RANGE,
    TILT_LIMIT_RAD,
    Scene,
    sample_scene,
)


class Clip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scene that moves evenly and turns back at the limits of the world.

    Parameters
    ----------
    start : Scene
        The scene at time 0.
    vx, vy : float
        Speed in half picture widths per second.
    spin_rad_per_s : float
        Rotation in radians per second.
    growth_per_s : float
        Change of size per second.
    hue_drift_per_s : float
        Change of hue in turns per second.
    seed : int
        Seed that `sample_clip` was called with (-1 where a clip was made by hand).
    duration_s : float
        Length in seconds.
    """

    start: Scene
    vx: float
    vy: float
    spin_rad_per_s: float
    growth_per_s: float
    hue_drift_per_s: float
    seed: int
    duration_s: float

    def scene_at(self, t_s: float) -> Scene:
        """Return the scene `t_s` seconds into the clip; the ends are held before and after it."""
        t = min(max(t_s, 0.0), self.duration_s)
        s = self.start
        return msgspec.structs.replace(
            s,
            x=bounce(s.x + self.vx * t, -PLACE_LIMIT, PLACE_LIMIT),
            y=bounce(s.y + self.vy * t, -PLACE_LIMIT, PLACE_LIMIT),
            size=bounce(s.size + self.growth_per_s * t, *SIZE_RANGE),
            tilt_rad=bounce(s.tilt_rad + self.spin_rad_per_s * t, -TILT_LIMIT_RAD, TILT_LIMIT_RAD),
            hue=(s.hue + self.hue_drift_per_s * t) % 1.0,
        )


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clip in a programme: shown from `onset_s` for `duration_s` seconds."""

    onset_s: float
    duration_s: float
    clip: Clip


class Programme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A seeded sequence of clips with rest in between."""

    seed: int
    duration_s: float
    blocks: tuple[Block, ...]

    def scene_at(self, t_s: float) -> Scene | None:
        """Return the scene on show at `t_s` seconds, or None during rest."""
        for block in self.blocks:
            if block.onset_s <= t_s < block.onset_s + block.duration_s:
                return block.clip.scene_at(t_s - block.onset_s)
        return None


def bounce(value: float, low: float, high: float) -> float:
    """Fold a value into [low, high] as a ball between two walls."""
    span = high - low
    phase = (value - low) % (2 * span)
    return low + (phase if phase <= span else 2 * span - phase)


def sample_clip(seed: int, duration_s: float = 6.0, category: str | None = None) -> Clip:
    """Draw a clip at random from an integer seed."""
    if not duration_s > 0.0:
        raise ConfigError(problem("duration_s", duration_s, "above 0 seconds", "Use 6, say."))
    rng = np.random.default_rng(seed)
    scene = sample_scene(rng, category)
    vx, vy, spin, growth, drift = (float(value) for value in rng.uniform(-1.0, 1.0, 5))
    return Clip(
        start=scene,
        vx=0.12 * vx,
        vy=0.12 * vy,
        spin_rad_per_s=0.15 * spin,
        growth_per_s=0.04 * growth,
        hue_drift_per_s=0.03 * drift,
        seed=seed,
        duration_s=duration_s,
    )


def make_programme(
    seed: int,
    n_blocks: int,
    clip_s: float = 6.0,
    rest_s: float = 4.0,
    lead_in_s: float = 6.0,
    categories: Sequence[str] = CATEGORIES,
) -> Programme:
    """Draw a programme in which the categories come equally often, in shuffled order.

    Parameters
    ----------
    seed : int
        Fixes order and clips.
    n_blocks : int
        Number of clips, 1 or more.
    clip_s, rest_s, lead_in_s : float
        Seconds of each clip, of the rest after each clip, and of the rest at the start.
    categories : sequence of str
        Categories to choose from; each round of blocks shows every one of them once.
    """
    problems = []
    if n_blocks < 1:
        problems.append(problem("n_blocks", n_blocks, "1 or more", "Show at least one clip."))
    if not categories:
        problems.append(problem("categories", categories, "1 or more", "Leave out for all 8."))
    for name, value in (("rest_s", rest_s), ("lead_in_s", lead_in_s)):
        if not value >= 0.0:
            problems.append(problem(name, value, "0 or more seconds", "Use 0 for none."))
    check_all(problems, ConfigError, "make_programme")
    rng = np.random.default_rng(seed)
    order: list[str] = []
    while len(order) < n_blocks:
        order.extend(categories[int(k)] for k in rng.permutation(len(categories)))
    seeds = rng.integers(0, 1 << 31, n_blocks)
    blocks = tuple(
        Block(
            onset_s=lead_in_s + k * (clip_s + rest_s),
            duration_s=clip_s,
            clip=sample_clip(int(seeds[k]), clip_s, order[k]),
        )
        for k in range(n_blocks)
    )
    return Programme(seed, lead_in_s + n_blocks * (clip_s + rest_s), blocks)
