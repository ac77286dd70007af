"""Whether the source and the LSL streams are there that a session names.

For the streams a process of acquisition looks.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from phosphene.doctor import Finding
from phosphene.errors import ConfigError, NodeError
from phosphene.session import Session
from phosphene.session_check import source_findings

__all__ = ["reduced", "require_streams", "source_is_there", "streams_are_there", "tell"]

_MARKS = {"ok": "ok     ", "hint": "hint   ", "warning": "warning", "error": "ERROR  "}
_MISSING = 3
_PATIENCE_S = 30.0


def tell(name: str, finding: Finding) -> None:
    """Print a finding, and what to do about it."""
    print(f"{_MARKS[finding.level]}  {name}: {finding.text}")
    if finding.fix:
        print(f"         {'if so' if finding.level == 'hint' else 'fix'}: {finding.fix}")


def source_is_there(session: Session) -> bool:
    """Tell what there is to know of a session's source; return whether it can be used."""
    findings = source_findings(session)
    for finding in findings:
        tell("source", finding)
    return not any(finding.level == "error" for finding in findings)


def streams_are_there(
    session: Path, lsl_session: str, wait_s: float, without: Sequence[str] = ()
) -> bool:
    """List required streams and those that answer; return whether the session may start.

    Parameters
    ----------
    session : Path
        Session file.
    lsl_session : str
        LSL session id of the streams.
    wait_s : float
        Seconds to wait for them.
    without : sequence of str
        Ids that may be missing.

    Raises
    ------
    NodeError
        If it cannot be found out.
    """
    options = [part for name in without for part in ("--without", name)]
    command = [sys.executable, "-m", "acquisition.preflight", str(session), *options]
    command += ["--lsl-session", lsl_session, "--wait", f"{wait_s:g}"]
    sys.stdout.flush()
    done = subprocess.run(command, check=False, timeout=wait_s + _PATIENCE_S)
    if done.returncode not in (0, _MISSING):
        raise NodeError("the streams could not be looked for; the reason stands above")
    return done.returncode == 0


def require_streams(session: Path, lsl_session: str, wait_s: float, without: Sequence[str]) -> None:
    """Refuse to start a session whose streams are not there.

    Raises
    ------
    ConfigError
        If one is missing, claimed by several or unfit.
    """
    if not streams_are_there(session, lsl_session, wait_s, without):
        raise ConfigError(
            "the session does not start: see the streams and settings above. Start the missing "
            "source, correct source_ids, --lsl-session or the settings, or say --without ID to "
            "start without that stream"
        )


def reduced(session: Session, without: Sequence[str]) -> Session:
    """Return the session without the marker streams that it is to start without.

    The EEG stream stays: its session waits for it, and says so.
    """
    source = session.source
    eeg = source.source_ids[:1] if source.kind == "lsl-eeg" else ()
    kept = tuple(s for s in source.source_ids if s in eeg or s not in without)
    return session.model_copy(update={"source": source.model_copy(update={"source_ids": kept})})
