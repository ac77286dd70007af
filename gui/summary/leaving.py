"""What leaves the laboratory from the page after a run: released first, then copied."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QWidget

from gui.replay.dialogs import choose
from gui.summary.export import (
    eeg_command,
    export_report,
    release_run,
    why_no_export,
    why_no_release,
)
from gui.summary.frame import RIGHT_PX
from gui.summary.gather import Gathered, gather
from gui.summary.release_box import ReleaseBox
from gui.summary.words import unbroken
from gui.summary.work import SummaryWork
from gui.texts import tr
from phosphene.release import DELAY_S, wait_s, withdraw

__all__ = ["PROGRAM", "Leaving"]

PROGRAM = [sys.executable, "-m", "phosphene.cli"]


class Leaving(SummaryWork):
    """The part of the page that releases and exports.

    Parameters
    ----------
    parent : QWidget or None
        Where it stands.
    do : mapping of str to Callable
        What the other buttons do, by their names.
    now : Callable
        Returns the present date and time, with zone.
    """

    def __init__(
        self,
        parent: QWidget | None,
        do: Mapping[str, Callable[[], object]],
        now: Callable[[], datetime],
    ) -> None:
        own: dict[str, Callable[[], object]] = {
            "release": self._ask_release, "export": self._ask_export,
            "xdf": lambda: self._ask_eeg("xdf"), "bids": lambda: self._ask_eeg("bids"),
        }  # fmt: skip
        super().__init__(parent, {**do, **own})
        self._now = now
        self._shown: Gathered | None = None
        self.release_box: ReleaseBox | None = None
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setTimerType(Qt.TimerType.PreciseTimer)
        self._delay.timeout.connect(self._look_at_release)

    # ---- what may leave ------------------------------------------------------------------------

    def _look_at_release(self) -> None:
        """Tell whether the run may leave, and look again when its delay is over."""
        self._delay.stop()
        shown = self._shown
        if shown is None:
            self.export_words.setText("")
        else:
            why = why_no_export(shown.folder, shown.rights, shown.run, self._now())
            words = (
                tr("Not possible: {why}", why=why)
                if why
                else tr("Allowed by the consent. Pictures are marked as generated from brain data.")
            )
            metrics = self.export_words.fontMetrics()
            self.export_words.setText(
                unbroken(words, lambda word: metrics.horizontalAdvance(word) < RIGHT_PX)
            )
            if left_s := self._left_s(shown):
                self._delay.start(math.ceil(1000 * left_s))
        self._word_release()
        self._enable()

    def _left_s(self, shown: Gathered) -> float | None:
        """Return the seconds of the delay that are left; None where it is not released."""
        return wait_s(shown.folder, shown.run, self._now())

    def _word_release(self) -> None:
        released = self._shown is not None and self._left_s(self._shown) is not None
        button = self.buttons["release"]
        button.setText(tr("Hold again") if released else tr("Release…"))
        button.setAccessibleName(
            tr("Hold the run again, so that nothing of it leaves") if released
            else tr("Release the run, so that it may leave")
        )  # fmt: skip

    def _can_leave(self, shown: Gathered) -> dict[str, bool]:
        """Return which buttons of this part can do something."""
        allowed = not why_no_export(shown.folder, shown.rights, shown.run, self._now())
        here = bool(shown.choice.files)
        eeg = here and allowed and shown.modality == "eeg"
        # To hold it again is always possible.
        held = self._left_s(shown) is None
        return {
            "release": bool(shown.run)
            and not (held and why_no_release(shown.folder, shown.rights)),
            "export": shown.has_report and allowed,
            "xdf": eeg,
            "bids": eeg,
        }

    def _forget_release(self) -> None:
        self._delay.stop()
        if self.release_box is not None:
            self.release_box.close()
            self.release_box = None

    # ---- release -------------------------------------------------------------------------------

    def _ask_release(self) -> None:
        shown = self._shown
        if shown is None or self.release_box is not None:
            return
        if self._left_s(shown) is not None:
            self._work(lambda _progress, _stopped: withdraw(shown.folder, shown.run),
                       lambda _: self._answered(tr("It is held again; what has left already is "
                                                   "not reached.")))  # fmt: skip
            return
        self.release_box = ReleaseBox(self, shown.run)
        self.release_box.answered.connect(lambda by: self._release(shown, by))
        self.release_box.finished.connect(self._box_closed)
        self.release_box.show()

    def _box_closed(self) -> None:
        self.release_box = None

    def _release(self, shown: Gathered, by: str) -> None:
        self._work(
            lambda progress, stopped: release_run(
                shown.folder,
                shown.run,
                by,
                # Read anew: the consent can have expired, or been withdrawn, since it was shown.
                gather(shown.folder, self._now(), progress, stopped).rights,
                self._now(),
            ),
            lambda _: self._answered(tr("Released; it may leave in {s} s.", s=f"{DELAY_S:.0f}")),
        )

    def _answered(self, words: str) -> None:
        self._idle()
        self._tell(words)
        self.show_again()

    # ---- export --------------------------------------------------------------------------------

    def _ask_export(self) -> None:
        shown = self._shown
        if shown is not None:
            choose(self, tr("Folder that takes the copy"), lambda to: self._export(shown, to),
                   folder=True, start=Path.home())  # fmt: skip

    def _export(self, shown: Gathered, to: Path) -> None:
        target = to / f"{shown.run}-report"
        self._work(
            lambda progress, stopped: export_report(
                shown.folder,
                target,
                shown.run,
                # Read anew, as for the release.
                gather(shown.folder, self._now(), progress, stopped).rights,
                self._now(),
            ),
            lambda made: self._answered(
                tr("{n} files were copied to {path}.", n=len(made), path=target)
            ),
        )

    def _ask_eeg(self, kind: str) -> None:
        shown = self._shown
        if shown is None:
            return

        def go_on(to: Path) -> None:
            target = to / (f"{shown.run}.xdf" if kind == "xdf" else f"{shown.run}-bids")
            self._run(tr("Exporting the EEG"), eeg_command(PROGRAM, shown.folder, target, kind))

        choose(self, tr("Folder that takes the copy"), go_on, folder=True, start=Path.home())
