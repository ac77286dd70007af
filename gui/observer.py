"""``python -m gui.observer --run FOLDER``: an observers' window, a process of its own.

It hears one socket, that of the observers' view, which carries pictures at their level only after
release and delay. So a fault in it can show nothing that observers may not see; it takes part in no
heartbeat, and its end blanks nobody. It reads from the plan whether the run is recorded, for the
lamp, and asks the gate for nothing. With ``--connect`` it shows a run on another machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gui.platform import check_display, explain_import
from gui.texts import LANGUAGES
from gui.viewers.inlets import Inlet, LocalInlet, RemoteInlet
from gui.words import recording_words
from phosphene.clock import MonotonicClock
from phosphene.errors import ConfigError, PhospheneError
from phosphene.plan import Plan

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gui.observer", description="Phosphene observers' window"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--run", type=Path, metavar="FOLDER", help="private folder of the run")
    where.add_argument("--connect", metavar="ADDRESS",
                       help="tcp://HOST:PORT of a run on another machine")  # fmt: skip
    parser.add_argument("--console", type=Path, metavar="FILE",
                        help="public key of that machine")  # fmt: skip
    parser.add_argument("--key", type=Path, metavar="FILE", help="private key of this observer")
    parser.add_argument("--screen", metavar="NAME", help="fill this screen (name or serial number)")
    parser.add_argument("--operator-screen", metavar="NAME", help="screen that it may not use")
    parser.add_argument(
        "--keep-off", metavar="NAME", action="append", default=[],
        help="further screen that it may not use: the participant's; can be repeated",
    )  # fmt: skip
    parser.add_argument("--language", choices=sorted(LANGUAGES))
    return parser


def _inlet(arguments: argparse.Namespace) -> tuple[Inlet, bool]:
    """Open the socket; tell, too, whether the run is known to be recorded."""
    clock = MonotonicClock()
    if arguments.run is not None:
        plan = Plan.load(arguments.run / "plan.json")
        return LocalInlet(arguments.run, clock), recording_words(plan, datetime.now(UTC))[0]
    if arguments.console is None or arguments.key is None:
        raise ConfigError("--connect: needs --console and --key as well")
    return RemoteInlet(arguments.connect, arguments.console, arguments.key, clock), False


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window as this process; return its exit status."""
    arguments = _parser().parse_args(argv)
    inlet: Inlet | None = None
    try:
        check_display()
        try:
            from gui.viewers.watching import Watch, open_window, watch
        except ImportError as error:
            raise explain_import(error) from error
        inlet, recording = _inlet(arguments)
        kept_off = tuple(arguments.keep_off)
        window = open_window(
            arguments.screen, arguments.operator_screen, kept_off, arguments.language
        )
    except PhospheneError as error:
        if inlet is not None:
            inlet.close()
        print(f"observer: {error}", file=sys.stderr)
        return 1
    where = str(arguments.connect or arguments.run)
    return watch(Watch(inlet, window, recording=recording, where=where))


if __name__ == "__main__":
    sys.exit(main())
