"""``phosphene doctor``: is this machine fit to run, and if not, what exactly to do."""

from __future__ import annotations

import argparse

from phosphene.commands.base import CliCommand
from phosphene.doctor import CHECKS

__all__ = ["DOCTOR"]

MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="skip the LSL loopback stream")


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
    return worst


DOCTOR = CliCommand("doctor", "check this machine", _configure, _run)
