"""The operator's page of a run: puts the panels together and keeps them up to date.

It is a page of the console, or a window of its own (``python -m gui``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QMessageBox

from gui.actions import RUN_ACTIONS, may
from gui.alarms import alarms, no_alarm, silence
from gui.banner import Banner
from gui.controls import make_actions
from gui.facts import Board
from gui.freshness import Freshness
from gui.latch import Latch
from gui.marker_box import MarkerBox
from gui.model import RunModel
from gui.notes import line_words
from gui.peers import WARNED
from gui.pictures_side import PicturesSide
from gui.recording_lamp import lamp_words
from gui.reflex import Reflex
from gui.run_buttons import make_buttons, tell_held
from gui.run_layout import lay_out
from gui.run_orders import Ask, RunOrders
from gui.run_state import run_state
from gui.run_windows import RunWindows
from gui.scan_end import ScanEnd
from gui.scan_line import ScanLine
from gui.side import Side
from gui.status import StatusPanel, run_words
from gui.strip import AlarmLine, Strip
from gui.texts import tr
from gui.words import MODE_COLOURS, State, consent_words, recording_words, unit_word
from phosphene.clock import Clock
from phosphene.plan import Plan

__all__ = ["OperatorWindow"]

SIZE_PX = (1264, 684)
"""Fits a 1280x720 screen with a title bar."""
BOARD_MS = 200
LOOK_S = 0.09
FRAME_MS = 16
MERGE_MS = 2
"""The same frame comes to the operator's and to the participant's view: one repaint shows both."""


class OperatorWindow(QFrame):
    """The page of a run.

    Parameters
    ----------
    plan : Plan
        The run.
    model : RunModel
        What is shown.
    clock : Clock
        Present time.
    ask : Ask
        Sends an order, by its name and with what belongs to it, to the gate without waiting.
    end_run : Callable
        Asks the supervisor to end the run.
    participant_screen : str or None
        Name of the participant's screen.
    paint : Callable or None
        Asks the renderer for settings without waiting; None leaves the picture as it is.
    press : Callable or None
        Tells the stop device of a press of the participant's key.
    observer_screen : str or None
        Name of the observers' screen.
    """

    def __init__(
        self,
        plan: Plan,
        model: RunModel,
        clock: Clock,
        ask: Ask,
        end_run: Callable[[], None],
        participant_screen: str | None = None,
        *,
        paint: Callable[[Mapping[str, str]], None] | None = None,
        press: Callable[[], None] | None = None,
        observer_screen: str | None = None,
    ) -> None:
        super().__init__()
        self.plan, self.model, self._clock = plan, model, clock
        self._unit = unit_word(plan)
        self._going = self._ended = self._may_close = False
        self.recording, self._kept = recording_words(plan, datetime.now(UTC))
        self.setObjectName("operator")
        self.setWindowTitle(
            tr(
                "Phosphene {mode}: {person}, run {run}",
                mode=tr(plan.mode.upper()),
                person=plan.session.person,
                run=plan.run,
            )
        )
        # The mode is a frame round everything, never only a word.
        self.setStyleSheet(f"#operator {{ border: 4px solid {MODE_COLOURS[plan.mode]}; }}")
        self._latch, self._reflex = Latch(), Reflex(plan, self._unit)
        self._scan_end = ScanEnd(plan)
        self.windows = RunWindows(plan, model.say, participant_screen, press, observer_screen)
        self.orders = RunOrders(self, ask, end_run)
        self.actions_by_id = make_actions(self, self.orders)
        self.buttons = make_buttons(self.actions_by_id)
        self.strip = Strip(plan.mode)
        self.alarm_line = AlarmLine(self.buttons["acknowledge"])
        self.banner = Banner(self.orders.send_confirmation)
        self.status = StatusPanel()
        self.marker_box = MarkerBox(self.orders.send_marker)
        self.scan_line = ScanLine() if plan.session.modality == "fmri" else None
        self.faces = PicturesSide(plan)
        self.side = Side(plan, model, clock, self.status.log, paint)
        lay_out(self)
        self.resize(*SIZE_PX)
        # Otherwise the first thing that can be typed into would have the focus from the start.
        self.setFocus()
        self._start_timers()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Give the pictures the largest whole multiple of their pixels that fits."""
        super().resizeEvent(event)
        self.faces.fit(self.width(), self.height())

    def _start_timers(self) -> None:
        self._painted_s = self._looked_s = 0.0
        self._passing = (False, False)
        self._shown: object = None
        self._freshness = Freshness()
        self._paint_timer = QTimer(self)
        self._paint_timer.setSingleShot(True)
        self._paint_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._paint_timer.timeout.connect(self.refresh_pictures)
        self._board_timer = QTimer(self)
        self._board_timer.timeout.connect(self.refresh_board)
        self._board_timer.start(BOARD_MS)

    # ---- keeping up to date --------------------------------------------------------------------

    def tell_phase(self, going: bool, ended: bool) -> None:
        """Tell the window whether the run goes, and whether it has ended."""
        self._going, self._ended = going, ended

    def state(self) -> State:
        """Return the state of the run as one word."""
        board = self.model.board(self._clock.now())
        return run_state(board, going=self._going, ended=self._ended)

    def paint_soon(self) -> None:
        """Repaint the pictures at once, or one display frame after the last that were painted."""
        if self._paint_timer.isActive():
            return
        since_ms = (self._clock.now() - self._painted_s) * 1000
        self._paint_timer.start(max(MERGE_MS, round(FRAME_MS - since_ms)))

    def look_again(self) -> None:
        """Refresh pictures that nothing has refreshed for a while: old ones have to go."""
        if self._clock.now() - self._looked_s >= LOOK_S:
            self.refresh_pictures()

    def refresh_pictures(self) -> None:
        """Show the newest pictures, or the words that stand in their place."""
        self._looked_s = now = self._clock.now()
        pictures = self.model.pictures(now)
        passing = (pictures.operator.passing, pictures.participant.passing)
        old = self._freshness.leave_out(pictures.operator.frame, now)
        if old and passing == self._passing:  # what is taken away never waits
            return
        shown = (pictures.operator.frame, pictures.participant.frame, passing)
        if shown != self._shown:  # looking again at the same ones holds no newer one up
            self._painted_s, self._shown = now, shown
        self._passing = passing
        self.faces.show_pictures(pictures)
        self.windows.show_view(pictures.viewer, self.screen())

    def refresh_board(self) -> None:
        """Bring strip, alarms, captions, tabs, log and buttons up to date."""
        now = self._clock.now()
        board = self._scan_end.told(self.model.board(now))
        state = run_state(board, going=self._going, ended=self._ended)
        if why := self._reflex.why_blank(board, state, now):
            self.orders.blank_for(why)
        self._tell_strip(board, state, now)
        self._tell_banner(board)
        self._tell_alarms(board, state, now)
        self.faces.tell(self.model.pictures(now), board, now, self.windows)
        self.status.tell(run_words(self.plan, board.operator.frame), board.peers)
        if self.scan_line is not None:
            self.scan_line.tell(board.scan, paced=board.paced)
        self.side.refresh(board, state, now, ended=board.all_pushed or self._ended)
        self._enable(board, state)
        # Last: what is painted next is then as new as what has come meanwhile.
        self.refresh_pictures()

    def _tell_strip(self, board: Board, state: State, now_s: float) -> None:
        strip, missing = self.strip, silence(board, self._unit, now_s)
        strip.tell_state(state, missing)
        strip.tell_consent(consent_words(board.scopes))
        begun = board.flowing or board.samples_s is not None
        acquiring = begun and missing is None and not board.all_pushed and not self._ended
        strip.acquiring.tell(acquiring, tr("acquiring") if acquiring else tr("no data"))
        seeing = board.participant.passing or board.feedback_passes
        strip.participant.tell(
            seeing, tr("participant view on") if seeing else tr("participant view blank")
        )
        words = lamp_words(self._kept, board.recorded) if self.recording else self._kept
        strip.recording.tell(self.recording and not self._ended, words)

    def _tell_banner(self, board: Board) -> None:
        stopped = board.phase == "stopped" and not self._ended
        # The banner takes the place of the newest lines of the log: both do not fit.
        self.status.recent.setVisible(not stopped)
        if not stopped:
            self.banner.tell("", confirmable=False)
            return
        # A consent that was withdrawn cannot be confirmed: nothing of it is left to grant.
        withdrawn = board.scopes == ()
        if withdrawn:
            words = tr("Consent withdrawn: everything is blank, nothing is decoded. End the run.")
        else:
            words = tr("The participant pressed stop: everything is blank, nothing is decoded. "
                       "To go on, ask them; then Confirm, then Unblank.")  # fmt: skip
        self.banner.tell(words, confirmable=not withdrawn)

    def _tell_alarms(self, board: Board, state: State, now_s: float) -> None:
        """Show what is the matter; each beginning is a line of the log, after what led to it."""
        at = f"{datetime.now().astimezone():%H:%M:%S}"
        for line in self.model.log_lines():
            self.status.add_line(
                line_words(line), at, "medium" if line.startswith(WARNED) else "none"
            )
        found = alarms(board, state, self._unit, now_s)
        for alarm in self._latch.update(found, at):
            if not alarm.logged:
                self.status.add_line(alarm.words(), at, alarm.level)
        shown = self._latch.to_show(found) or [no_alarm()]
        self.alarm_line.tell(shown, self._latch.over())

    def _enable(self, board: Board, state: State) -> None:
        stopped = board.phase == "stopped"
        asked = {
            "acknowledge": self._latch.unseen(),
            "unblank": not stopped,
            "confirm": stopped and board.scopes != (),
            "release": board.held > 0,
            "withdraw": board.held > 0,
        }
        for action in RUN_ACTIONS:
            allowed = may(action, state, locked=self.orders.locked)
            self.actions_by_id[action.id].setEnabled(allowed and asked.get(action.id, True))
        self.marker_box.setEnabled(self.actions_by_id["marker"].isEnabled())
        self.side.paint_panel.setEnabled(not self.orders.locked)
        self.actions_by_id["pause"].setText(tr("Go on") if state == "PAUSED" else tr("Pause"))
        tell_held(self.buttons, board.held)

    def seen_alarms(self) -> None:
        """Take alarms away that are over."""
        self.model.acknowledge()
        if self._latch.acknowledge():
            self.model.say(tr("operator: alarms seen"))
        self.refresh_board()

    # ---- the actions, for whoever holds this page ----------------------------------------------

    @property
    def stop_box(self) -> QMessageBox | None:
        """The question whether to end the run, while it stands."""
        return self.orders.stop_box

    @property
    def help_box(self) -> QMessageBox | None:
        """The table of keys, once it was asked for."""
        return self.orders.help_box

    def blank(self) -> None:
        """Take every picture away at once, here and at the gate."""
        self.orders.blank()

    def stop_run(self) -> None:
        """End the run; while a recording is being written, ask first."""
        self.orders.stop_run()

    # ---- the end -------------------------------------------------------------------------------

    def shut(self) -> None:
        """Close for good."""
        self._may_close = True
        self._board_timer.stop()
        self._paint_timer.stop()
        self.side.stop()
        self.windows.shut()
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Close only when the run is over; before that, closing asks to stop it."""
        if self._may_close or self._ended:
            event.accept()
            return
        event.ignore()
        self.orders.stop_run()
