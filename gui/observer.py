"""``python -m gui.observer --run FOLDER``: an observers' window, a process of its own.

It hears one socket, that of the observers' view, which carries pictures at their level only after
release and delay. So a fault in it can show nothing that observers may not see; it takes part in no
heartbeat, and its end blanks nobody. It reads from the plan whether the run is recorded, for the
lamp, and asks the gate for nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gui.platform import check_display, explain_import
from gui.texts import LANGUAGES, use
from gui.words import recording_words
from phosphene.errors import ConfigError
from phosphene.plan import Plan

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gui.observer", description="Phosphene observers' window"
    )
    parser.add_argument("--run", type=Path, required=True, help="private folder of the run")
    parser.add_argument("--screen", metavar="NAME", help="fill this screen (name or serial number)")
    parser.add_argument("--operator-screen", metavar="NAME", help="screen that it may not use")
    parser.add_argument(
        "--keep-off", metavar="NAME", action="append", default=[],
        help="further screen that it may not use: the participant's; can be repeated",
    )  # fmt: skip
    parser.add_argument("--language", choices=sorted(LANGUAGES), default="en")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window as this process; return its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        plan = Plan.load(arguments.run / "plan.json")
        use(arguments.language)
        check_display()
        try:
            from gui.viewers.watching import ObserverOptions, watch
        except ImportError as error:
            raise explain_import(error) from error
        recording, _words = recording_words(plan, datetime.now(UTC))
        options = ObserverOptions(
            arguments.run, recording, arguments.screen, arguments.operator_screen,
            tuple(arguments.keep_off),
        )  # fmt: skip
        return watch(options)
    except ConfigError as error:
        print(f"observer: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
