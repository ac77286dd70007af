"""``phosphene purge``: erase recordings whose time is over, or one at once."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.clock import wall_time_s
from phosphene.commands.base import CliCommand
from phosphene.errors import InputError

if TYPE_CHECKING:
    from phosphene.seal.purge import Candidate

__all__ = ["PURGE"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("where", type=Path, help="recording, or folder with all folders below it")
    parser.add_argument("--now", action="store_true", help="whatever the time that is left: the "
                        "participant wants it deleted")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be erased")
    parser.add_argument("--yes", action="store_true", help="do not ask (for a timer)")


def _run(arguments: argparse.Namespace) -> int:
    from phosphene.seal.purge import candidates

    if not arguments.where.exists():
        raise InputError(f"{arguments.where}: does not exist")
    now = datetime.fromtimestamp(wall_time_s(), UTC)
    chosen, blocked = [], False
    for found in candidates(arguments.where):
        wanted = arguments.now or found.due(now)
        if found.obstacle and arguments.now and found.unreadable:
            print(f"{found.path}: {found.obstacle}")
            chosen.append(found)
        elif found.obstacle and (wanted or found.keep_until is None):
            print(f"{found.path}: {found.obstacle}")
            blocked = True
        elif wanted:
            print(f"{found.path}: {_words(found)}")
            chosen.append(found)
    if not chosen:
        print("nothing is to be erased")
    elif arguments.dry_run:
        print(f"{len(chosen)} would be erased")
    elif arguments.yes or _agreed(len(chosen)):
        why = "asked for" if arguments.now else "time is over"
        # One that cannot be erased keeps none of the others.
        erased = [_erase(found, why) for found in chosen]
        blocked = blocked or not all(erased)
    return 1 if blocked else 0


def _words(found: Candidate) -> str:
    kind = "sealed" if found.sealed else "NOT sealed, can only be deleted"
    until = f"kept until {found.keep_until:%Y-%m-%d %H:%M %Z}" if found.keep_until else "no limit"
    return f"run {found.run or 'unknown'}, {kind}, {until}"


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        print("nothing was erased: say --yes, or call from a terminal")
        return False
    return input(f"erase {count} recording(s) for ever? type erase: ").strip() == "erase"


def _erase(found: Candidate, why: str) -> bool:
    from phosphene.errors import SealError
    from phosphene.seal.places import note
    from phosphene.seal.purge import erase

    try:
        gone = erase(found)
    except OSError as error:
        print(f"{found.path}: NOT erased: {error.strerror}")
        return False
    except SealError as error:
        print(error)
        return False
    beside = f" and {len(gone) - 1} files beside it" if len(gone) > 1 else ""
    print(f"{found.path}: erased{beside}")
    if trouble := note(
        "erased",
        why=why,
        run=found.run,
        recording=found.id,
        sealed=str(found.sealed).lower(),
        files=str(len(gone)),
    ):
        print(trouble)
    return True


PURGE = CliCommand("purge", "erase recordings whose time is over", _configure, _run)
