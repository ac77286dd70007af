"""What the window has to know of a plan. No Qt."""

from __future__ import annotations

from pathlib import Path

from gui.viewers.state import ViewerModel
from phosphene.plan import Plan

__all__ = ["is_blind", "is_recorded", "source_name", "viewer_of"]


def source_name(plan: Plan) -> str:
    """Return the name of the stream of samples: as the session calls it; empty for volumes."""
    if plan.session.modality != "eeg":
        return ""
    source = plan.session.source
    ids = getattr(source, "source_ids", ())
    path = getattr(source, "path", None)
    return str(ids[0]) if ids else "the source" if path is None else Path(path).name


def is_recorded(plan: Plan) -> bool:
    """Return whether the run is recorded."""
    return plan.out is not None and "recorder" in plan.nodes


def is_blind(plan: Plan) -> bool:
    """Return whether the run is double-blind: then the operator learns nothing that was decoded."""
    return plan.session.protocol is not None and plan.session.protocol.assignment is not None


def viewer_of(plan: Plan) -> ViewerModel:
    """Return what follows the participant's window."""
    protocol = plan.session.protocol is not None
    return ViewerModel(protocol=protocol, recording=is_recorded(plan), pace=plan.speed)
