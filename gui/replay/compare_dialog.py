"""Asks what is to be compared: two new replays of the open recording, or two runs that exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QSpinBox, QWidget

from gui.palette import DIM
from gui.replay.compare import Variant
from gui.replay.dialogs import PathField, Question
from gui.texts import tr
from phosphene.session import RendererSettings

__all__ = ["CompareDialog", "ExistingDialog", "VariantFields"]

MODELS = ("world-256", "world-64")
MOST_STEPS = 50


@dataclass
class VariantFields:
    """The fields of one side."""

    bundle: PathField
    model: QComboBox
    mode: QComboBox
    steps: QSpinBox

    @classmethod
    def make(cls, letter: str) -> VariantFields:
        """Make the fields of side `letter`; what is left alone stays as a session has it."""
        model, mode, steps = QComboBox(), QComboBox(), QSpinBox()
        model.setEditable(True)
        model.addItems(["", *MODELS])
        line = model.lineEdit()
        if line is not None:
            line.setPlaceholderText(tr("as usual"))
        model.setAccessibleName(tr("Model of {side}", side=letter))
        mode.addItem(tr("as usual"), "")
        for name in get_args(RendererSettings.model_fields["mode"].annotation):
            mode.addItem(name, name)
        mode.setAccessibleName(tr("Conditioning of {side}", side=letter))
        steps.setRange(0, MOST_STEPS)
        steps.setSpecialValueText(tr("as usual"))
        steps.setAccessibleName(tr("Steps of {side}", side=letter))
        bundle = PathField(tr("Bundle of {side}", side=letter), folder=None,
                           hint=tr("none: nothing is decoded"))  # fmt: skip
        return cls(bundle, model, mode, steps)

    def variant(self, seed: int) -> Variant:
        """Return what was chosen."""
        return Variant(
            bundle=self.bundle.path,
            model=self.model.currentText().strip(),
            mode=self.mode.currentData(),
            steps=self.steps.value() or None,
            seed=seed,
        )


class CompareDialog(Question):
    """Asks for two ways to replay the open recording.

    Parameters
    ----------
    parent : QWidget
        The page.
    out : Path
        Folder that is offered for both results.
    """

    answered = Signal(object, object, Path)

    def __init__(self, parent: QWidget, out: Path) -> None:
        words = tr(
            "The recording is replayed twice, as fast as this machine can, by two runs of their "
            "own. The gate decides in each of them by the consent that is stored with the "
            "recording. Both results are recorded."
        )
        super().__init__(parent, tr("Compare two bundles or renderers"), words, tr("Replay twice"))
        self.sides = {letter: VariantFields.make(letter) for letter in ("A", "B")}
        grid = QGridLayout()
        rows = (tr("Bundle"), tr("Model"), tr("Conditioning"), tr("Steps"))
        for row, text in enumerate(rows, start=1):
            grid.addWidget(_dim(text), row, 0)
        for column, (letter, fields) in enumerate(self.sides.items(), start=1):
            grid.addWidget(QLabel(f"<b>{letter}</b>"), 0, column)
            made = (fields.bundle, fields.model, fields.mode, fields.steps)
            for row, field in enumerate(made, start=1):
                grid.addWidget(field, row, column)
        self.form.addRow(grid)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setAccessibleName(tr("Seed of both"))
        self.out = PathField(tr("Folder for both results"), folder=True)
        self.out.line.setText(str(out))
        self.add(tr("Seed of both"), self.seed)
        self.add(tr("Folder for both results"), self.out)
        self.setMinimumWidth(820)

    def wrong(self) -> str:
        """Say what is wrong."""
        for letter, fields in self.sides.items():
            path = fields.bundle.path
            if path is not None and not path.exists():
                return tr("There is no such bundle: {side}, {path}", side=letter, path=path)
        if self.out.path is None:
            return tr("A folder for both results is needed.")
        first, second = self.variants()
        return tr("Both sides are the same.") if first == second else ""

    def variants(self) -> tuple[Variant, Variant]:
        """Return both sides."""
        made = [fields.variant(self.seed.value()) for fields in self.sides.values()]
        return made[0], made[1]

    def accept(self) -> None:
        """Hand the answer over."""
        super().accept()
        self.answered.emit(*self.variants(), self.out.path)


class ExistingDialog(Question):
    """Asks for two runs that exist.

    Parameters
    ----------
    parent : QWidget
        The page.
    first : Path or None
        What is offered for the first.
    """

    answered = Signal(Path, Path)

    def __init__(self, parent: QWidget, first: Path | None) -> None:
        words = tr("Two recordings of the same data are laid side by side by their time of data.")
        super().__init__(parent, tr("Compare two runs"), words, tr("Compare"))
        self.paths = [PathField(tr("Run {side}", side=letter), folder=True) for letter in "AB"]
        if first is not None:
            self.paths[0].line.setText(str(first))
        for letter, field in zip("AB", self.paths, strict=True):
            self.add(tr("Run {side}", side=letter), field)

    def wrong(self) -> str:
        """Say what is wrong."""
        missing = [f for f in self.paths if f.path is None or not f.path.exists()]
        return tr("Both need a recording or its folder.") if missing else ""

    def accept(self) -> None:
        """Hand the answer over."""
        super().accept()
        self.answered.emit(self.paths[0].path, self.paths[1].path)


def _dim(text: str) -> QWidget:
    label = QLabel(text)
    label.setStyleSheet(f"color: {DIM};")
    return label
