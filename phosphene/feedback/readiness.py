"""Whether a session's protocol can run at all: asked before anybody lies there, and by the gate."""

from __future__ import annotations

from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.feedback.blinding import Assignment, load_assignment
from phosphene.feedback.donor import Donor, checked, load_donor
from phosphene.feedback.protocol import Protocol
from phosphene.feedback.scores import open_score
from phosphene.session import Session
from phosphene.session_protocol import ProtocolSettings

__all__ = ["assignment_of", "check_targets", "donor_for", "troubles_of"]


def check_targets(settings: ProtocolSettings, protocol: Protocol) -> None:
    """Refuse a protocol whose blocks name nothing to go for.

    Raises
    ------
    ConfigError
        If a block of regulation has no target, or one that nobody knows.
    """
    score = settings.score
    if score.kind not in ("similarity", "category"):
        return
    without = [b.index for b in protocol.blocks if b.kind == "regulate" and not b.target]
    if without:
        allowed = "a target in each block of regulation, or in protocol.score"
        raise ConfigError(problem("protocol target", f"none in blocks {without}", allowed,
                                  "Name one."))  # fmt: skip
    if score.kind == "similarity":
        from phosphene.feedback.targets import Targets

        targets = Targets.of(score)
        for name in {n for b in protocol.blocks for n in (b.target, b.foil) if n}:
            targets[name]


def donor_for(session: Session, protocol: Protocol) -> Donor | None:
    """Return the donor of a session, None where it has none.

    Raises
    ------
    ConfigError
        If the donor does not fit the run.
    """
    settings = session.protocol
    if settings is None or settings.donor is None:
        return None
    return checked(
        load_donor(settings.donor), protocol, settings.score.kind, session.person,
        same_person=settings.same_person,
    )  # fmt: skip


def assignment_of(session: Session) -> Assignment | None:
    """Return the sealed assignment of a session, None where it is not double-blind.

    Raises
    ------
    ConfigError, SealError
        If it is for somebody else, cannot be read, or nothing seals the run's scores.
    """
    settings = session.protocol
    if settings is None or settings.assignment is None:
        return None
    if not session.recorder.seal:
        raise ConfigError("protocol.assignment: a double-blind run needs [recorder] seal, the "
                          "key of a steward who alone can open the scores")  # fmt: skip
    found = load_assignment(settings.assignment)
    if found.person != session.person:
        raise ConfigError(problem("protocol.assignment", "one for another person",
                                  f"that of {session.person}", "Choose it."))  # fmt: skip
    return found


def troubles_of(session: Session) -> list[str]:
    """Say why the protocol of a session cannot run; nothing where it can, or there is none."""
    settings = session.protocol
    if settings is None:
        return []
    found: list[str] = []
    try:
        protocol = Protocol.of(settings)
        open_score(settings.score)
        check_targets(settings, protocol)
    except PhospheneError as error:
        return [str(error)]
    for check in (lambda: donor_for(session, protocol), lambda: assignment_of(session)):
        try:
            check()
        except PhospheneError as error:
            found.append(str(error))
    return found
