"""Names of the LSL streams of a run, and how far they are looked for."""

from __future__ import annotations

from dataclasses import dataclass

from acquisition.lsl.config import LslConfig
from phosphene.errors import ConfigError, problem
from phosphene.plan import Plan

__all__ = ["StreamNames", "lsl_config", "stream_names"]


@dataclass(frozen=True)
class StreamNames:
    """Exact LSL source ids that a run listens to.

    Attributes
    ----------
    data : tuple of str
        Volumes or EEG.
    markers : tuple of tuple of str
        One entry for each marker stream.
    """

    data: tuple[str, ...]
    markers: tuple[tuple[str, ...], ...]


def stream_names(plan: Plan) -> StreamNames:
    """Return the streams of a run: those of its own bridge, or those that the session names."""
    source = plan.session.source
    if source.kind == "lsl-eeg":
        return StreamNames((source.source_ids[0],), tuple((s,) for s in source.source_ids[1:]))
    what = "volumes" if plan.session.modality == "fmri" else "eeg"
    return StreamNames((f"phosphene-{plan.run}-{what}",), ((f"phosphene-{plan.run}-markers",),))


def lsl_config(plan: Plan) -> LslConfig:
    """Return the LSL settings of a run; only a live amplifier may stand on another machine.

    Raises
    ------
    ConfigError
        If the plan asks for live EEG streams in an fMRI session.
    """
    live = plan.session.source.kind == "lsl-eeg"
    if live and plan.session.modality != "eeg":
        allowed = "modality 'eeg' with source kind 'lsl-eeg'"
        raise ConfigError(problem("modality", plan.session.modality, allowed, "Correct one."))
    return LslConfig(session_id=plan.lsl_session, scope="link" if live else "machine")
