"""``phosphene info``, ``recover`` and ``report``: what can be done with a recording."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.errors import InputError

__all__ = ["INFO", "RECOVER", "REPORT"]


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="recording (.mcap or .mcap.part), or its folder")


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="output folder of a run")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path}: does not exist")
    return path


def _info(arguments: argparse.Namespace) -> int:
    from phosphene.recorder.info import info

    print(info(_existing(arguments.file)))
    return 0


def _recover(arguments: argparse.Namespace) -> int:
    from phosphene.recorder.recover import recover, recover_all

    where = _existing(arguments.file)
    repaired = recover_all(where) if where.is_dir() else [recover(where)]
    for result in repaired:
        print(result)
    if not repaired:
        print(f"{where}: nothing to repair")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from phosphene.report import build

    print(f"report: {build(_existing(arguments.folder))}")
    return 0


INFO = CliCommand("info", "tell what a recording holds", _file, _info)
RECOVER = CliCommand("recover", "repair a recording that was cut off", _file, _recover)
REPORT = CliCommand("report", "build the report of a recorded run again", _folder, _report)
