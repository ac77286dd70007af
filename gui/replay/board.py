"""The middle of the panel: one run with what was shown, or two runs beside each other."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.colours import AMBER
from gui.palette import DIM, TEXT
from gui.pictures import PicturePanel
from gui.replay.compare import agreement, doubts
from gui.replay.lanes import VIEWS, views_of
from gui.replay.opened import Opened
from gui.replay.recording import Recording
from gui.replay.side import SIDE_PX, Side, named_at
from gui.texts import told, tr
from phosphene import quality as figures
from phosphene.quality import FIGURES
from phosphene.stimuli import Scene, draw

__all__ = ["Board", "compared_html", "facts_html"]

UNIT_PX, LEAST_SIDE, NOT_PICTURE_PX = 64, 4, 68
"""Pictures have multiples of 64 pixels, at least 256; heading and facts stand around them."""
_SHOWN = (figures.FD, figures.DVARS, "bad_channels", "rms_uv", figures.TSNR)
_WORDS = {"bad_channels": "bad channels", "rms_uv": "amplitude"}


class Board(QWidget):
    """Pictures and figures at one time."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[Opened] = []
        self._scene: Scene | None = None
        self._agreement = ""
        self.sides = [Side(tr("Generated from brain data")), Side("")]
        self.seen = PicturePanel(tr("Really shown"), SIDE_PX * 3 // 4)
        self.facts = QLabel("")
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        self.facts.setWordWrap(True)
        self.facts.setStyleSheet(f"color: {TEXT};")
        self.facts.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.facts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        middle = QVBoxLayout()
        middle.addWidget(self.seen)
        middle.addStretch(1)
        row = QHBoxLayout(self)
        # Pictures follow the size of the page; the page must not follow theirs.
        row.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        self.setMinimumSize(3 * UNIT_PX, LEAST_SIDE * UNIT_PX + NOT_PICTURE_PX)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        row.addWidget(self.sides[0])
        row.addWidget(self.sides[1])
        row.addLayout(middle)
        row.addWidget(self.facts, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Give the pictures the largest whole multiple of their pixels that fits."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        beside = len(self._opened) == 2
        wide = self.width() * (28 if beside else 34) // 100
        multiple = max(LEAST_SIDE, min(wide, self.height() - NOT_PICTURE_PX) // UNIT_PX)
        for side in self.sides:
            side.panel.set_side(UNIT_PX * multiple)
            side.setFixedWidth(UNIT_PX * multiple)
        self.seen.set_side(UNIT_PX * max(LEAST_SIDE - 1, multiple - (2 if beside else 1)))
        if (row := self.layout()) is not None:
            row.activate()  # now, not after the next paint

    def show_opened(self, opened: list[Opened]) -> None:
        """Take one recording, or two."""
        self.clear()
        self._opened = opened
        heading = tr("Generated from brain data")
        headings = [heading] if len(opened) == 1 else [f"A: {heading}", f"B: {heading}"]
        for words, side, one in zip(headings, self.sides, opened, strict=False):
            side.show_recording(words, one.recording, one.rights, one.keyring)
        self.sides[1].setVisible(len(opened) == 2)
        self._fit()
        self._agreement = compared_html(opened[0], opened[1]) if len(opened) == 2 else ""

    def clear(self) -> None:
        """Forget all of it."""
        self._opened, self._scene, self._agreement = [], None, ""
        for side in self.sides:
            side.clear()
        self.sides[1].hide()
        self.seen.show_card("")
        self.facts.setText("")

    def show_at(self, t_s: float, *, playing: bool = False) -> None:
        """Show a time, in seconds on the axis of the recording, standing there or playing."""
        for side, _ in zip(self.sides, self._opened, strict=False):
            side.show_at(t_s, playing=playing)
        if self._opened:
            recording = self._opened[0].recording
            self._show_seen(self._opened[0], t_s, playing=playing)
            words = facts_html(recording, t_s) + self._agreement
            if self.facts.text() != words:
                self.facts.setText(words)

    def _show_seen(self, opened: Opened, t_s: float, *, playing: bool) -> None:
        """Show what was on show when the percept was seen, or at this time where there is none."""
        recording = opened.recording
        percept = named_at(recording, recording.painted_at(t_s), t_s, playing=playing)
        at_s = t_s if percept is None or opened.rights.results else percept.seen_s
        seen = recording.truth.at(at_s)
        self.seen.set_caption(tr("at {t} s: {label}", t=f"{at_s:.1f}", label=escape(seen.label)))
        if seen.scene is None:
            self._scene = None
            words = {"unknown": tr("not known"), "rest": tr("rest: nothing was shown")}
            self.seen.show_card(words.get(seen.kind, seen.label))
        elif seen.scene != self._scene:
            self._scene = seen.scene
            self.seen.show_picture(draw(seen.scene))


def facts_html(recording: Recording, t_s: float) -> str:
    """Word quality and views at a time, as HTML."""
    rows = []
    if values := recording.values_at(t_s):
        for name in _SHOWN:
            if name in values:
                known = FIGURES.get(name)
                words = told(known.words if known else _WORDS[name])
                unit = known.unit if known else ("µV" if name == "rms_uv" else "")
                high = name == figures.FD and values[name] > values.get(
                    figures.FD_HIGH, figures.FD_HIGH_MM
                )
                flag = tr(" ▲ above the limit") if high else ""
                rows.append((words, f"<b>{values[name]:.2f}</b> {unit}{flag}"))
    for view in views_of(recording):
        spell = recording.blank_at(view, t_s)
        if spell is not None:
            rows.append((tr(VIEWS[view]), escape(told(spell.reason))))
    return _table(rows)


def compared_html(first: Opened, second: Opened) -> str:
    """Word how far two runs agree, as HTML: each figure beside what chance gives."""
    found = agreement(first.recording, second.recording)
    rows = [(tr("percepts of both"), f"<b>{found.both}</b>")]
    if any(found.only):
        rows.append((tr("only in A, only in B"), f"{found.only[0]}, {found.only[1]}"))
    hidden = first.rights.results or second.rights.results
    if not hidden and found.same is not None and found.by_chance is not None:
        shares = {"same": f"{100 * found.same:.0f}", "chance": f"{100 * found.by_chance:.0f}"}
        words = tr("{same} %, by chance {chance} %", **shares)
        rows.append((tr("same label"), f"<b>{words}</b>"))
    if not hidden and found.confidence is not None:
        means = "{:.2f}, {:.2f}".format(*found.confidence)
        rows.append((tr("mean confidence of A, of B"), means))
    lines = [f"<p style='color:{AMBER}'>▲ {escape(text)}</p>"
             for text in doubts(first.recording, second.recording)]  # fmt: skip
    return f"<h4>{tr('A beside B')}</h4>" + _table(rows) + "".join(lines)


def _table(rows: list[tuple[str, str]]) -> str:
    cells = (
        f"<tr><td style='color:{DIM}'>{words}&nbsp;&nbsp;</td><td>{value}</td></tr>"
        for words, value in rows
    )
    return f"<table>{''.join(cells)}</table>"
