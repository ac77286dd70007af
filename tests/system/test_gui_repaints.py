"""20,000 repaints of the whole page of a run: nothing crashes, and nothing piles up.

A Qt binding that loses a reference at each signal ends the process after about a thousand.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.unit.gui_bench import enlarged, left_running, pixels_of  # before Qt: sets the screens

from PySide6.QtCore import QEvent, QObject  # isort: skip
from PySide6.QtWidgets import QApplication, QWidget  # isort: skip
from pytestqt.qtbot import QtBot  # isort: skip

from gui.model import RunModel
from gui.palette import apply
from gui.window import OperatorWindow
from phosphene.clock import FakeClock
from phosphene.messages import Frame, Message, View
from phosphene.plan import Plan
from phosphene.session import Session

REPAINTS, SETTLED = 20_000, 2_000
SIDE_PX = 64
MOST_GROWTH_MIB = 24.0


class Paints(QObject):
    """Counts the paint events of a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        self.count += event.type() == QEvent.Type.Paint
        return False


def _plan() -> Plan:
    source = {"kind": "recording", "path": "x"}
    session = Session.model_validate({"person": "p01", "modality": "fmri", "source": source})
    return Plan(run="r1", folder=Path("/"), mode="replay", session=session, nodes=("gui",))


def _message(kind: type, now: float, seq: int, sink: str, **fields: Any) -> tuple[str, Message]:
    pixels = fields.pop("pixels", None)
    header = kind(
        run="r1", seq=seq, t_acquired=now, t_sent=now, producer="gate", sink=sink, **fields
    )
    return f"view-{sink}", Message(header, {} if pixels is None else {"picture": pixels})


def _resident_mib() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / 2**20)


def test_20000_repaints_show_the_last_picture_and_leave_nothing_behind(
    qtbot: QtBot, qapp: QApplication
) -> None:
    apply(qapp)
    plan, clock = _plan(), FakeClock(100.0)
    model = RunModel(plan)
    window = OperatorWindow(plan, model, clock, lambda *_: None, lambda: None)
    window.tell_phase(going=True, ended=False)
    window.show()
    qapp.processEvents()
    pictures = np.random.default_rng(0).integers(0, 256, (97, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    (picture,) = [p for p in _panels(window) if p.area.width() == max(_widths(window))]
    paints = Paints(picture.view.viewport())
    parts, resident_mib = 0, 0.0
    for seq in range(REPAINTS):
        clock.advance(1 / 30)
        now, last = clock.now(), pictures[seq % len(pictures)]
        taken = []
        for sink in ("operator", "self"):
            taken.append(_message(View, now, seq, sink, passing=True, reason="", passed=seq))
            taken.append(_message(
                Frame, now, seq, sink, pixels=last, t_due=now, t_rendered=now, late=False,
                skipped=0, render_ms=1.0, state="picture", percept_seq=0, percept_index=0,
                confidence=0.5, age_s=0.1, t_percept=now, seed=0, model="m", level=4,
            ))  # fmt: skip
        model.take(taken, now)
        window.refresh_pictures()
        if seq % 30 == 0:
            window.refresh_board()
        qapp.processEvents()
        if seq == SETTLED:
            parts, resident_mib = len(window.findChildren(QWidget)), _resident_mib()
    assert paints.count >= REPAINTS
    side = picture.area.width() // SIDE_PX
    assert np.array_equal(pixels_of(picture.area), enlarged(last, side))
    assert len(window.findChildren(QWidget)) == parts
    assert _resident_mib() - resident_mib < MOST_GROWTH_MIB
    window.shut()
    assert not left_running(window)
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _panels(window: QWidget) -> list[Any]:
    from gui.pictures import PicturePanel

    return window.findChildren(PicturePanel)


def _widths(window: QWidget) -> list[int]:
    return [panel.area.width() for panel in _panels(window)]
