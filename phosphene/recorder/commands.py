"""Two commands for the command line: what is in a recording, and repair."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from phosphene.recorder.info import info
from phosphene.recorder.names import UNFINISHED
from phosphene.recorder.recover import recover, recover_all

__all__ = ["info_command", "recover_command"]


def info_command(argv: Sequence[str]) -> int:
    """Print what a recording holds; return the exit status."""
    parser = argparse.ArgumentParser(prog="phosphene info", description="Sum up a recording.")
    parser.add_argument("recording", type=Path, help="recording file, or folder of a run")
    parser.add_argument("--run", help="identifier of the run, where a folder holds several")
    arguments = parser.parse_args(argv)
    print(info(arguments.recording, arguments.run))
    return 0


def recover_command(argv: Sequence[str]) -> int:
    """Repair one unfinished recording, or all of a folder; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="phosphene recover", description="Repair recordings whose writer died."
    )
    parser.add_argument("recording", type=Path, help=f"file named *{UNFINISHED}, or a folder")
    where = parser.parse_args(argv).recording
    repaired = recover_all(where) if where.is_dir() else [recover(where)]
    for result in repaired:
        print(result)
    if not repaired:
        print(f"{where}: nothing to repair")
    return 0
