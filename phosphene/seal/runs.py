"""Begin and end of a run in the audit log."""

from __future__ import annotations

from pathlib import Path

from phosphene.consent import Consent
from phosphene.consent.confirm import Confirmation
from phosphene.errors import SealError
from phosphene.seal.places import audit_in, state_folder
from phosphene.session import Session

__all__ = ["audit_begin", "audit_end"]


def audit_begin(
    run: str,
    mode: str,
    session: Session,
    consent: Consent | None,
    confirmation: Confirmation | None = None,
) -> tuple[Path | None, str]:
    """Write the begin of a run into this machine's audit log.

    Returns
    -------
    folder : Path or None
        Folder of the log; None where it cannot be written, which is told and stops nothing.
    head : str
        Where the log ends now; a recording holds it as a second place.
    """
    out, seal = session.recorder.out, session.recorder.seal
    folder = state_folder()
    try:
        log = audit_in(folder)
        log.add(
            "run begun",
            run=run,
            mode=mode,
            person=session.person,
            consent=" ".join(sorted(consent.scopes)) if consent else "none",
            consent_of=consent.person if consent else "",
            consent_id=consent.id if consent else "",
            consent_signed=consent.signature.role if consent and consent.signature else "no",
            confirmed_by=confirmation.by if confirmation else "",
            consent_until=consent.expires.isoformat() if consent else "",
            records="nothing" if out is None else "sealed" if seal else "openly",
        )
        head = log.checkpoint()
    except (OSError, SealError) as error:
        print(f"no audit log is kept: {error}")
        return None, ""
    if log.trouble:
        print(log.trouble)
    return folder, str(head)


def audit_end(folder: Path | None, run: str, status: str, *, interrupted: bool) -> None:
    """Write the end of a run into the log that its begin is in, and tell the head."""
    if folder is None:
        return
    try:
        log = audit_in(folder)
        log.add("run ended", run=run, status=status, interrupted=str(interrupted).lower())
        print(f"audit log: head {log.checkpoint()}")
        if log.trouble:
            print(log.trouble)
    except (OSError, SealError) as error:
        print(f"the end of the run is not in the audit log: {error}")
