"""The calibration wizard: runs in, a fit for each number of runs, the learning curve, a decoder."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QProcess, QProcessEnvironment, QTimer, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from gui.setup.calibration import LEAST_RUNS, Calibration, Point
from gui.setup.learning_curve import LearningCurve
from gui.setup.looks import BAD, KeyButton, check_box, dim_label
from gui.texts import told, tr
from phosphene.errors import PhospheneError
from phosphene.progress import VARIABLE, newest_step

__all__ = ["CalibrationView"]

LOOK_MS, END_MS = 300, 3000
MODULE = "phosphene.cli"


class CalibrationView(QWidget):
    """Fits a person's decoder by `phosphene fit`, in a process of its own.

    Parameters
    ----------
    start : Callable
        Returns the folder in which recordings are looked for first.
    program : sequence of str
        Command of ``phosphene``.
    """

    wanted = Signal(object)
    """Folder of the decoder that the study is to use."""

    def __init__(
        self, start: Callable[[], Path], program: Sequence[str] = (sys.executable, "-m", MODULE)
    ) -> None:
        super().__init__()
        self._start, self._program = start, tuple(program)
        self._kept = tempfile.TemporaryDirectory(prefix="phosphene-calibration-")
        self.calibration = Calibration(Path(self._kept.name))
        self._progress = Path(self._kept.name) / "progress.jsonl"
        self._process: QProcess | None = None
        self._runs = 0
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look)
        self._make()
        self._lay_out()
        self._tell()

    def _make(self) -> None:
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Calibration runs, in the order of measuring"))
        self.list.setMaximumHeight(96)
        self.add_file = KeyButton(tr("Add a file…"), tr("Add a recording: a file"))
        self.add_folder = KeyButton(tr("Add a folder…"), tr("Add a recording: a folder"))
        self.remove = KeyButton(tr("Remove"), tr("Remove the run"))
        self.person, self.options, self.goal = QLineEdit(), QLineEdit(), QLineEdit()
        for line, name, hint in (
            (self.person, tr("Pseudonym"), tr("that of the study")),
            (self.options, tr("Further options of phosphene fit"), "--labels 1=house,2=face"),
            (self.goal, tr("Folder of the new decoder"), tr("a folder that is not there yet")),
        ):
            line.setAccessibleName(name)
            line.setPlaceholderText(hint)
        self.on = check_box(tr("Go on to the next number of runs without asking"))
        self.fit = KeyButton(tr("Fit"))
        self.stop = KeyButton(tr("Stop the fit"))
        self.use = KeyButton(tr("Stop here: use this decoder"))
        self.bar, self.curve = QProgressBar(), LearningCurve()
        self.bar.setAccessibleName(tr("Progress of the fit"))
        self.words = QLabel("")
        self.words.setWordWrap(True)
        self.add_file.clicked.connect(lambda: self._choose(folder=False))
        self.add_folder.clicked.connect(lambda: self._choose(folder=True))
        self.remove.clicked.connect(self._remove)
        self.fit.clicked.connect(self.begin)
        self.stop.clicked.connect(self.end)
        self.use.clicked.connect(self.use_newest)
        self.goal.textChanged.connect(self._tell)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        for row, (name, line) in enumerate(
            ((tr("Pseudonym"), self.person), (tr("Options"), self.options),
             (tr("New decoder"), self.goal))
        ):  # fmt: skip
            label = QLabel(name)
            label.setBuddy(line)
            grid.addWidget(label, row, 0)
            grid.addWidget(line, row, 1)
        buttons = QVBoxLayout()
        for button in (self.add_file, self.add_folder, self.remove):
            buttons.addWidget(button)
        buttons.addStretch(1)
        top = QHBoxLayout()
        top.addWidget(self.list, 1)
        top.addLayout(buttons)
        below = QHBoxLayout()
        for widget in (self.fit, self.stop, self.use):
            below.addWidget(widget)
        below.addStretch(1)
        below.addWidget(self.on)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(dim_label(tr(
            "Record two runs or more with a live session that has no decoder yet, add them here, "
            "and fit. After each fit the score tells whether another run is worth it."
        )))  # fmt: skip
        column.addLayout(top)
        column.addLayout(grid)
        column.addWidget(self.curve, 1)
        column.addWidget(self.bar)
        column.addWidget(self.words)
        column.addLayout(below)

    # ---- runs ----------------------------------------------------------------------------------

    def add(self, recording: Path) -> None:
        """Add a run."""
        self.list.addItem(str(recording))
        self._sources_changed()

    def take_person(self, person: str, bundles: Path) -> None:
        """Take pseudonym and place of decoders from the study, where nothing else was typed."""
        if not self.person.isModified() and self.person.text() != person:
            self.person.setText(person)
        if not self.goal.isModified() and person:
            place, number = bundles / person, 2
            while place.exists():
                place, number = bundles / f"{person}-{number}", number + 1
            self.goal.setText(str(place))

    def _choose(self, *, folder: bool) -> None:
        title, at = tr("Recording of one run"), str(self._start())
        if folder:
            chosen = QFileDialog.getExistingDirectory(self, title, at)
        else:
            chosen, _filter = QFileDialog.getOpenFileName(self, title, at)
        if chosen:
            self.add(Path(chosen))

    def _remove(self) -> None:
        self.list.takeItem(self.list.currentRow())
        self._sources_changed()

    def _sources_changed(self) -> None:
        texts = [self.list.item(k).text() for k in range(self.list.count())]
        self.calibration.take([Path(text) for text in texts])
        self._tell()

    # ---- the fit -------------------------------------------------------------------------------

    @property
    def fitting(self) -> bool:
        """Whether a fit is being made."""
        return self._process is not None

    def begin(self) -> None:
        """Fit on the next number of runs."""
        runs = self.calibration.next_runs
        if runs is None or self._process is not None:
            return
        try:
            options = shlex.split(self.options.text())
        except ValueError as error:
            self._say(tr("options: {why}", why=error), bad=True)
            return
        command = self.calibration.command(runs, self.person.text().strip(), options)
        self._progress.unlink(missing_ok=True)
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert(VARIABLE, str(self._progress))
        process.setProcessEnvironment(environment)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._not_started)
        self._process, self._runs = process, runs
        process.start(self._program[0], [*self._program[1:], *command])
        self._looking.start()
        self._say(tr("Fitting on {n} runs.", n=runs))
        self._tell()

    def end(self) -> None:
        """End the fit; the decoders that are there already stay."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.finished.disconnect(self._finished)
        process.terminate()
        if not process.waitForFinished(END_MS):
            process.kill()
            process.waitForFinished(END_MS)
        process.deleteLater()
        self._looking.stop()
        self._say(tr("The fit was stopped. Earlier ones stay."))
        self._tell()

    def shut(self) -> None:
        """End the fit and forget decoders that nobody has kept."""
        self.end()
        self._kept.cleanup()

    def use_newest(self) -> None:
        """Keep the newest decoder and tell the study to use it."""
        if not self.calibration.points or self.fitting:
            return
        try:
            kept = self.calibration.keep(self._newest, Path(self.goal.text().strip()))
        except PhospheneError as error:
            self._say(told(str(error)), bad=True)
            return
        self.goal.setModified(False)
        self._say(
            tr("The decoder is in {folder}; the study uses it once it is saved.", folder=kept)
        )
        self.wanted.emit(kept)

    @property
    def _newest(self) -> Point:
        return max(self.calibration.points, key=lambda point: point.runs)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        self._looking.stop()
        if process is None:
            return
        fitted = False
        lines = bytes(process.readAll().data()).decode(errors="replace").strip().splitlines()
        process.deleteLater()
        if code != 0 or status != QProcess.ExitStatus.NormalExit:
            self._say(tr("The fit has failed: {why}", why=" ".join(lines[-3:])), bad=True)
        else:
            fitted = self._take_point()
        self._tell()
        if fitted and self.on.isChecked():
            self.begin()

    def _not_started(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if process is None or error != QProcess.ProcessError.FailedToStart:
            return  # whatever else it is, the end comes as well
        self._process = None
        self._looking.stop()
        self._say(tr("The fit has failed: {why}", why=process.errorString()), bad=True)
        process.deleteLater()
        self._tell()

    def _take_point(self) -> bool:
        """Take the decoder of the fit that has ended; return whether there is one."""
        try:
            point = self.calibration.fitted(self._runs)
        except PhospheneError as error:
            self._say(told(str(error)), bad=True)
            return False
        self._say(point.words if point.above_chance else tr(
            "{score}. Not above chance: measure another run, or look at events and labels.",
            score=point.words,
        ))  # fmt: skip
        return True

    # ---- what is on show -----------------------------------------------------------------------

    def _look(self) -> None:
        step = newest_step(self._progress)
        if step is None:
            self.bar.setRange(0, 0)
            return
        self.bar.setRange(0, max(step.total, 1))
        self.bar.setValue(step.done)
        self.bar.setFormat(
            tr("{what}: {done} of {total}", what=told(step.what), done=step.done, total=step.total)
        )

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.words.setText(f"■ {text}" if bad else text)
        self.words.setStyleSheet(f"color: {BAD};" if bad else "")

    def _tell(self) -> None:
        """Bring buttons, curve and bar up to date."""
        following, points = self.calibration.next_runs, self.calibration.points
        self.fit.setEnabled(not self.fitting and following is not None)
        if following is None:
            self.fit.setText(tr("Fit: add another run first") if points else tr("Fit"))
        elif points:
            self.fit.setText(tr("Continue with {n} runs", n=following))
        else:
            self.fit.setText(tr("Fit on {n} runs", n=following))
        self.fit.setAccessibleName(self.fit.text())
        self.stop.setEnabled(self.fitting)
        self.use.setEnabled(bool(points) and not self.fitting and bool(self.goal.text().strip()))
        for widget in (self.list, self.add_file, self.add_folder, self.remove):
            widget.setEnabled(not self.fitting)
        self.curve.show_points(points, max(len(self.calibration.sources), LEAST_RUNS))
        if not self.fitting:
            self.bar.setRange(0, 1)
            self.bar.setValue(0)
            self.bar.setFormat(tr("no fit is being made"))
