"""``phosphene info``, ``recover`` and ``report``: what can be done with recordings and bundles."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.commands.base import CliCommand
from phosphene.errors import InputError

if TYPE_CHECKING:
    from phosphene.recorder.recover import Recovered

__all__ = ["INFO", "RECOVER", "REPORT"]


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="recording (.mcap or .mcap.part), or its folder")


def _file_or_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, help="recording (.mcap or .mcap.part), its folder, or a bundle"
    )


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="output folder of a run")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path}: does not exist")
    return path


def _info(arguments: argparse.Namespace) -> int:
    from phosphene.bundle import Bundle
    from phosphene.bundle_store import MANIFEST, PHOS
    from phosphene.describe import describe_bundle
    from phosphene.recorder.info import info

    where = _existing(arguments.file)
    if where.suffix == PHOS or (where / MANIFEST).is_file():
        print(describe_bundle(Bundle.load(where)))
    else:
        print(info(where))
    return 0


def _recover(arguments: argparse.Namespace) -> int:
    from phosphene.recorder.names import recordings_in
    from phosphene.recorder.recover import recover, recover_all

    where = _existing(arguments.file)
    if where.is_dir() and not recordings_in(where):
        raise InputError(f"{where}: holds no recording (recording.mcap or recording.mcap.part)")
    repaired = recover_all(where) if where.is_dir() else [recover(where)]
    for result in repaired:
        print(result if result.messages else _nothing_in(result))
    if not repaired:
        print(f"{where}: nothing to repair")
    return 1 if any(result.messages == 0 for result in repaired) else 0


def _nothing_in(result: Recovered) -> str:
    return f"{result.path}: nothing could be recovered, it was cut off before its first message" + (
        f"; {result.damage}; the original is kept" if result.damage else ""
    )


def _report(arguments: argparse.Namespace) -> int:
    from phosphene.report import build

    print(f"report: {build(_existing(arguments.folder))}")
    return 0


INFO = CliCommand("info", "tell what a recording or a bundle holds", _file_or_bundle, _info)
RECOVER = CliCommand("recover", "repair a recording that was cut off", _file, _recover)
REPORT = CliCommand("report", "build the report of a recorded run again", _folder, _report)
