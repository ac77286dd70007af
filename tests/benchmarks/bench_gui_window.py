"""The operator's window with somebody looking on: notes when each picture and each card is painted.

Started by the benchmark as ``python -m tests.benchmarks.bench_gui_window --plan PLAN --stamps FILE
[--stall-ms 400]``; everything but the looking on is ``python -m gui``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from gui.__main__ import main as gui_main
from gui.pictures import PicturePanel
from tests.benchmarks.bench_gui_stage import stamp_in

__all__ = ["main"]

LOOK_MS = 20
EVERY_S = 1.0
LEAST_PX = 200
"""The operator's picture is the largest panel; the thumbnail is smaller."""


class Onlooker(QObject):
    """Notes, for the largest picture of the window, when what was painted.

    A moment counts when Qt's loop goes on after the paint event: drawing and handing over to the
    display are in it.
    """

    def __init__(self, stall_s: float) -> None:
        super().__init__()
        self._panel: PicturePanel | None = None
        self._stall_s, self._last = stall_s, 0.0
        self._waiting = False
        self._rng = np.random.default_rng(0)
        self.pictures: list[tuple[float, float]] = []
        self.cards: list[float] = []
        self.stalls: list[tuple[float, float]] = []
        self._find = QTimer(self)
        self._find.timeout.connect(self._look)
        self._find.start(LOOK_MS)
        self._stalls = QTimer(self)
        self._stalls.timeout.connect(self._stall)

    def _look(self) -> None:
        panels = [p for top in QApplication.topLevelWidgets() if top.isVisible()
                  for p in top.findChildren(PicturePanel)]  # fmt: skip
        if not panels:
            return
        self._find.stop()
        self._panel = max(panels, key=lambda p: p.area.width())
        assert self._panel.area.width() >= LEAST_PX
        for widget in (self._panel.view.viewport(), self._panel.card):
            widget.installEventFilter(self)
        if self._stall_s:
            self._stalls.start(round(1000 * EVERY_S))

    def _stall(self) -> None:
        # Not always at the same phase of the frames.
        QTimer.singleShot(int(self._rng.integers(0, 50)), self._stand_still)

    def _stand_still(self) -> None:
        begin_s = time.monotonic()
        time.sleep(self._stall_s)
        self.stalls.append((begin_s, time.monotonic()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Note a paint event once it is over."""
        if event.type() == QEvent.Type.Paint and self._panel is not None and not self._waiting:
            card = isinstance(watched, QWidget) and watched is self._panel.card
            sent_s = 0.0 if card or self._panel.shown is None else stamp_in(self._panel.shown)
            self._waiting = True
            QTimer.singleShot(0, lambda: self._painted(card, sent_s))
        return False

    def _painted(self, card: bool, sent_s: float) -> None:
        self._waiting = False
        now_s = time.monotonic()
        if card:
            self.cards.append(now_s)
        elif sent_s > self._last:
            self._last = sent_s
            self.pictures.append((sent_s, now_s))


def main() -> int:
    """Run the window; write the stamps when it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", required=True)
    parser.add_argument("--stamps", type=Path, required=True)
    parser.add_argument("--stall-ms", type=float, default=0.0)
    given = parser.parse_args()
    _app = QApplication(["phosphene"])
    onlooker = Onlooker(given.stall_ms / 1000)
    status = gui_main(["--plan", given.plan])
    np.savez(
        given.stamps,
        pictures=np.array(onlooker.pictures).reshape(-1, 2),
        cards=np.array(onlooker.cards),
        stalls=np.array(onlooker.stalls).reshape(-1, 2),
    )
    return status


if __name__ == "__main__":
    sys.exit(main())
