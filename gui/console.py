"""``python -m gui.console``: the operator's console; ``phosphene console`` is this program."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from gui.platform import check_display, explain_import
from gui.texts import LANGUAGES, language
from phosphene.coredumps import no_core_dumps
from phosphene.errors import ConfigError

if TYPE_CHECKING:
    from gui.console_parts import RunSetup
    from gui.console_window import ConsoleWindow

__all__ = ["main"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="phosphene console", description="Operator's console")
    parser.add_argument("session", type=Path, nargs="?", help="session file to set up")
    parser.add_argument("--screen", metavar="NAME", help="screen of the participant's window")
    parser.add_argument("--observer-screen", metavar="NAME", help="screen of the observers' window")
    parser.add_argument("--language", choices=sorted(LANGUAGES), help="default: as last time")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console as this process; return its exit status."""
    arguments = _parser().parse_args(argv)
    no_core_dumps()
    logging.basicConfig(level=logging.INFO, format="console: %(message)s", stream=sys.stderr)
    try:
        check_display()
        try:
            return _show(arguments)
        except ImportError as error:
            raise explain_import(error) from error
    except ConfigError as error:
        print(f"phosphene: {error}", file=sys.stderr)
        return 1


def _show(arguments: argparse.Namespace) -> int:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from gui.console_pages import pages_for
    from gui.console_window import ConsoleWindow
    from gui.language import VARIABLE, speak
    from gui.palette import apply
    from gui.preferences import Preferences

    preferences = Preferences()
    if arguments.language:
        preferences.keep_language(arguments.language)
    app = QApplication(["phosphene"])
    if english := speak(preferences.language or None):
        print(f"phosphene: {english}", file=sys.stderr)
    # The windows of a run's own processes speak the same.
    os.environ[VARIABLE] = language()
    app.setQuitOnLastWindowClosed(False)
    apply(app)

    def gone(status: int) -> None:
        # From the loop: an exit that is asked for before it runs would be forgotten.
        QTimer.singleShot(0, lambda: app.exit(status))

    window = ConsoleWindow(
        preferences, arguments.screen, gone, pages_for(arguments.observer_screen)
    )
    _prepare(window.setup_page, arguments, english)
    _obey_signals(window)
    previous, sys.excepthook = sys.excepthook, window.excepthook
    window.show()
    try:
        return app.exec()
    finally:
        sys.excepthook = previous
        window.shut()


def _prepare(page: RunSetup, arguments: argparse.Namespace, english: str) -> None:
    """Hand the command line on, and say in the window, too, why it does not speak as asked."""
    if arguments.screen is not None:
        page.choose_screen(arguments.screen)
    if arguments.session is not None:
        page.open_path(arguments.session.absolute())
    if english:
        page.say(english)


def _obey_signals(window: ConsoleWindow) -> None:
    from PySide6.QtCore import QTimer

    def told(_number: int, _frame: FrameType | None) -> None:
        QTimer.singleShot(0, window.leave)  # from the loop, not in the middle of anything

    for number in SIGNALS:
        # As for a run: whoever starts it under nohup wants it to outlive the terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, told)


if __name__ == "__main__":
    sys.exit(main())
