"""``phosphene doctor``: is this machine fit to run, and if not, what exactly to do."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.commands.preflight import streams_are_there
from phosphene.doctor import CHECKS

__all__ = ["DOCTOR"]

MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="skip the LSL loopback stream")
    parser.add_argument("--session", type=Path, help="session file: are its LSL streams there?")
    parser.add_argument("--lsl-session", default="default", help="LSL session id of the streams")
    parser.add_argument("--wait", type=float, default=5.0, help="seconds to wait for them")


def _run(arguments: argparse.Namespace) -> int:
    worst = 0
    for check in CHECKS:
        if arguments.quick and check.slow:
            continue
        finding = check.look()
        print(f"{MARKS[finding.level]}  {check.name}: {finding.text}")
        if finding.fix:
            print(f"         fix: {finding.fix}")
        worst = max(worst, int(finding.level == "error"))
    if arguments.session is not None and not streams_are_there(
        arguments.session, arguments.lsl_session, arguments.wait
    ):
        worst = 1
    return worst


DOCTOR = CliCommand("doctor", "check this machine", _configure, _run)
