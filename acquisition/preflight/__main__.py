"""``python -m acquisition.preflight SESSION``: list required streams and those that answer."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pylsl

from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import EegFormat
from acquisition.lsl.link import StreamWanted, resolve
from acquisition.preflight.judge import (
    Finding,
    Present,
    Required,
    judge,
    others,
    required_of,
)
from acquisition.preflight.settings import settings_findings
from phosphene.errors import PhospheneError
from phosphene.session import Session, load_session

__all__ = ["look", "main"]

# A second stream with the same id may answer later than the first.
_TWIN_S = 1.5
_LOOK_S = 0.1
_ASK_S = 3.0
_MARKS = {"ok": "ok     ", "hint": "hint   ", "warning": "warning", "error": "ERROR  "}
_FORMATS = {
    pylsl.cf_float32: "float32", pylsl.cf_double64: "double64", pylsl.cf_string: "string",
    pylsl.cf_int8: "int8", pylsl.cf_int16: "int16", pylsl.cf_int32: "int32",
    pylsl.cf_int64: "int64",
}  # fmt: skip


def look(required: Sequence[Required], wait_s: float) -> list[Present]:
    """Return the streams that answer, as soon as all required ones do, else after `wait_s`.

    Parameters
    ----------
    required : sequence of Required
        What is waited for; what may be missing is not.
    wait_s : float
        Longest wait in seconds; at least a second and a half is spent to see twins.
    """
    resolver = pylsl.ContinuousResolver(forget_after=_TWIN_S + 5)
    start_s = time.monotonic()
    while True:
        present = [_present(info) for info in resolver.results()]
        ids = {stream.source_id for stream in present}
        waited_s = time.monotonic() - start_s
        complete = all(wanted.source_id in ids or wanted.optional for wanted in required)
        if waited_s >= _TWIN_S and (complete or waited_s >= wait_s):
            return present
        time.sleep(_LOOK_S)


def _present(info: pylsl.StreamInfo) -> Present:
    return Present(
        source_id=info.source_id(),
        name=info.name(),
        kind=info.type(),
        host=info.hostname(),
        uid=info.uid(),
        channels=info.channel_count(),
        rate_hz=info.nominal_srate(),
        format=_FORMATS.get(info.channel_format(), "another format"),
    )


def _tell_program(findings: Sequence[Finding]) -> None:
    """Tell it to a program: one JSON object on each line."""
    for found in findings:
        level, wanted = "ok" if found.good else "error", found.required
        text = f"{wanted.role} {wanted.source_id!r}: {found.verdict} ({found.text})"
        print(json.dumps({"level": level, "text": text}))


def _tell(findings: Sequence[Finding], rest: Sequence[Present]) -> None:
    for found in findings:
        mark = "ok     " if found.good else "ERROR  "
        wanted = found.required
        print(f"{mark}  {wanted.role} {wanted.source_id!r}: {found.verdict} ({found.text})")
    if rest:
        print("         streams that answer and are not taken:")
    for stream in rest:
        print(f"           {stream.source_id!r}: {stream.kind} {stream}")


def main(argv: Sequence[str] | None = None) -> int:
    """Look, tell, and return 0 when the session may start, 3 when it may not."""
    parser = argparse.ArgumentParser(prog="python -m acquisition.preflight")
    parser.add_argument("session", type=Path, help="session file (TOML)")
    parser.add_argument("--lsl-session", default="default", help="LSL session id of the streams")
    parser.add_argument("--wait", type=float, default=5.0, help="seconds to wait for streams")
    parser.add_argument("--without", action="append", default=[], help="id that may be missing")
    parser.add_argument("--json", action="store_true", help="tell it to a program")
    arguments = parser.parse_args(argv)
    try:
        session = load_session(arguments.session)
        required = required_of(session.source, arguments.without)
        configure_lsl(LslConfig(session_id=arguments.lsl_session, scope="link"))
    except PhospheneError as error:
        print(f"preflight: {error}", file=sys.stderr)
        return 1
    present = look(required, arguments.wait)
    findings = judge(required, present)
    if arguments.json:
        _tell_program(findings)
    else:
        _tell(findings, others(required, present))
    fits = _fits(session, findings, program=arguments.json)
    return 0 if fits and all(found.good for found in findings) else 3


def _fits(session: Session, findings: Sequence[Finding], *, program: bool) -> bool:
    """Tell what is wrong with the settings; return whether the session may start."""
    there = [found.required for found in findings if found.verdict == "there"]
    eeg = next((wanted.source_id for wanted in there if wanted.role == "EEG"), None)
    ids = [wanted.source_id for wanted in there]
    told = settings_findings(session, None if eeg is None else _layout(eeg), ids)
    for found in told:
        if program:
            print(json.dumps({"level": found.level, "text": f"settings: {found.text}"}))
        else:
            print(f"{_MARKS[found.level]}  settings: {found.text}")
    return not any(found.level == "error" for found in told)


def _layout(source_id: str) -> EegFormat | None:
    """Ask a stream for its channels; None where it has gone meanwhile."""
    try:
        info = resolve(StreamWanted((source_id,), "float32", local=False, sole=True), _ASK_S)
        return EegFormat.of(pylsl.StreamInlet(info, recover=False).info(_ASK_S))
    except (PhospheneError, RuntimeError):  # RuntimeError: liblsl's timeout and loss
        return None


if __name__ == "__main__":
    sys.exit(main())
