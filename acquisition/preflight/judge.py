"""Which streams a session needs, which are there, and what is wrong. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from phosphene.errors import ConfigError, problem
from phosphene.session import SourceSettings

__all__ = ["Finding", "Present", "Required", "judge", "others", "required_of"]

Verdict = Literal["there", "missing", "left out", "several", "unfit"]


@dataclass(frozen=True, slots=True)
class Required:
    """A stream that a session names.

    Attributes
    ----------
    source_id : str
        Exact LSL source id.
    role : str
        ``EEG`` or ``markers``.
    optional : bool
        The session may start without it: somebody said so.
    """

    source_id: str
    role: Literal["EEG", "markers"]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """A stream that answers.

    Attributes
    ----------
    source_id, name, kind, host, uid : str
        As it describes itself.
    channels : int
        Number of channels.
    rate_hz : float
        Declared rate in hertz, 0 for irregular.
    format : str
        Type of its values.
    """

    source_id: str
    name: str
    kind: str
    host: str
    uid: str
    channels: int
    rate_hz: float
    format: str

    def __str__(self) -> str:
        rate = f"{self.rate_hz:g} Hz" if self.rate_hz else "irregular"
        return f"{self.name!r} on {self.host}, {self.channels} x {self.format}, {rate}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one required stream.

    Attributes
    ----------
    required : Required
        The stream.
    verdict : str
        ``there``; or why not: ``missing``, ``left out`` (missing, and that is agreed), ``several``
        (more than one stream claims the id), ``unfit`` (not of the needed kind).
    text : str
        What was seen.
    """

    required: Required
    verdict: Verdict
    text: str

    @property
    def good(self) -> bool:
        """True when the session may start as far as this stream goes."""
        return self.verdict in ("there", "left out")


def required_of(source: SourceSettings, without: Sequence[str] = ()) -> tuple[Required, ...]:
    """List the streams that a session names.

    Parameters
    ----------
    source : SourceSettings
        The session's source.
    without : sequence of str
        Ids that may be missing.

    Raises
    ------
    ConfigError
        If `without` names a stream that the session does not.
    """
    if unknown := [name for name in without if name not in source.source_ids]:
        allowed = ", ".join(source.source_ids) or "none: the session names no stream"
        raise ConfigError(problem("--without", ", ".join(unknown), allowed, "Correct it."))
    eeg = source.source_ids[:1] if source.kind == "lsl-eeg" else ()
    return tuple(
        Required(name, "EEG" if name in eeg else "markers", name in without)
        for name in source.source_ids
    )


def judge(required: Sequence[Required], present: Sequence[Present]) -> tuple[Finding, ...]:
    """Compare what is required with what answers; only exact ids count, names never."""
    return tuple(_judge(wanted, present) for wanted in required)


def _judge(wanted: Required, present: Sequence[Present]) -> Finding:
    found = {stream.uid: stream for stream in present if stream.source_id == wanted.source_id}
    if not found:
        verdict: Verdict = "left out" if wanted.optional else "missing"
        return Finding(wanted, verdict, "no stream has this source id")
    if len(found) > 1:
        return Finding(wanted, "several", "; ".join(map(str, found.values())))
    (stream,) = found.values()
    if wanted.role == "EEG":
        fit = stream.format == "float32" and stream.rate_hz > 0
        need = "float32 at a regular rate"
    else:
        fit, need = stream.format == "string" and stream.channels == 1, "one channel of strings"
    if not fit:
        return Finding(wanted, "unfit", f"{stream}; {wanted.role} must be {need}")
    return Finding(wanted, "there", str(stream))


def others(required: Sequence[Required], present: Sequence[Present]) -> tuple[Present, ...]:
    """List streams that answer and are not taken, for those who look for a misspelt id."""
    ids = {wanted.source_id for wanted in required}
    return tuple({s.uid: s for s in present if s.source_id not in ids}.values())
