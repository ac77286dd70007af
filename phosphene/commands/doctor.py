"""``phosphene doctor``: is this machine fit to run, and if not, what exactly to do."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.commands.preflight import source_is_there, streams_are_there, tell
from phosphene.doctor import CHECKS
from phosphene.session import load_session

__all__ = ["DOCTOR"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="skip the LSL loopback stream")
    parser.add_argument("--session", type=Path, help="session file: are its source and "
                        "its LSL streams there?")  # fmt: skip
    parser.add_argument("--lsl-session", default="default", help="LSL session id of the "
                        "streams; default: default")  # fmt: skip
    parser.add_argument("--wait", type=float, default=5.0, help="seconds to wait for them")


def _run(arguments: argparse.Namespace) -> int:
    worst = 0
    for check in CHECKS:
        if arguments.quick and check.slow:
            continue
        finding = check.look()
        tell(check.name, finding)
        worst = max(worst, int(finding.level == "error"))
    if arguments.session is not None:
        session, looked = arguments.session, (arguments.lsl_session, arguments.wait)
        there = [source_is_there(load_session(session)), streams_are_there(session, *looked)]
        worst = max(worst, int(not all(there)))
    return worst


DOCTOR = CliCommand("doctor", "check this machine", _configure, _run)
