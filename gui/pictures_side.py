"""The pictures of the run's page: decoded, really shown, and what the participant sees."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.facts import Board, Pictures
from gui.palette import DIM
from gui.pictures import PicturePanel
from gui.run_windows import RunWindows
from gui.seen import Seen
from gui.texts import told, tr
from gui.thumbnail import ThumbnailPanel
from gui.traces import CONFIDENCE_TIP
from gui.words import ALARM_COLOURS, caption, seen_caption, unit_word, viewer_word
from phosphene.plan import Plan
from phosphene.stimuli import Scene, draw

__all__ = ["PicturesSide"]

UNIT_PX = 64
"""Sides of pictures are whole multiples of their pixels: that draws sharpest."""
SINK_WORDS_PX = 92
NOT_PICTURE_PX = 330


class PicturesSide(QWidget):
    """All pictures of a run.

    Parameters
    ----------
    plan : Plan
        The run.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._live = plan.mode == "live"
        # Epochs are counted in one place already.
        self._step = unit_word(plan) if plan.session.modality == "fmri" else ""
        self._least = plan.session.renderer.min_confidence
        self._scene: Scene | None = None
        self.picture = PicturePanel(tr("Generated from brain data"), 5 * UNIT_PX, caption_lines=2)
        self.picture.caption.setToolTip(tr(CONFIDENCE_TIP))
        self.seen = PicturePanel(tr("Stimulus really shown"), 3 * UNIT_PX)
        self.thumbnail = ThumbnailPanel(2 * UNIT_PX)
        self.sink_words = QLabel("")
        self.sink_words.setWordWrap(True)
        self.sink_words.setFixedWidth(SINK_WORDS_PX)
        self.sink_words.setStyleSheet(f"color: {DIM}; font-size: 11px;")
        self.sink_words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._lay_out()

    def _lay_out(self) -> None:
        beside = QVBoxLayout()
        beside.setSpacing(6)
        beside.addWidget(self.seen)
        self._grid = grid = QGridLayout()
        grid.setSpacing(3)
        grid.addWidget(self.thumbnail, 0, 0, 2, 2)
        grid.addWidget(self.sink_words, 1, 1)
        grid.setRowMinimumHeight(0, 20)
        grid.setRowStretch(1, 1)
        beside.addLayout(grid)
        beside.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(beside)
        row.addStretch(1)

    def fit(self, width_px: int, height_px: int) -> None:
        """Take the largest whole multiples that leave room for the rest of a page."""
        fits = max(5, min(width_px * 3 // 10, height_px - NOT_PICTURE_PX) // UNIT_PX)
        # Stimulus and thumbnail stand above each other beside the picture.
        self.picture.set_side(UNIT_PX * fits)
        self.seen.set_side(UNIT_PX * ((fits + 1) // 2))
        self.thumbnail.set_side(UNIT_PX * ((fits - 1) // 2))
        self._grid.setColumnMinimumWidth(0, UNIT_PX * ((fits - 1) // 2) + 6)

    # ---- keeping up to date --------------------------------------------------------------------

    def show_pictures(self, pictures: Pictures) -> None:
        """Show the newest pictures, or the words that stand in their place."""
        showing = pictures.operator
        if showing.picture is not None:
            self.picture.show_picture(showing.picture)
        else:
            self.picture.show_card(told(showing.reason))
        self.thumbnail.tell(pictures.thumbnail())
        self._show_seen(pictures.seen)

    def _show_seen(self, seen: Seen) -> None:
        if self._live:
            self.seen.show_card(tr("not shown in a live run"))
        elif seen.scene is None:
            self._scene = None
            words = {"unknown": tr("not known (yet)"), "rest": tr("rest: nothing was shown")}
            self.seen.show_card(words.get(seen.kind, seen.label))
        elif seen.scene != self._scene:
            self._scene = seen.scene
            self.seen.show_picture(draw(seen.scene))

    def tell(self, pictures: Pictures, board: Board, now_s: float, windows: RunWindows) -> None:
        """Bring captions and marks up to date."""
        percept = pictures.percept
        label = "" if percept is None else percept.label or ""
        stale_s = board.stale_s("percept", now_s)
        self.picture.set_caption(
            caption(pictures.operator, self._step, label, stale_s, self._least)
        )
        self.picture.set_mark(self._doubt(board, stale_s), ALARM_COLOURS["medium"])
        self.seen.set_caption("" if self._live else seen_caption(pictures))
        self._tell_sink(pictures, board, windows)

    def _doubt(self, board: Board, stale_s: float | None) -> str:
        """Return why the picture is worth less than usual at this moment."""
        if board.operator.picture is None:
            return ""
        if stale_s is not None:
            return tr("▲ stale")
        moved = board.fd_mm is not None and board.fd_mm > board.fd_limits_mm[1]
        return tr("▲ head moved") if moved else ""

    def _tell_sink(self, pictures: Pictures, board: Board, windows: RunWindows) -> None:
        where = tr("no second screen in use")
        if windows.participant is not None:
            where = tr("on screen {screen}", screen=windows.wanted)
        lines = [viewer_word(pictures), where]
        if board.feedback is not None and board.feedback.block_kind:
            lines.append(tr("block: {kind}", kind=tr(board.feedback.block_kind)))
            if board.feedback.display not in ("none", "picture", ""):
                lines.append(tr("feedback {score}", score=f"{board.feedback.score:.2f}"))
        text = "\n".join(lines)
        if self.sink_words.text() != text:
            self.sink_words.setText(text)
