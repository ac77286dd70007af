"""The command line: ``phosphene COMMAND``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from types import FrameType

from phosphene.commands import (
    audit,
    blind,
    bundle,
    consent,
    console,
    demo,
    doctor,
    encode,
    evaluate,
    files,
    filters,
    fit,
    keys,
    live,
    network,
    paint,
    purge,
    release,
    replay,
    unblind,
    unseal,
    verify,
)
from phosphene.commands.base import CliCommand
from phosphene.commands.help import DefaultsOnce
from phosphene.errors import PhospheneError, ToldError

__all__ = ["main"]


def _commands(wanted: str) -> list[CliCommand]:
    own = [
        demo.DEMO,
        live.LIVE,
        console.CONSOLE,
        replay.REPLAY,
        paint.PAINT,
        network.JOIN,
        network.OBSERVE,
        fit.FIT,
        evaluate.EVALUATE,
        encode.ENCODE,
        bundle.BUNDLE,
        consent.CONSENT,
        doctor.DOCTOR,
        filters.FILTER,
        files.INFO,
        files.RECOVER,
        files.REPORT,
        keys.KEYS,
        unseal.UNSEAL,
        verify.VERIFY,
        purge.PURGE,
        release.RELEASE,
        audit.AUDIT,
        blind.BLIND,
        unblind.UNBLIND,
    ]
    # Provided commands load their whole package, about a second: only where they are asked for.
    if wanted in {command.name for command in own}:
        return own
    points = entry_points(group="phosphene.commands")
    provided = [point.load() for point in points.select(name=wanted) or points]
    return own + [c for c in provided if isinstance(c, CliCommand)]


def _parser(wanted: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="phosphene",
        description="Real-time neurofeedback: a live picture of what brain activity says is seen.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in _commands(wanted):
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            formatter_class=DefaultsOnce,
        )
        command.configure(sub)
        sub.set_defaults(run_command=command.run)
    return parser


def _leave(number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second signal would cut the clearing up short.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


@contextmanager
def _leaving_in_order() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exception: children end, temporary folders are removed.

    The supervisor has its own handlers while a run lasts.
    """
    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) == signal.SIG_DFL
    ]
    previous = {number: signal.signal(number, _leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.

    Returns
    -------
    int
        0 success, 1 a told error, 2 wrong usage, 128 and its number after a signal.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser(next(iter(argv), "")).parse_args(argv)
    # Recordings, reports and logs are about a person: what is written is for its owner only.
    os.umask(0o077)
    try:
        with _leaving_in_order():
            status: int = arguments.run_command(arguments)
            sys.stdout.flush()
    except ToldError:
        return 1
    except PhospheneError as error:
        print(f"phosphene: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read what is told (head, less) has seen enough. What is left to write when the
        # interpreter ends goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
