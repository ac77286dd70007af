from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.bench_gui import _free_from
from tests.benchmarks.bench_gui_page import Figures, goals, page
from tests.benchmarks.bench_gui_stage import stamp_in

FIGURES = Figures(
    where="a machine", when="2026-11-22", load=(0.1, 0.9), seconds=60.0, cost_percent=11.0,
    bare_percent=4.0, pictures_ms={"plain": np.full(100, 5.0), "stalled": np.full(60, 8.0)},
    excess_ms=np.full(60, 7.0), blanks_ms={"plain": np.full(9, 9.0), "stalled": np.full(9, 200.0)},
    sent={"plain": 101, "stalled": 100},
)  # fmt: skip


def test_a_frame_tells_when_it_was_sent() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture.reshape(-1)[:8] = np.frombuffer(np.float64(1234.5678).tobytes(), np.uint8)
    assert stamp_in(picture) == 1234.5678


def test_what_was_sent_during_a_stall_counts_from_its_end() -> None:
    stalls = np.array([[1.0, 1.4], [2.0, 2.4]])
    assert _free_from(np.array([0.9, 1.0, 1.39, 1.4, 2.2]), stalls) == pytest.approx(
        [0.9, 1.4, 1.4, 1.4, 2.4]
    )


def test_the_page_tells_what_was_not_reached() -> None:
    assert all(goal.reached for goal in goals(FIGURES))
    text = page(FIGURES)
    assert "**no**" not in text
    assert "| plain | 100 of 101 | 5.0 ms | 5.0 ms | 5.0 ms | 5.0 ms |" in text
    slow = replace(FIGURES, pictures_ms={"plain": np.full(9, 5.0), "stalled": np.full(9, 26.0)})
    assert [goal.reached for goal in goals(slow)] == [True, True, False, True]
    assert page(slow).count("**no**") == 1
