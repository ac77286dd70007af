"""Whether a session's protocol can run at all: asked before anybody lies there, and by the gate."""

from __future__ import annotations

from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.feedback.blinding import Assignment, load_assignment
from phosphene.feedback.donor import Donor, checked, load_donor
from phosphene.feedback.protocol import Protocol
from phosphene.feedback.scores import open_score
from phosphene.session import Session
from phosphene.session_protocol import ProtocolSettings

__all__ = ["assignment_of", "check_targets", "donor_for", "hints_of", "troubles_of"]

_FMRI_DELAY_S = 5.0
_LEAST_SHOWN_S = 5.0


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


def hints_of(session: Session, delay_s: float | None = None) -> list[str]:
    """Say what of a protocol works, and hardly as it was meant.

    Parameters
    ----------
    session : Session
        Whose protocol can run.
    delay_s : float or None
        Of the decoder, in seconds; None takes what is usual.
    """
    settings = session.protocol
    if settings is None:
        return []
    protocol, found = Protocol.of(settings), list[str]()
    late_s = settings.score.delay_s
    if late_s is None:
        usual_s = _FMRI_DELAY_S if session.modality == "fmri" else 0.0
        late_s = usual_s if delay_s is None else delay_s
    tried = [b for b in protocol.blocks if b.kind == "regulate"]
    short = min((b.end_s - b.onset_s for b in tried), default=None)
    if protocol.continuous and short is not None and short < late_s + _LEAST_SHOWN_S:
        found.append(
            f"a block of regulation lasts {short:g} s, and what is measured comes about "
            f"{late_s:g} s late: of its own activity only the last {max(0.0, short - late_s):g} s "
            "show feedback"
        )
    baseline = settings.shape.baseline or open_score(settings.score).baseline
    if baseline != "none" and not any(b.kind == "rest" for b in protocol.blocks):
        found.append(f"the baseline is {baseline} rest, and there is no block of rest")
    return found
