"""The page after a run: its figures, its policy events, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget

from gui.controls import question
from gui.palette import DIM
from gui.summary.figures import tables_html
from gui.summary.gather import Gathered, gather
from gui.summary.keep import Deleted, delete, keep
from gui.summary.leaving import PROGRAM, Leaving
from gui.texts import tr
from phosphene.clock import utc_now

__all__ = ["SummaryPage"]


class SummaryPage(Leaving):
    """The page.

    Parameters
    ----------
    parent : QWidget or None
        Where it stands.
    now : Callable
        Returns the present date and time, with zone, for consents and releases.

    Attributes
    ----------
    deleted : Signal
        The folder of a run that was deleted: whoever shows it is to forget it.
    replay_asked : Signal
        The folder of a run that is to be opened in the replay panel.
    """

    deleted = Signal(Path)
    replay_asked = Signal(Path)

    def __init__(
        self, parent: QWidget | None = None, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        do: dict[str, Callable[[], object]] = {
            "replay": self._look, "report": self._open_report, "make": self._make_report,
            "keep": self._keep, "delete": self._ask_delete,
        }  # fmt: skip
        super().__init__(parent, do, now)
        self.question: QMessageBox | None = None
        self._enable()

    # ---- showing -------------------------------------------------------------------------------

    def show_run(self, out_folder: Path) -> None:
        """Show the run in an output folder; reading goes on beside the window."""
        self.shut()
        self.title.setText(str(out_folder.name))
        self._work(
            lambda progress, stopped: gather(out_folder, self._now(), progress, stopped), self._take
        )

    def _take(self, shown: Gathered) -> None:
        self._idle()
        self._shown = shown
        self.title.setText(shown.title)
        self.figures.setHtml(tables_html(shown.tables, DIM))
        verdict = escape(shown.diary.verdict)
        if shown.diary.head:
            told_head = tr("Its head, to be kept elsewhere: {head}", head=shown.diary.head)
            verdict += f"<br>{escape(told_head)}"
        lines = "".join(
            f"<tr><td style='color:{DIM}'>{escape(line.at)}&nbsp;&nbsp;</td>"
            f"<td><b>{escape(line.what)}</b> {escape(line.facts)}</td></tr>"
            for line in shown.diary.lines
        )
        sign = "" if shown.diary.whole else "▲ "
        self.events.setHtml(f"<table>{lines}</table><p style='color:{DIM}'>{sign}{verdict}</p>")
        self._tell_choice(shown)
        self._look_at_release()

    def _tell_choice(self, shown: Gathered) -> None:
        choice = shown.choice
        if choice.anything and not choice.files:
            words = tr("The recording is gone; what the run left beside it can be deleted, too.")
        elif not choice.files:
            words = tr("There is no recording to keep or to delete.")
        elif choice.sealed:
            words = tr("Ask the participant: keep this run? It is sealed; deleting makes it "
                       "unreadable for everybody.")  # fmt: skip
        else:
            words = tr("Ask the participant: keep this run? It is not sealed.")
        self.choice_words.setText("\n".join([words, *choice.obstacles]))

    def shut(self) -> None:
        """End every thread and process, and forget the run."""
        self._idle()
        if self.question is not None:
            self.question.close()
            self.question = None
        self._forget_release()
        self._shown = None
        for browser in (self.figures, self.events):
            browser.setHtml("")
        self.choice_words.setText("")
        self._look_at_release()
        self._tell("")

    def widget(self) -> QWidget:
        """Return what the console lays out: itself."""
        return self

    def focus_first(self) -> None:
        """Put the keys on the figures: they scroll, and nothing is chosen by mistake."""
        self.figures.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Leave nothing behind."""
        self.shut()
        super().closeEvent(event)

    # ---- keep or delete ------------------------------------------------------------------------

    def _keep(self) -> None:
        if self._shown is not None:
            why = keep(self._shown.choice)
            self._tell(why or tr("Kept; the audit log says so."))
            self.show_again()

    def _ask_delete(self) -> None:
        if self._shown is None or self.question is not None:
            return
        box = question(self, tr("Delete this run?"), self._shown.choice.question)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.finished.connect(self._delete_answered)
        self.question = box
        box.show()

    def _delete_answered(self, answer: int) -> None:
        self.question = None
        shown = self._shown
        if answer == QMessageBox.StandardButton.Yes and shown is not None:
            # Whoever has it open lets go of it first.
            self.deleted.emit(shown.folder)
            self._work(lambda _progress, _stopped: delete(shown.choice), self._deleted)

    def _deleted(self, result: Deleted) -> None:
        self._idle()
        folder = self._shown.folder if self._shown is not None else None
        gone, troubles = len(result.gone), list(result.troubles)
        words = (
            tr("{n} files were deleted.", n=gone)
            if troubles
            else tr("{n} files were deleted; the audit log says so.", n=gone)
        )
        self.figures.setHtml("")
        self._shown = None
        self.choice_words.setText("")
        self._look_at_release()
        self._tell("\n".join([words, *troubles]))
        if folder is not None and troubles:
            self.show_again(folder)

    def show_again(self, folder: Path | None = None) -> None:
        """Read the run once more, keeping what was told."""
        told_before = self.told.text()
        where = folder or (self._shown.folder if self._shown is not None else None)
        if where is not None:
            self.show_run(where)
            self._tell(told_before)

    # ---- recording and report ------------------------------------------------------------------

    def _look(self) -> None:
        if self._shown is not None:
            self.replay_asked.emit(self._shown.folder)

    def _open_report(self) -> None:
        if self._shown is not None:
            url = QUrl.fromLocalFile(str((self._shown.folder / "report.html").resolve()))
            QDesktopServices.openUrl(url)

    def _make_report(self) -> None:
        if self._shown is not None:
            folder = self._shown.folder
            self._run(tr("Making the report"), [*PROGRAM, "report", str(folder)])

    # ---- what can be done now ------------------------------------------------------------------

    def _enable(self) -> None:
        shown = self._shown
        can = dict.fromkeys(self.buttons, False)
        if shown is not None and self.idle:
            here = bool(shown.choice.files)
            can |= {
                "replay": here,
                "report": shown.has_report and not shown.why_unshown,
                "make": here and shown.can_report,
                "keep": here,
                "delete": shown.choice.anything,
                **self._can_leave(shown),
            }
        for name, button in self.buttons.items():
            button.setEnabled(can[name])
        eeg = shown is not None and shown.modality == "eeg"
        self.buttons["xdf"].setVisible(eeg)
        self.buttons["bids"].setVisible(eeg)
        self.buttons["make"].setVisible(can["make"])
