"""The timeline of the replay panel: what it draws can be read."""

from __future__ import annotations

from itertools import pairwise

import pytest

import tests.unit.gui_bench  # noqa: F401 (it sets the screens)

# isort: split
from PySide6.QtGui import QFont, QFontMetrics  # isort: skip
from PySide6.QtWidgets import QApplication  # isort: skip

from gui.replay.lanes import Graph
from gui.replay.timeline import GRAPH_PX, level_places


@pytest.mark.parametrize("top", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("size_px", [11, 12, 16])
def test_figures_of_limits_never_overlap(qapp: QApplication, top: float, size_px: int) -> None:
    font = QFont()
    font.setPixelSize(size_px)
    graph = Graph("FD, mm", [0.0], [0.1], top, (0.2, 0.5))
    places = level_places(graph, 100.0, QFontMetrics(font))
    assert len(places) == 2
    assert not any(one.intersects(other) for one, other in pairwise(places))
    assert all(p.top() >= 100.0 and p.bottom() <= 100.0 + GRAPH_PX for p in places)
