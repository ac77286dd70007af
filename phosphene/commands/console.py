"""``phosphene console``: the operator's console, a program of its own.

This package knows no Qt; the process becomes that program.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from phosphene.commands.base import CliCommand

__all__ = ["CONSOLE"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", type=Path, nargs="?", help="session file to set up")
    parser.add_argument("--screen", metavar="NAME", help="screen of the participant's window")
    parser.add_argument("--observer-screen", metavar="NAME", help="screen of the observers' window")
    parser.add_argument("--language", help="language of the windows: en or ja; default: as last "
                        "time")  # fmt: skip


def _run(arguments: argparse.Namespace) -> NoReturn:
    words = [] if arguments.session is None else [str(arguments.session)]
    for option in ("screen", "observer-screen", "language"):
        if (value := getattr(arguments, option.replace("-", "_"))) is not None:
            words += [f"--{option}", value]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gui.console", *words])  # noqa: S606


CONSOLE = CliCommand("console", "open the operator's console", _configure, _run)
