"""What the model has forgotten is drawn no more; the participant's small view is coarse."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from msgspec import structs
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.brain_panel import BrainPanel
from gui.facts import Pictures
from gui.model import RunModel
from gui.plots import Plots
from gui.seen import Seen
from gui.viewers.state import ViewerState
from phosphene.gate.levels import LEVEL_SIDE_PX
from phosphene.sink import Showing
from tests.unit.test_gui_eeg_views import Bench
from tests.unit.test_gui_known import grant, told
from tests.unit.test_gui_model import frame, plan, view

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    made = Bench(4)
    made.window.show()
    QApplication.processEvents()
    yield made
    made.window.shut()
    made.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def drawn(panel: BrainPanel | Plots) -> bool:
    return panel.slices.item.image is not None and panel.slices.view.isVisible()


def test_map_regions_and_figures_go_from_the_page(qtbot: QtBot) -> None:
    model, plots, brain = RunModel(plan()), Plots(30.0, 0.3), BrainPanel()
    for panel in (plots, brain):
        qtbot.addWidget(panel)
        panel.show()

    def refresh() -> None:
        plots.update_from(model.plotted())
        plots.show_map(model.newest_map(), model.regions())
        while plots.draw_next():
            pass
        brain.show_brain(model.newest_map(), model.regions())

    refresh()
    model.take([grant(1.0, "view_operator"), view(1.0, "operator"), *told(1.5)], 1.5)
    refresh()
    assert drawn(plots)
    assert drawn(brain)
    assert "V1" in brain.legend.text()
    assert brain.where.findText("V1") >= 0
    assert "0.60" in plots.confidence.figures.text()
    assert "V1" in plots.signal.figures.text()
    model.take([grant(1.7, "view_self")], 1.7)
    refresh()
    assert not drawn(plots)
    assert not drawn(brain)
    assert "V1" not in brain.legend.text()
    assert brain.where.findText("V1") < 0
    assert plots.confidence.figures.text() == plots.signal.figures.text() == ""
    assert all(curve.xData is None or not len(curve.xData) for curve in plots.signal.curves)


def test_the_traces_go_from_the_page(bench: Bench) -> None:
    bench.model.take([grant(99.0, "view_operator")], 99.0)
    bench.feed(3.0, (0,) * 4)
    bench.tick()
    assert bench.panel.view._data is not None
    assert bench.panel.spectrum.curves[0].xData is not None
    bench.model.take([grant(99.5)], 99.5)
    bench.tick()
    assert bench.panel.view._data is None
    assert bench.panel.view._canvas.max() == 0
    assert bench.panel.spectrum.curves[0].xData is None
    assert bench.panel.quality.text() == ""
    bench.model.take([grant(101.0, "view_operator")], 101.0)
    bench.feed(3.0, (0,) * 4)
    bench.tick()
    assert bench.panel.view._data is not None, "a consent that holds again shows them again"


def test_empty_places_say_that_the_consent_is_missing_and_later_what_they_wait_for(
    bench: Bench,
) -> None:
    hint = bench.panel.confidence.hint
    before, why = hint.text(), "only with consent to the operator's view"
    now_s = bench.clock.now()
    for scopes, words in (
        ((), why), (("view_self",), why), (("view_operator",), before), (("view_self",), why),
    ):  # fmt: skip
        bench.model.take([grant(now_s, *scopes)], now_s)
        bench.window.refresh_board()
        assert hint.text() == words, scopes
        assert (bench.panel.spectrum.hint.text() == why) == (words == why)


def showing(level: int) -> Showing:
    if level == 0:
        return Showing(None, None, False, "the consent does not include view_operator", None)
    header = structs.replace(frame(1.0)[1].header, level=level)
    return Showing(PICTURE, header, True, "", 0.1)


@pytest.mark.parametrize("level", range(5))
def test_the_small_view_has_no_more_detail_than_the_operators_own(level: int) -> None:
    participant = Showing(PICTURE, showing(4).frame, True, "", 0.1)
    viewer = ViewerState(picture=PICTURE, passing=True)
    small = Pictures(showing(level), participant, None, Seen("unknown"), viewer).thumbnail()
    if level == 0:
        assert small.words == "not for the operator: the consent does not include view_operator"
        assert small.view.picture is None
        return
    assert small.words == ""
    assert small.view.picture is not None
    side = LEVEL_SIDE_PX.get(level, 64)
    assert small.view.picture.shape == (side, side, 3)
