"""Whether the audit log's heads are told to a second place, where a cut of its end shows."""

from __future__ import annotations

import os
from pathlib import Path

from phosphene.doctor import Finding
from phosphene.seal.places import SECOND_VARIABLE, state_folder

__all__ = ["second_place_finding"]

_CURE = f"set {SECOND_VARIABLE} to a file on another disk"


def second_place_finding() -> Finding:
    """Look at what `phosphene.seal.places.SECOND_VARIABLE` names; nothing is written there.

    Returns
    -------
    Finding
    """
    named = os.environ.get(SECOND_VARIABLE)
    if not named:
        text = (
            "the audit log has no second place: that its end was cut off shows only against a head "
            "that somebody has kept"
        )
        return Finding("hint", text, _CURE)
    place, state = Path(named), state_folder()
    there = _nearest(place)
    if place.is_dir() or not os.access(there, os.W_OK):
        return Finding("warning", f"the audit log's second place {named} cannot be written", _CURE)
    if there.stat().st_dev == _nearest(state).stat().st_dev:
        return Finding(
            "hint", f"the audit log's second place {named} is on the log's own disk", _CURE
        )
    return Finding("ok", f"heads of the audit log are told to {named}, too")


def _nearest(path: Path) -> Path:
    """Return a path, or the nearest folder above it that is there."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
