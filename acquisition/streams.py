"""Names of the LSL streams of a run, and how far they are looked for."""

from __future__ import annotations

from dataclasses import dataclass

from acquisition.lsl.config import LslConfig
from phosphene.errors import ConfigError, problem
from phosphene.plan import Plan

__all__ = ["StreamNames", "awaited", "lsl_config", "stream_names"]


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
    others = tuple((s,) for s in source.source_ids)
    own = (f"phosphene-{plan.run}-markers",)
    return StreamNames((f"phosphene-{plan.run}-{what}",), (own, *others))


def lsl_config(plan: Plan, *, sends: bool = False) -> LslConfig:
    """Return the LSL settings of a run's process.

    Only streams that the session names may come from another machine; what the run's own bridge
    sends stays on this one.

    Parameters
    ----------
    plan : Plan
        The run.
    sends : bool
        Whether the process sends brain data.

    Raises
    ------
    ConfigError
        If the plan asks for live EEG streams in an fMRI session.
    """
    source = plan.session.source
    live = bool(source.source_ids) and not sends
    if source.kind == "lsl-eeg" and plan.session.modality != "eeg":
        allowed = "modality 'eeg' with source kind 'lsl-eeg'"
        raise ConfigError(problem("modality", plan.session.modality, allowed, "Correct one."))
    return LslConfig(session_id=plan.lsl_session, scope="link" if live else "machine")


def awaited(plan: Plan) -> dict[int, str]:
    """Say what streams of our own bridge wait for, where nothing is wrong until it comes.

    Returns
    -------
    dict
        By place, marker streams first, then the data.
    """
    if "bridge" not in plan.nodes:
        return {}
    live = plan.session.source.live_volumes
    first = "waiting for the first volume" if live else "waiting for the recording"
    return {0: "waiting for the bridge", len(stream_names(plan).markers): first}
