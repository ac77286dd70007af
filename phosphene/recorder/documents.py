"""Start and stop documents of a run."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any, Literal

import msgspec

from phosphene.errors import RecordingError, problem
from phosphene.messages import RunStart, RunStop
from phosphene.plan import SINKS, Plan
from phosphene.seal.header import Header

__all__ = ["StopFacts", "audit_facts", "metadata_of", "start_facts"]

Status = Literal["success", "abort", "fail"]
PACKAGES = ("phosphene", "numpy", "onnxruntime", "mcap", "pyzmq")


def _versions() -> dict[str, str]:
    return {"version_python": platform.python_version()} | {
        f"version_{name}": version(name) for name in PACKAGES
    }


def start_facts(plan: Plan, part: int, keep_until: datetime | None = None) -> dict[str, str]:
    """Gather what a reader of the recording must know, in words; the plan's own facts win.

    Parameters
    ----------
    plan : Plan
        The run.
    part : int
        Number of the file within the folder.
    keep_until : datetime or None
        When the recording is to be erased.
    """
    session, consent = plan.session, plan.consent
    renderer = session.renderer
    facts = {
        "part": str(part),
        "speed": "max" if plan.speed is None else f"{plan.speed:g}",
        "fps": f"{renderer.fps:g}",
        "steps": str(renderer.steps),
        "conditioning": renderer.mode,
        "seed": str(renderer.seed),
        "nodes": " ".join(plan.nodes),
        "consent_person": consent.person if consent else "",
        "consent_scopes": " ".join(sorted(consent.scopes)) if consent else "",
        "consent_expires": consent.expires.isoformat() if consent else "",
        "consent_id": consent.id if consent else "",
        "consent_signed_by": consent.signature.signer if consent and consent.signature else "",
        "confirmed_by": plan.confirmation.by if plan.confirmation else "",
        "confirmed_at": plan.confirmation.at.isoformat() if plan.confirmation else "",
        "confirmed_words": plan.confirmation.words_sha256 if plan.confirmation else "",
        "visit": session.consent.visit or "",
        "study": session.consent.study,
        "keep_until": keep_until.isoformat() if keep_until else "",
        "record_images": str(session.recorder.images).lower(),
        "programme": plan.programme,
    }
    facts |= {f"level_{s}": str(getattr(session.gate, f"level_{s}")) for s in SINKS}
    eeg = session.acquisition.eeg
    if session.modality == "eeg" and "notch_hz" in eeg.model_fields_set and eeg.notch_hz:
        # Only where somebody said so: the default is no measurement of the mains.
        facts["mains_hz"] = f"{eeg.notch_hz:g}"
    return facts | _versions() | plan.facts


def audit_facts(header: Header | None, part: int) -> dict[str, str]:
    """Return what the audit log says of a new recording; None has no seal."""
    facts = {"part": str(part), "sealed": str(header is not None).lower()}
    if header is None:
        return facts
    sealed = {
        "recording": header.core.id,
        "header": header.digest.hex(),
        "stewards": " ".join(header.fingerprints),
        "keep_until": header.core.keep_until,
    }
    return facts | sealed


class StopFacts(msgspec.Struct, frozen=True):
    """How a run ended, as the supervisor tells the recorder.

    Attributes
    ----------
    exit_status : str
        ``success``, ``abort`` or ``fail``.
    reason : str
        In words.
    interrupted : bool
        Whether a node fell and was started again.
    counts : dict
        Counters of each node.
    """

    exit_status: Status = "abort"
    reason: str = "stopped without a finish command"
    interrupted: bool = False
    counts: dict[str, dict[str, int]] = {}

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, str]) -> StopFacts:
        """Read the arguments of a ``finish`` command.

        Raises
        ------
        RecordingError
            If an argument is missing or not what it should be.
        """
        try:
            raw = {
                "exit_status": arguments["exit_status"],
                "reason": arguments.get("reason", ""),
                "interrupted": json.loads(arguments.get("interrupted", "false")),
                "counts": json.loads(arguments.get("counts", "{}")),
            }
            return msgspec.convert(raw, cls)
        except (KeyError, ValueError) as error:
            allowed = "exit_status success|abort|fail, interrupted true|false, counts as JSON"
            raise RecordingError(
                problem("finish", dict(arguments), allowed, f"Correct: {error!r}.")
            ) from error


def metadata_of(header: RunStart | RunStop) -> dict[str, str]:
    """Return a document as MCAP metadata: every value a string."""
    facts: dict[str, Any] = msgspec.to_builtins(header)
    nested = facts.pop("facts", {})
    facts.pop("arrays")
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in {**facts, **nested}.items()}
