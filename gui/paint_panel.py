"""Controls of the picture: settings of the renderer, asked of its desk while a session goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from gui.answers import Painted
from gui.paint_settings import Setting, may_change, offered, why_locked
from gui.palette import DIM
from gui.texts import tr
from gui.words import State
from phosphene.plan import Plan

__all__ = ["PaintPanel"]

Editor = QComboBox | QSpinBox | QDoubleSpinBox

COLUMNS = 2
MOST_WHOLE = 2**31 - 1


class _NoWheel(QObject):
    """Keeps the mouse wheel from changing a setting in passing."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        return event.type() == QEvent.Type.Wheel


class PaintPanel(QWidget):
    """A form of settings with a button that asks for them.

    Parameters
    ----------
    plan : Plan
        The run.
    paint : Callable or None
        Asks the renderer for settings, by name and value; None where there is no renderer to ask.
    """

    def __init__(self, plan: Plan, paint: Callable[[Mapping[str, str]], None] | None) -> None:
        super().__init__()
        self._plan, self._paint = plan, paint
        self._settings = offered(plan.session.renderer)
        self._held = {s.name: s.value for s in self._settings}
        self._asked: dict[str, str] = {}
        self._answers = 0
        self._state: State = "IDLE"
        self._wheel = _NoWheel(self)
        self.editors: dict[str, Editor] = {s.name: self._editor(s) for s in self._settings}
        self.apply = QPushButton(tr("Apply"))
        self.reset = QPushButton(tr("Undo"))
        self.lock, self.answer = QLabel(""), QLabel("")
        self._lay_out()
        self._restore()
        self.refresh("IDLE", Painted())

    def _editor(self, setting: Setting) -> Editor:
        made: Editor
        if setting.choices:
            made = QComboBox()
            made.addItems(list(setting.choices))
            made.currentIndexChanged.connect(self._changed)
        elif setting.whole:
            made = QSpinBox()
            made.setRange(int(setting.low), int(min(setting.high, MOST_WHOLE)))
            made.valueChanged.connect(self._changed)
        else:
            made = QDoubleSpinBox()
            made.setDecimals(2)
            made.setSingleStep(0.05 if setting.high <= 1 else 0.5)
            made.setRange(setting.low, setting.high)
            made.valueChanged.connect(self._changed)
        made.setAccessibleName(tr(setting.words))
        made.setToolTip(f"renderer.{setting.name}")
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.installEventFilter(self._wheel)
        made.setObjectName(f"paint-{setting.name}")
        return made

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(6)
        rows = -(-len(self._settings) // COLUMNS)
        for k, setting in enumerate(self._settings):
            column, row = divmod(k, rows)
            words = QLabel(tr(setting.words))
            words.setBuddy(self.editors[setting.name])
            grid.addWidget(words, row, 2 * column)
            grid.addWidget(self.editors[setting.name], row, 2 * column + 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button, do in ((self.apply, self.send), (self.reset, self._restore)):
            button.setAccessibleName(button.text())
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(do)
            buttons.addWidget(button)
        buttons.addStretch(1)
        for label in (self.lock, self.answer):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setStyleSheet(f"color: {DIM};")
        column_box = QVBoxLayout(self)
        column_box.setContentsMargins(10, 10, 10, 6)
        column_box.setSpacing(8)
        column_box.addWidget(self.lock)
        column_box.addLayout(grid)
        column_box.addLayout(buttons)
        column_box.addWidget(self.answer)
        column_box.addStretch(1)

    # ---- values --------------------------------------------------------------------------------

    def values(self) -> dict[str, str]:
        """Return what the form says, as texts that the renderer takes."""
        return {name: _text(editor) for name, editor in self.editors.items()}

    def changed(self) -> dict[str, str]:
        """Return what differs from what the renderer has taken last."""
        return {k: v for k, v in self.values().items() if not _same(v, self._held[k])}

    def send(self) -> None:
        """Ask the renderer for what was changed and may be changed now."""
        wanted = self.changed()
        if self._paint is not None and wanted and self._allowed(wanted):
            self._asked = wanted
            self.answer.setText(tr("asked; no answer yet"))
            self._paint(wanted)

    def _allowed(self, names: Mapping[str, str]) -> bool:
        found = {s.name: s for s in self._settings}
        return all(may_change(found[name], self._state, self._plan) for name in names)

    def _restore(self) -> None:
        for name, value in self._held.items():
            editor = self.editors[name]
            if isinstance(editor, QComboBox):
                editor.setCurrentText(value)
            elif isinstance(editor, QSpinBox):
                editor.setValue(int(float(value)))
            else:
                editor.setValue(float(value))

    def _changed(self) -> None:
        wanted = self.changed()
        ready = self._paint is not None and bool(wanted) and self._allowed(wanted)
        self.apply.setEnabled(ready)
        self.reset.setEnabled(bool(wanted))

    # ---- keeping up to date --------------------------------------------------------------------

    def refresh(self, state: State, answer: Painted) -> None:
        """Lock what may not be changed now, and tell the renderer's newest answer."""
        if answer.number != self._answers:
            self._answers = answer.number
            self.answer.setText(answer.words)
            if answer.ok:
                self._held |= self._asked
            self._asked = {}
            self._changed()
        if state == self._state and self.lock.text():
            return
        self._state = state
        self.lock.setText(why_locked(state, self._plan) or tr("Every setting can be changed now."))
        for setting in self._settings:
            may = self._paint is not None and may_change(setting, state, self._plan)
            self.editors[setting.name].setEnabled(may)
        self._changed()


def _text(editor: Editor) -> str:
    if isinstance(editor, QComboBox):
        return editor.currentText()
    return str(editor.value())


def _same(one: str, other: str) -> bool:
    try:
        # What is shown has two decimals.
        return abs(float(one) - float(other)) < 0.005
    except ValueError:
        return one == other
