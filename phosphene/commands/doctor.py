"""``phosphene doctor``: is this machine fit to run, and if not, what exactly to do."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.commands.preflight import source_is_there, streams_are_there, tell
from phosphene.consent import Consent, load_consent
from phosphene.doctor import CHECKS
from phosphene.errors import PhospheneError
from phosphene.filters.look import filter_finding
from phosphene.session import Session, load_session
from phosphene.session_look import file_findings, renderer_findings
from phosphene.session_seal import seal_findings
from phosphene.session_stop import missing_stop

__all__ = ["DOCTOR"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="skip the LSL loopback stream")
    parser.add_argument("--session", type=Path, help="session file: are its source, "
                        "LSL streams, model, engine, bundle and consent there?")  # fmt: skip
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
        path, looked = arguments.session, (arguments.lsl_session, arguments.wait)
        session = load_session(path)
        there = [source_is_there(session), _files_are_there(session)]
        there.append(streams_are_there(path, *looked))
        worst = max(worst, int(not all(there)))
    return worst


def _files_are_there(session: Session) -> bool:
    """Tell of painting, bundle and consent; return whether nothing is wrong."""
    found = {
        "renderer": renderer_findings(session.renderer),
        "files": file_findings(session),
        "content filter": (filter_finding(session.gate.filter),),
        "stop device": [one for one in [missing_stop(session)] if one is not None],
        "encryption": seal_findings(session, _consent_of(session)),
    }
    for name, findings in found.items():
        for finding in findings:
            tell(name, finding)
    return all(finding.level != "error" for told in found.values() for finding in told)


def _consent_of(session: Session) -> Consent | None:
    try:
        return None if session.gate.consent is None else load_consent(session.gate.consent)
    except PhospheneError:
        return None  # told among the files


DOCTOR = CliCommand("doctor", "check this machine", _configure, _run)
