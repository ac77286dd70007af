"""The built-in content filter: too many flashes."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.clock import FakeClock
from phosphene.errors import ConfigError
from phosphene.filters import open_filter
from phosphene.filters.flashes import Flashes, luminance


def test_a_filter_that_cannot_be_used_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="flashes"):
        open_filter("clip", {})
    with pytest.raises(ConfigError, match="options of flashes"):
        open_filter("flashes", {"colour": "red"})
    with pytest.raises(ConfigError, match="most from 0"):
        open_filter("flashes", {"change": 0.0})


def picture(level: int) -> np.ndarray:
    return np.full((16, 16, 3), level, np.uint8)


def test_luminance_is_that_of_the_standard() -> None:
    assert luminance(picture(255)) == pytest.approx(1.0)
    assert luminance(picture(0)) == 0.0
    green = picture(0)
    green[..., 1] = 255
    assert luminance(green) == pytest.approx(0.7152)
    assert luminance(picture(128)) == pytest.approx(0.2159, abs=1e-3)


def shown(levels: list[int], every_s: float) -> list[bool]:
    clock, check = FakeClock(0.0), Flashes()
    out = []
    for level in levels:
        out.append(check(picture(level), clock.now()))
        clock.advance(every_s)
    return out


def test_more_than_three_flashes_a_second_are_refused_and_slow_changes_are_not() -> None:
    flicker = shown([0, 200] * 12, 1 / 12)  # six flashes a second
    assert all(flicker[:7]), "three flashes are six changes"
    assert not any(flicker[7:])
    assert all(shown([0, 200] * 10, 0.5)), "one flash a second"
    assert all(shown([100, 105] * 30, 1 / 30)), "too weak to be one"
    assert all(shown(list(range(0, 250, 2)), 1 / 60)), "it only becomes brighter"
    assert all(shown([245, 255] * 30, 1 / 30)), "both bright"
    calm = shown([0, 200] * 12 + [200] * 20, 1 / 12)
    assert calm[-1], "it may be seen again when it is calm"
