"""``phosphene release``: let a run leave the laboratory, or hold it again."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.errors import InputError
from phosphene.recorder.reader import parts_of, start_of
from phosphene.release import DELAY_S, release, withdraw

__all__ = ["RELEASE"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, help="recording (.mcap) or its folder")
    parser.add_argument("--run", help="which run of a folder; default: the newest")
    parser.add_argument("--by", default="", help="initials or role of who decides")
    parser.add_argument("--withdraw", action="store_true", help="hold it again")


def _run(arguments: argparse.Namespace) -> int:
    where: Path = arguments.recording
    if not where.exists():
        raise InputError(f"{where}: does not exist")
    starts = [start for part in parts_of(where, arguments.run) if (start := start_of(part))]
    if not starts:
        raise InputError(f"{where}: does not say which run it is; phosphene recover first")
    run = starts[0].run
    if arguments.withdraw:
        withdraw(where, run)
        print("it is held again; what has left already is not reached")
        return 0
    release(where, run, arguments.by, datetime.now(UTC))
    print(f"released; it may leave in {DELAY_S:.0f} s, as far as the consent allows")
    return 0


RELEASE = CliCommand("release", "let a run leave the laboratory, or hold it again", _configure,
                     _run)  # fmt: skip
