"""``phosphene purge``: erase recordings whose time is over, or one at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.clock import wall_time_s
from phosphene.commands.base import CliCommand
from phosphene.errors import InputError

if TYPE_CHECKING:
    from phosphene.seal.purge import Candidate, Erased

__all__ = ["PURGE"]

_CURE = (
    "Look at the date of this machine; where it is right, say --clock-checked once, or call "
    "without --yes from a terminal"
)

_STAYS = (
    "the audit log stays: no data and no picture, but whose run it was, who saw it, and that it "
    "was erased; so do decoders and consents elsewhere, and all copies"
)


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("where", type=Path, help="recording, or folder with all folders below it")
    parser.add_argument("--now", action="store_true", help="whatever the time that is left: the "
                        "participant wants it deleted")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be erased")
    parser.add_argument("--yes", action="store_true", help="do not ask (for a timer)")
    parser.add_argument("--clock-checked", action="store_true", help="somebody has looked: the "
                        "date of this machine is right")  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from phosphene.seal.purge import candidates

    if not arguments.where.exists():
        raise InputError(f"{arguments.where}: does not exist")
    now = datetime.fromtimestamp(wall_time_s(), UTC)
    seen = list(candidates(arguments.where))
    chosen, blocked = _chosen(seen, now, at_once=arguments.now)
    rest = arguments.now and _tell_rest(arguments.where)
    if chosen:
        _tell_beside(chosen)
    trouble = "" if arguments.now or arguments.clock_checked else _clock(now, seen)
    if arguments.yes and not arguments.dry_run and not arguments.now and not trouble:
        # The next one finds in the log what time it was now, also where nothing is due.
        _tell_log("purge looked")
    count = len(chosen) + rest
    if not count:
        print("nothing is to be erased")
    elif arguments.dry_run:
        print(f"{count} would be erased")
    elif trouble and arguments.yes:
        print(f"nothing was erased: {trouble}. {_CURE}")
        blocked = True
    elif arguments.yes or _agreed(count, trouble):
        why = "asked for" if arguments.now else "time is over"
        # One that cannot be erased keeps none of the others.
        erased = [_erase(found, why) for found in chosen]
        erased += [_erase_rest(arguments.where, why)] if rest else []
        blocked = blocked or not all(erased)
    else:
        blocked = blocked or not sys.stdin.isatty()  # a script must not take it for done
    return 1 if blocked else 0


def _chosen(
    seen: Sequence[Candidate], now: datetime, *, at_once: bool
) -> tuple[list[Candidate], bool]:
    """Tell what is due; return it, and whether something that is due cannot be erased."""
    chosen, blocked = [], False
    for found in seen:
        wanted = at_once or found.due(now)
        if found.obstacle and at_once and found.unreadable:
            print(f"{found.path}: {found.obstacle}")
            chosen.append(found)
        elif found.obstacle and (wanted or found.keep_until is None):
            print(f"{found.path}: {found.obstacle}")
            blocked = True
        elif wanted:
            print(f"{found.path}: {_words(found)}")
            chosen.append(found)
    return chosen, blocked


def _tell_rest(where: Path) -> bool:
    """Tell what a run has left whose recording is gone; return whether there is any."""
    from phosphene.seal.leftovers import rest_of, short_names

    rest = rest_of(where)
    if rest.goes:
        print(f"{where}: the recording is gone, still there are "
              f"{', '.join(short_names(where, rest.goes))}")  # fmt: skip
    return bool(rest.goes)


def _words(found: Candidate) -> str:
    kind = "sealed" if found.sealed else "NOT sealed, can only be deleted"
    until = f"kept until {found.keep_until:%Y-%m-%d %H:%M %Z}" if found.keep_until else "no limit"
    return f"run {found.run or 'unknown'}, {kind}, {until}"


def _tell_beside(chosen: Sequence[Candidate]) -> None:
    """Say what else goes with the recordings, and what stays."""
    from phosphene.seal.leftovers import leftovers_of, short_names

    going = [found.path for found in chosen]
    for folder in dict.fromkeys(path.parent for path in going):
        try:
            beside = leftovers_of(folder, going)
        except OSError as error:
            print(f"{folder}: {error.strerror}")
            continue
        if beside.waits:
            print(f"{folder}: what lies beside stays until its other recordings are erased, too")
        if beside.goes:
            print(f"{folder}: with it go {', '.join(short_names(folder, beside.goes))}")
        if beside.stays:
            print(f"{folder}: not of the run, stays: "
                  f"{', '.join(short_names(folder, beside.stays))}")  # fmt: skip
    print(_STAYS)


def _clock(now: datetime, seen: Sequence[Candidate]) -> str:
    """Say why the clock cannot be believed; "" where it can."""
    from phosphene.seal.places import LOG, state_folder
    from phosphene.seal.present import clock_trouble, times_of

    try:
        files = [found.path for found in seen if found.path.is_file()]
        return clock_trouble(now, times_of(state_folder() / LOG, files))
    except OSError as error:
        return f"nothing tells whether the clock is right: {error}"


def _tell_log(what: str, **facts: str) -> None:
    from phosphene.seal.places import note

    if trouble := note(what, None, **facts):
        print(trouble)


def _agreed(count: int, trouble: str) -> bool:
    if trouble:
        print(f"{trouble}: is the date right?")
    if not sys.stdin.isatty():
        print("nothing was erased: say --yes, or call from a terminal")
        return False
    return (
        input(f"erase {count} recording(s) with what lies beside for ever? type erase: ").strip()
        == "erase"
    )


def _erase(found: Candidate, why: str) -> bool:
    from phosphene.errors import SealError
    from phosphene.seal.purge import erase

    try:
        erased = erase(found)
    except OSError as error:
        print(f"{found.path}: NOT erased: {error.strerror}")
        return False
    except SealError as error:
        print(error)
        return False
    count = len(erased.gone)
    beside = f" and {count - 1} files beside it" if count > 1 else ""
    print(f"{found.path}: erased{beside}")
    return _erased(erased, why=why, run=found.run, recording=found.id,
                   sealed=str(found.sealed).lower())  # fmt: skip


def _erase_rest(where: Path, why: str) -> bool:
    from phosphene.seal.purge import erase_rest

    erased = erase_rest(where)
    print(f"{where}: {len(erased.gone)} files erased")
    return _erased(erased, why=why, run="")


def _erased(erased: Erased, **facts: str) -> bool:
    """Tell what is still there, and the log what is gone; return whether all is."""
    for trouble in erased.troubles:
        print(trouble)
    _tell_log("erased", **facts, files=str(len(erased.gone)))
    return not erased.troubles


PURGE = CliCommand("purge", "erase recordings whose time is over", _configure, _run)
