from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from phosphene.stimuli.picture import draw
from phosphene.stimuli.space import embed
from renderer.paths import ConditionPath
from tests.benchmarks import bench_stream_page as page
from tests.benchmarks.bench_stream import jobs
from tests.benchmarks.bench_stream_modes import (
    FPS,
    MODES,
    Mode,
    Row,
    best_lag,
    row_of,
    stream,
    truth_of,
)
from tests.benchmarks.bench_stream_world import Percepts, outlines, programme_of


class Centroids:
    """A reader for tests: where the outline has its centre of gravity."""

    r = median_error = 0.5

    def read(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return outlines(pictures)[:, -2:] / 10.0


class Draws:
    """A painter that draws the place that c tells."""

    modes = ("z", "c", "zc")
    size_px = 32
    noise_shape = (4, 16, 16)
    latent = None

    def render(
        self, z: object, c: npt.NDArray[np.float32], noise: object, *_: object
    ) -> npt.NDArray[np.uint8]:
        scene = programme_of(21).scene_at(0.0)
        assert scene is not None
        place = {"x": float(0.3 * c[10]), "y": float(0.3 * c[11])}
        return draw(msgspec.structs.replace(scene, **place), self.size_px)


def row(name: str, jerk: float, lag_s: float, now: float) -> Row:
    return Row(name, 0.0, 0.0, 0.0, jerk, 0.0, lag_s, now, now, 0.0, 0.0)


def test_the_lag_of_a_delayed_place_is_found() -> None:
    truth = [truth_of(programme_of(seed), 24 * FPS) for seed in (1, 2)]
    late = [np.concatenate([np.repeat(t[:1], 18, axis=0), t[:-18]]) for t in truth]
    jumps = [t - np.where(np.arange(len(t)) < 12 * FPS, 0.0, 5.0)[:, None] for t in late]
    assert best_lag(truth, jumps) == pytest.approx(best_lag(truth, late)), "cuts count for nothing"
    lag_s, r = best_lag(truth, late)
    assert lag_s == pytest.approx(0.75)
    assert r == pytest.approx(1.0, abs=1e-6)


def test_the_rule_takes_little_lag_then_little_jerk_and_keeps_a_default_as_good() -> None:
    usual = page.default_mode()
    assert usual is not None
    rows = [
        row(page.TRUE, 0.0, 0.0, 1.0), row(page.HOLD, 0.02, 0.7, 0.9), row("late", 0.001, 1.3, 0.6),
        row("even", 0.01, 1.1, 0.80), row("less even", 0.012, 0.8, 0.89),
    ]  # fmt: skip
    assert page.most_even(rows).name == "even"
    assert "none of these" in page.verdict(rows)
    assert "stands" in page.verdict([*rows, row(usual.name, 0.0109, 1.0, 0.8)])
    assert "beaten" in page.verdict([*rows, row(usual.name, 0.0111, 1.0, 0.8)])
    assert "beaten" in page.verdict([*rows, row(usual.name, 0.0101, 1.3, 0.8)])


def test_a_stream_of_clean_percepts_lags_more_when_smooth_and_a_page_says_so(
    tmp_path: Path,
) -> None:
    programme = programme_of(21)
    times = np.arange(0.0, 8.0, 1.0)
    scenes = [programme.scene_at(float(t)) for t in times]
    c = np.stack([embed(s) for s in scenes if s is not None])
    percepts = Percepts(times, np.zeros((8, 4, 16, 16), np.float32), c, 1.0, 1.0)
    reader, frames = Centroids(), 8 * FPS
    truth = [truth_of(programme, frames)]
    strangers = [truth_of(programme_of(seed), frames) for seed in (50, 51)]
    rows, shown = [], {}
    for name in page.PLOTTED:
        mode = next(m for m in MODES if m.name == name)
        found = stream(mode, Draws(), 1, percepts, frames, reader)  # type: ignore[arg-type]
        assert len(found.step) == frames - 1
        shown[name] = found.shown
        rows.append(row_of(name, [found], truth, strangers))
    hold, smooth, slerp = rows
    assert hold.lag_s < min(smooth.lag_s, slerp.lag_s)
    assert hold.step_max > 2 * smooth.step_max > 2 * slerp.step_max
    part = page.Part("test", "world-64", 1.5, 1, (21,), rows, (1.0, 1.0), truth[0], shown)
    text = page.page([part], reader)  # type: ignore[arg-type]
    assert f"| {hold.name} |" in text
    assert "+0.00" in text
    page.plot(part, tmp_path / page.PICTURE)
    assert (tmp_path / page.PICTURE).stat().st_size > 5000


def test_every_way_can_be_set_and_tuning_shares_no_clip_with_the_report() -> None:
    assert len({mode.name for mode in MODES}) == len(MODES)
    for mode in MODES:
        assert isinstance(mode, Mode)
        settings = mode.of(steps=1)
        ConditionPath(settings.path, settings.smoothing_s)
    by_title: dict[str, set[int]] = {"tuning": set(), "test": set()}
    for job in jobs(["world-64", "world-256"]):
        by_title[job.title] |= set(job.seeds)
    assert not by_title["tuning"] & by_title["test"]
