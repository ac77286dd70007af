"""``phosphene info``, ``recover`` and ``report``: what can be done with recordings and bundles."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.commands.base import CliCommand
from phosphene.commands.keys import add_key_options, unlocking
from phosphene.errors import InputError

if TYPE_CHECKING:
    from phosphene.recorder.recover import Recovered

__all__ = ["INFO", "RECOVER", "REPORT"]


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="recording (.mcap or .mcap.part), or its folder")
    add_key_options(parser)


def _file_or_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, help="recording (.mcap or .mcap.part), its folder, or a bundle"
    )
    add_key_options(parser)


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="output folder of a run")
    add_key_options(parser)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path}: does not exist")
    return path


def _info(arguments: argparse.Namespace) -> int:
    from phosphene.bundle import Bundle
    from phosphene.bundle_store import MANIFEST, PHOS
    from phosphene.commands.verify import sealed_words
    from phosphene.describe import describe_bundle
    from phosphene.recorder.info import info
    from phosphene.recorder.names import recordings_in
    from phosphene.seal.opening import is_unlocked, sealed_header

    where = _existing(arguments.file)
    if where.suffix == PHOS or (where / MANIFEST).is_file():
        print(describe_bundle(Bundle.load(where)))
    else:
        with unlocking(arguments, where):
            for path in recordings_in(where) if where.is_dir() else [where]:
                if not is_unlocked(path):
                    print(f"{path}: sealed; its content needs --key")
                    print("\n".join(f"  {line}" for line in sealed_words(sealed_header(path))))
                    return 0
            print(info(where))
    return 0


def _recover(arguments: argparse.Namespace) -> int:
    from phosphene.recorder.names import is_unfinished, recordings_in
    from phosphene.recorder.recover import recover, recover_all
    from phosphene.seal.opening import is_unlocked

    where = _existing(arguments.file)
    if where.is_dir() and not recordings_in(where):
        raise InputError(f"{where}: holds no recording (recording.mcap or recording.mcap.part)")
    with unlocking(arguments, where):
        repaired = recover_all(where) if where.is_dir() else [recover(where)]
        locked = [p for p in recordings_in(where) if is_unfinished(p) and not is_unlocked(p)]
    for path in locked:
        print(f"{path}: sealed; its repair needs --key")
    for result in repaired:
        _tell_audit(result)
        print(result if result.messages else _nothing_in(result))
    if not repaired and not locked:
        print(f"{where}: nothing to repair")
    return 1 if any(result.messages == 0 for result in repaired) else 0


def _tell_audit(result: Recovered) -> None:
    """Write a sealed recording's new header into the audit log: verify asks that log for it."""
    from phosphene.recorder.documents import audit_facts
    from phosphene.seal.opening import is_sealed, sealed_header
    from phosphene.seal.places import note

    if is_sealed(result.path):
        header = sealed_header(result.path)
        facts = audit_facts(header, header.core.part)
        if why := note("recording repaired", None, run=header.core.run, **facts):
            print(why)


def _nothing_in(result: Recovered) -> str:
    return f"{result.path}: nothing could be recovered, it was cut off before its first message" + (
        f"; {result.damage}; the original is kept" if result.damage else ""
    )


def _report(arguments: argparse.Namespace) -> int:
    from phosphene.report import build

    where = _existing(arguments.folder)
    folder = where if where.is_dir() else where.parent
    with unlocking(arguments, where, *sorted(folder.glob("*.scores.sealed"))):
        print(f"report: {build(where)}")
    if arguments.key is not None:
        print("this report is not sealed: whoever reads the disk reads it")
    return 0


INFO = CliCommand("info", "tell what a recording or a bundle holds", _file_or_bundle, _info)
RECOVER = CliCommand("recover", "repair a recording that was cut off", _file, _recover)
REPORT = CliCommand("report", "build the report of a recorded run again", _folder, _report)
