"""What can be known of a session before anything starts: its source, and what it does not tell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from phosphene.doctor import Finding
from phosphene.errors import ConfigError
from phosphene.feedback.protocol import Protocol
from phosphene.feedback.readiness import hints_of, troubles_of
from phosphene.session import Session

__all__ = ["require_source", "source_findings"]

_CURE = "correct source.path (it counts from the session file's folder), or make the folder"


def source_findings(session: Session) -> tuple[Finding, ...]:
    """Look at where the data of a session come from.

    Parameters
    ----------
    session : Session
        With absolute paths, as `phosphene.session.load_session` returns it.

    Returns
    -------
    tuple of Finding
        Empty for sources that have no file.
    """
    source, found = session.source, list[Finding]()
    if source.path is not None and (source.folder or source.kind == "recording"):
        found.append(_place(source.path, folder=source.folder))
    if source.folder and session.acquisition.fmri.tr_s is None:
        found.append(
            Finding(
                "hint",
                "acquisition.fmri.tr_s is not set: DICOM and PAR/REC tell their TR, 3-D NIfTI "
                "files do not",
                "for NIfTI set acquisition.fmri.tr_s, or put a BIDS sidecar into the folder",
            )
        )
    return (*found, *_protocol(session))


def _protocol(session: Session) -> list[Finding]:
    """Lay the blocks out, and look at what feedback and control need."""
    if session.protocol is None:
        return []
    if troubles := troubles_of(session):
        return [Finding("error", text, "correct the table [protocol]") for text in troubles]
    protocol = Protocol.of(session.protocol)
    text = f"protocol: {len(protocol.blocks)} blocks until {protocol.end_s:g} s"
    cure = "lengthen the blocks, or give feedback intermittently; for a baseline add rest"
    return [Finding("ok", text), *(Finding("hint", h, cure) for h in hints_of(session))]


def _place(path: Path, *, folder: bool) -> Finding:
    what = "source folder" if folder else "recording"
    name = f"{what} {path.absolute()}"
    try:
        there, is_folder = path.exists(), path.is_dir()
    except OSError as error:  # a folder above it cannot be entered
        return Finding("error", f"{name}: {error.strerror}", "let this user read it")
    if not there:
        return Finding("error", f"{name}: does not exist", _CURE)
    if folder and not is_folder:
        return Finding("error", f"{name}: is not a folder", _CURE)
    if not os.access(path, os.R_OK | (os.X_OK if is_folder else 0)):
        return Finding("error", f"{name}: cannot be read", "let this user read it")
    return Finding("ok", f"{name}: there and readable")


def require_source(findings: Sequence[Finding]) -> None:
    """Refuse to start a session whose source is not there.

    Raises
    ------
    ConfigError
        If a finding is an error.
    """
    wrong = [finding for finding in findings if finding.level == "error"]
    if wrong:
        raise ConfigError("; ".join(f"{finding.text}; {finding.fix}" for finding in wrong))
