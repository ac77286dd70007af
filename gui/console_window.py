"""The console: one window whose pages are set-up, run, summary and recordings."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QMainWindow, QMessageBox, QStackedWidget, QWidget

from gui.console_curtain import Curtain
from gui.console_menus import fill, frame, state_label, tell_state
from gui.console_pages import PAGES, Pages
from gui.console_parts import ConsolePage, Guest, RecordingsPage
from gui.console_rooms import Rooms
from gui.console_run import RunProcess, value_of
from gui.console_wait import WaitPage
from gui.controls import enable, help_box, make_console_actions, question
from gui.preferences import Preferences
from gui.texts import told, tr
from gui.words import State
from phosphene.errors import PhospheneError

__all__ = ["ConsoleWindow"]

SIZE_PX = (1280, 700)
TURN_MS = 100
SCREEN_OPTION = "--participant-screen"


class ConsoleWindow(QMainWindow):
    """The window of ``phosphene console``.

    Parameters
    ----------
    preferences : Preferences
        What this user chose before.
    participant_screen : str or None
        Screen of the participant's window, where the set-up names none.
    gone : Callable
        Called with the exit status when the console is to end.
    pages : Pages
        How the pages are made.
    start : Callable
        Starts a run from the arguments of ``phosphene``.
    """

    def __init__(
        self,
        preferences: Preferences,
        participant_screen: str | None,
        gone: Callable[[int], None],
        pages: Pages = PAGES,
        start: Callable[..., RunProcess] = RunProcess,
    ) -> None:
        super().__init__()
        self._preferences, self._screen = preferences, participant_screen
        self._gone, self._pages, self._begin = gone, pages, start
        self._run: RunProcess | None = None
        self._guest: Guest | None = None
        self._run_screen: str | None = None
        self._out: Path | None = None
        self._began = self._over = self._quits = self._shut = self._locked = False
        self._rooms = Rooms(pages, self._open_recording)
        self.question: QMessageBox | None = None
        self.help_box: QMessageBox | None = None
        self.setWindowTitle(tr("Phosphene console"))
        self._stack = QStackedWidget()
        self.setCentralWidget(self._stack)
        self.curtain = Curtain(self._stack)
        self.wait_page = WaitPage()
        self.wait_page.given_up.connect(self._ask_to_give_up)
        self._stack.addWidget(self.wait_page)
        self._here: QWidget = self.wait_page
        self.actions_by_id = make_console_actions(self, self)
        self.state_label = state_label()
        fill(self.menuBar(), self.actions_by_id, self.state_label)
        self.setup_page = pages.setup(preferences)
        self.setup_page.begin.connect(self.begin)
        # Without waiting for the next turn.
        self.setup_page.state_changed.connect(self._refresh)
        self._stack.addWidget(self.setup_page.widget())
        self.resize(*SIZE_PX)
        self.restoreGeometry(preferences.geometry())
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._turn)
        self._timer.start(TURN_MS)
        self._go_to_setup()

    # ---- building ------------------------------------------------------------------------------

    def _show(self, page: QWidget) -> None:
        if self._stack.indexOf(page) < 0:
            self._stack.addWidget(page)
        self._here = page
        in_run = self._guest is not None and page is self._guest.page
        self.curtain.turn(page)
        # The page of a run has its own strip, buttons and keys, and needs the room.
        self.menuBar().setVisible(not in_run)
        self._refresh()

    def _seen(self, page: ConsolePage | None) -> bool:
        return page is not None and self._stack.currentWidget() is page.widget()

    def _go_to_setup(self) -> None:
        self._over = False
        self._show(self.setup_page.widget())
        self.setup_page.focus_first()

    # ---- state ---------------------------------------------------------------------------------

    def state(self) -> State:
        """Return the state as one word."""
        if self._guest is not None:
            return self._guest.state()
        if self.curtain.down:
            return "BLANKED"
        if self._run is not None:
            return "ENDED" if self._began else "CHECKED"
        if self._over:
            return "ENDED"
        return "CHECKED" if self.setup_page.checked() else "IDLE"

    def _refresh(self, _word: str = "") -> None:
        state = self.state()
        mode = "" if self._run is None else self._run.mode
        tell_state(self.state_label, state, mode)
        # A run's page has that frame itself.
        frame(self._stack, mode if self._stack.currentWidget() is self.wait_page else "")
        if self._guest is not None:
            for item in self.actions_by_id.values():  # their keys are the run's now
                item.setEnabled(False)
            return
        enable(self.actions_by_id, state, locked=self._locked)
        if self._run is not None:  # it starts, or is wrapped up: only a look is possible
            for name in ("start", "open", "save", "replay", "quit"):
                self.actions_by_id[name].setEnabled(False)
        elif self._seen(self._rooms.replay):
            self.actions_by_id["start"].setEnabled(False)

    def _turn(self) -> None:
        run = self._run
        if run is None:
            self._refresh()
            return
        if self._guest is None and not self._began and (plan := run.plan_file()) is not None:
            self._sit_down(plan)
        self.wait_page.tell_words(run.words())
        if run.exit_code() is not None:
            self._ended(run)
        else:
            self._refresh()

    # ---- a run ---------------------------------------------------------------------------------

    def begin(self, arguments: Sequence[str], secret: str | None = None) -> None:
        """Start a run: the set-up page has everything it needs.

        Parameters
        ----------
        arguments : sequence of str
            Command line of ``phosphene``.
        secret : str or None
            Passphrase of the key that they name.
        """
        if self._run is not None:
            return
        given = [str(word) for word in arguments]
        self._run_screen = value_of(given, SCREEN_OPTION) or self._screen
        self._began, self._out = False, None
        self._run = self._begin(given) if secret is None else self._begin(given, secret=secret)
        self.wait_page.tell_start()
        self._show(self.wait_page)
        self.wait_page.words.setFocus()

    def _sit_down(self, plan_file: Path) -> None:
        active = self.isActiveWindow()
        try:
            self._guest = self._pages.guest(plan_file, self._run_screen, self._left)
        except PhospheneError as error:
            self._began = True
            self.wait_page.tell(
                tr("The window could not join the run"), told(str(error)), busy=True
            )
            if self._run is not None:
                self._run.terminate()
            return
        self._began, self._out = True, self._guest.plan.out
        if self.curtain.down:  # said before the run had a page: its own state tells it from now on
            self._guest.blank()
            self.curtain.lift()
        # Two with one key are none: while it is there, the page's own keys count.
        self._show(self._guest.page)
        self._guest.page.setFocus()
        if active:  # whatever has come up meanwhile: the keys go on working
            self.activateWindow()

    def _left(self, error: Exception | None) -> None:
        """Go on without the run's page: the run is over, or goes on with a window of its own."""
        guest, self._guest = self._guest, None
        if guest is not None:
            self._stack.removeWidget(guest.page)
            guest.page.deleteLater()
        if error is not None:
            self._fall(1)
            return
        self.wait_page.tell_finish()
        self._show(self.wait_page)
        self.wait_page.words.setFocus()

    def _ended(self, run: RunProcess) -> None:
        if self._guest is not None:
            self._guest.leave()
        code = run.exit_code()
        words = run.words()
        run.close()
        self._run = None
        self._over = True
        if self._quits:
            self.shut()
            self._gone(0)
            return
        if self._began and self._out is not None and self._out.is_dir():
            summary = self._rooms.summary_of(self._out)
            self._show(summary.widget())
            summary.focus_first()
            return
        self.wait_page.tell_end(words, code, began=self._began)
        self._show(self.wait_page)

    def _open_recording(self, folder: Path) -> None:
        self._show_recordings().open(folder)

    # ---- what the operator can do --------------------------------------------------------------

    def start(self) -> None:
        """Begin what is set up; after a run, go back to the set-up."""
        if self._over:
            self._go_to_setup()
        else:
            self.setup_page.start()

    def show_replay(self) -> None:
        """Show the page of recordings, or go back from it."""
        if not self._seen(self._rooms.replay):
            self._show_recordings()
        elif (origin := self._rooms.origin()) is not None and origin[1]:
            # What was left to do after a run, such as deleting it, is still there.
            page, self._over = origin
            self._show(page)
            self._rooms.focus(page)
        else:
            self._go_to_setup()

    def _show_recordings(self) -> RecordingsPage:
        replay = self._rooms.recordings(self._here, over=self._over)
        self._over = False
        self._show(replay.widget())
        replay.focus_first()
        return replay

    def open_file(self) -> None:
        """Open a file on the page of recordings; else a study file on the set-up page."""
        replay = self._rooms.replay
        if replay is not None and self._seen(replay):
            replay.open_file()
            return
        self._go_to_setup()
        self.setup_page.open_file()

    def save_file(self) -> None:
        """Save the study file."""
        self.setup_page.save_file()

    def blank(self) -> None:
        """Cover every page; a run that is starting will start blank."""
        self.curtain.fall()
        self._refresh()

    def unblank(self) -> None:
        """Show the pages again."""
        self.curtain.lift()
        self._refresh()

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or no longer."""
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def toggle_lock(self) -> None:
        """Lock the pages and keys, or unlock them."""
        self._locked = not self._locked
        self._stack.setEnabled(not self._locked)
        self.setWindowTitle(tr("Phosphene console"))
        if self._locked:
            self.setWindowTitle(tr("Phosphene console, locked: Ctrl+L unlocks"))
        self._refresh()

    def show_help(self) -> None:
        """Show what the keys do."""
        if self.help_box is None:
            self.help_box = help_box(self)
        self.help_box.show()

    def quit(self) -> None:
        """Close the console."""
        self.close()

    # ---- the end -------------------------------------------------------------------------------

    def leave(self) -> None:
        """End whatever runs, then the console: it was told to by a signal."""
        self._quits = True
        if self._run is None:
            self.shut()
            self._gone(0)
        else:
            self._run.terminate()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Close where nothing runs; else closing is asking for the end of the run."""
        if self._shut:
            event.accept()
        elif self._run is None:
            event.accept()
            self.shut()
            self._gone(0)
        else:
            event.ignore()
            if self._guest is not None:
                self._guest.stop()
            else:
                self._ask_to_give_up()

    def _ask_to_give_up(self) -> None:
        if self.question is None and not self._began:
            self.question = question(
                self, tr("Give up?"), tr("The run is starting. Give it up now?")
            )
            self.question.finished.connect(self._asked)
            self.question.show()

    def _asked(self, answer: int) -> None:
        self.question = None
        if answer == QMessageBox.StandardButton.Yes and self._run is not None:
            self._run.terminate()

    def shut(self) -> None:
        """Give back everything the window holds."""
        if self._shut:
            return
        self._shut = True
        self._timer.stop()
        self._preferences.keep_geometry(self.saveGeometry())
        self.setup_page.shut()
        self._rooms.shut()
        for box in (self.question, self.help_box):
            if box is not None:
                box.close()
        self.close()
        try:
            self._preferences.save()
        except PhospheneError as error:  # nothing that would keep a console from closing
            print(f"phosphene: {error}", file=sys.stderr)

    def _fall(self, status: int) -> None:
        """End the console after an error; a run that has begun goes on with its own window."""
        if self._run is not None:
            if self._began:
                self._run.close()
            else:
                self._run.end()
            self._run = None
        self.shut()
        self._gone(status)

    def excepthook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """End the console on an error in any slot: one that limps on would not be noticed."""
        traceback.print_exception(kind, error, trace, file=sys.stderr)
        if self._guest is not None:
            self._guest.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))
        else:
            self._fall(1)
