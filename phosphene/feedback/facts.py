"""What the start document of a run says about its protocol: the same in both arms of a study."""

from __future__ import annotations

import json

from phosphene.errors import SealError
from phosphene.feedback.blinding import load_assignment
from phosphene.feedback.protocol import Protocol
from phosphene.feedback.scores import open_score
from phosphene.session import Session
from phosphene.session_protocol import ProtocolSettings, ScoreSettings

__all__ = ["PREFIX", "facts_of"]

PREFIX = "protocol_"


def facts_of(session: Session) -> dict[str, str]:
    """Return the facts; none without a protocol. No file name, and nothing that tells the arm.

    Parameters
    ----------
    session : Session
        The validated session.

    Raises
    ------
    ConfigError
        If the protocol cannot be laid out.
    """
    settings = session.protocol
    if settings is None:
        return {}
    protocol, score, shape = Protocol.of(settings), open_score(settings.score), settings.shape
    kinds = [block.kind for block in protocol.blocks]
    low, high = shape.limits or score.limits
    found = {
        "blocks": ", ".join(f"{kinds.count(k)} {k}" for k in dict.fromkeys(kinds)),
        "length": f"{protocol.end_s:g} s",
        "display": settings.display,
        "feedback": settings.feedback,
        "score": _score_words(settings.score, score.unit),
        "baseline": shape.baseline or score.baseline,
        "smoothing": f"{shape.smoothing_s:g} s",
        "limits": f"{low:g} to {high:g} {score.unit}" + (
            f", then percentiles {shape.percentiles[0]:g} to {shape.percentiles[1]:g} of the "
            "values so far" if shape.running else ""),
        "direction": shape.direction,
        "control": _control(settings),
        "conditions": ", ".join(dict.fromkeys(b.condition for b in protocol.blocks if b.condition)),
        "instructions": " | ".join(
            dict.fromkeys(b.instruction for b in protocol.blocks if b.instruction)),
        "crednf": json.dumps(settings.crednf) if settings.crednf else "",
    }  # fmt: skip
    return {PREFIX + name: text for name, text in found.items() if text}


def _score_words(score: ScoreSettings, unit: str) -> str:
    more = {
        "similarity": f"of {score.of} by {score.measure or 'correlation'}",
        "category": score.measure or "probability",
        "region": score.region or "",
        "power": f"{score.band_hz[0]:g} to {score.band_hz[1]:g} Hz, "
        + (", ".join(score.channels) or "all channels"),
    }.get(score.kind, "")
    return f"{score.kind} {more}".strip() + (f", {unit}" if unit != "1" else "")


def _control(settings: ProtocolSettings) -> str:
    if settings.assignment is not None:
        try:
            found = load_assignment(settings.assignment)
        except SealError:
            return "double-blind"
        return f"double-blind, assignment {found.id}, SHA-256 {found.sha256}"
    if settings.sham:
        return "sham, known to the operator: scores of another run"
    return ""
