"""The figures and the page of the renderer's benchmark, on stamps made by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.bench_render_goals import LIMITS, goals
from tests.benchmarks.bench_render_live import Usage, shares
from tests.benchmarks.bench_render_page import page
from tests.benchmarks.bench_render_stats import (
    Stamp,
    evenness,
    first_shown,
    growth,
    spread_ms,
    timing,
)

FPS = 25.0


def frames(n: int, off_s: float = 0.0, without: tuple[int, ...] = ()) -> list[Stamp]:
    return [Stamp(k / FPS, k / FPS + off_s) for k in range(n) if k not in without]


def test_frames_per_second_count_the_slow_frames_too() -> None:
    found = timing([0.01] * 99 + [1.01], cpu_s=0.5)
    assert found["per_s"] == pytest.approx(50.0), "the median alone would say 100"
    assert (found["p50"], found["most"]) == pytest.approx((10.0, 1010.0))
    assert found["cpu_ms"] == pytest.approx(5.0)
    assert math.isnan(spread_ms([])["p99"])


def test_even_frames_are_on_time_and_a_common_delay_is_no_unevenness() -> None:
    even = evenness(frames(100, off_s=0.004), FPS)
    assert (even["due"], even["shown"], even["skipped"], even["late"]) == (100, 100, 0, 0)
    assert even["per_s"] == pytest.approx(FPS)
    assert even["late_share"] == 0
    assert even["off_ms"]["p50"] == pytest.approx(4.0)
    assert even["interval_ms"]["most"] == pytest.approx(0.0, abs=1e-6)


def test_skipped_and_late_frames_are_counted_once_each() -> None:
    stamps = frames(100, without=(10, 11, 50))
    stamps[70] = Stamp(stamps[70].due_s, stamps[70].due_s + 0.5 / FPS + 1e-4)
    stamps[71] = Stamp(stamps[71].due_s, stamps[71].due_s + 0.5 / FPS - 1e-4)
    even = evenness(stamps, FPS)
    assert (even["due"], even["shown"], even["skipped"], even["late"]) == (100, 97, 3, 1)
    assert even["late_share"] == pytest.approx(0.04)
    assert even["per_s"] == pytest.approx(0.97 * FPS)
    assert even["interval_ms"]["most"] == pytest.approx(2e3 / FPS), "two frames missing in a row"


@pytest.mark.parametrize("seed", range(5))
def test_the_99th_percentile_of_intervals_is_that_of_their_distance_from_the_period(
    seed: int,
) -> None:
    off_s = np.random.default_rng(seed).uniform(-0.005, 0.005, 400)
    stamps = [Stamp(k / FPS, k / FPS + off) for k, off in enumerate(off_s)]
    found = evenness(stamps, FPS)["interval_ms"]["p99"]
    assert found == pytest.approx(1e3 * np.percentile(np.abs(np.diff(off_s)), 99))


def test_the_lag_of_a_percept_ends_with_the_first_frame_that_shows_it() -> None:
    stamps = [
        Stamp(0.00, 0.00, 4, -0.5),  # may have been on show before
        Stamp(0.04, 0.04, 5, 0.02),
        Stamp(0.08, 0.08, 5, 0.02),
        Stamp(0.12, 0.12, 7, 0.05),  # 6 was overtaken
        Stamp(0.16, 0.16, 8, 0.15, neutral=True),  # not worth showing
        Stamp(0.20, 0.20, 8, 0.15),
    ]
    found = first_shown(stamps, FPS)
    assert (found["n"], found["never"]) == (3, 1)
    assert found["most"] == pytest.approx(70.0)
    assert found["p50"] == pytest.approx(50.0)
    assert found["p99_periods"] == pytest.approx(found["p99"] / 40.0)
    assert first_shown(frames(5), FPS)["n"] == 0


def test_a_leak_has_its_slope_and_one_jump_of_the_allocator_has_none() -> None:
    at = np.arange(1, 201) * 500.0
    noise = np.random.default_rng(0).normal(0, 0.05, len(at))
    leak = growth(at.tolist(), (100 + 0.1 * at / 1000 + noise).tolist())
    assert leak["slope"] == pytest.approx(0.1, rel=0.02)
    assert leak["grown"] == pytest.approx(0.1 * 0.9 * 90, rel=0.15)
    begin = growth(at.tolist(), np.where(at < 6000, 50, 100 + noise).tolist())
    assert abs(begin["slope"]) < 1e-3, "what grows in the first tenth settles"
    jump = growth(at.tolist(), np.where(at < 95_000, 100 + noise, 130.0).tolist())
    assert abs(jump["slope"]) < 5e-3
    assert jump["grown"] > LIMITS["grown"], "it is still told"


def test_the_share_of_a_process_is_that_between_two_moments() -> None:
    usage = Usage()
    usage.at_s = [0.0, 1.0, 2.0, 3.0, 4.0]
    usage.spent_s = [{"renderer": 5.0 + k * 0.5, "gate": 0.1 * k} for k in range(5)]
    usage.spent_s[4] = {"renderer": 99.0}
    assert shares(usage, 0.9, 3.1) == pytest.approx({"renderer": 50.0, "gate": 10.0})
    assert "gate" not in shares(usage, 0.9, 4.0), "it ended meanwhile"
    assert shares(usage, 10, 20) == {}


def alone(kind: str, engine: str, precision: str, threads: int, per_s: float) -> dict[str, Any]:
    model = "world-256" if kind == "own" else None
    return {
        "kind": kind, "model": model, "engine": engine, "precision": precision, "threads": threads,
        "steps": 1, "mode": "zc", "size_px": 256, "turns": [1e3 / per_s], "line": "v1",
        **timing([1 / per_s] * 10, 0.1),
    }  # fmt: skip


def demo(late: int) -> dict[str, Any]:
    held = evenness(frames(200, without=tuple(range(10, 10 + late))), 25.0)
    spread = spread_ms([0.01, 0.02])
    shown = first_shown([Stamp(k, k + 0.03, k, k - 0.01) for k in range(5)], 25.0)
    return {
        **held, "per_s": 24.0, "name": "world-256, OpenVINO bf16", "shown": shown,
        "render_ms": spread, "cpu_percent": {"renderer": 50.0, "gate": 5.0},
        "gate": {"even": held, "shown": shown}, "renderer": {"model": "world-256"},
    }  # fmt: skip


def part(rows: Any, quick: bool = False) -> dict[str, Any]:
    effort = {"rounds": 2, "stretch_s": 2.5, "live_s": 60.0}
    return {
        "rows": rows, "where": "a machine", "when": "2026-01-01", "load": [0.1, 0.2],
        "effort": effort, "quick": quick,
    }  # fmt: skip


def test_what_was_not_measured_is_told_and_misses_no_goal() -> None:
    text, missed = page({})
    assert missed == []
    assert text.count("not measured |") == len(goals({})) == 7
    assert text.count("Not measured yet.") == 4


def test_the_page_has_ratios_to_the_peers_and_tells_which_goals_were_missed() -> None:
    rows = [
        alone("own", "openvino", "bf16", 2, 60.0), alone("own", "cpu", "fp32", 2, 29.0),
        alone("diffusers", "torch", "fp32", 2, 12.0),
    ]  # fmt: skip
    text, missed = page({"alone": part(rows), "live": part([demo(late=1)], quick=True)})
    assert "alone, 1 step, 2 thread(s), ONNX Runtime fp32" in missed
    assert "alone, 1 step, 2 thread(s), OpenVINO bf16" not in missed
    assert "| 60.0 | 16.7 ms (16.7) | 16.7 ms | 10.0 ms | 5.0x |" in text, "by diffusers' median"
    assert "figures mean nothing" in text
    assert "| world-256, OpenVINO bf16 | 50 | 5 | 55 |" in text
    assert not any("rate" in name or "percept" in name for name in missed)
    _, worse = page({"live": part([demo(late=3)])})
    assert [name for name in worse if "rate" in name]


def test_memory_is_flat_only_if_slope_and_growth_are_small() -> None:
    flat = {"slope": 0.001, "grown": 0.5, "frames": 1e5}
    for change, reached in (({}, True), ({"slope": 0.03}, False), ({"grown": 9.0}, False)):
        judged = goals({"memory": {"core": {**flat, **change}}})[-1]
        assert judged.reached is reached
