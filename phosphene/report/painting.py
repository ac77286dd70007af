"""What painted the pictures, and every change of it while the run went on."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from phosphene.messages import Painting
from phosphene.report.load import RunData

__all__ = ["painting_of", "painting_rows"]

_NOTED = {
    "model": "model",
    "weights": "weights (SHA-256 begins)",
    "engine": "engine",
    "size_px": "side of a frame, pixels",
}
_FIRST = ("precision", "steps", "mode", "path", "noise_s", "smoothing_s", "seed")


def painting_of(data: RunData) -> dict[str, Any] | None:
    """Tell what painted at the start of the run, and each change.

    Parameters
    ----------
    data : RunData
        The run.

    Returns
    -------
    dict or None
        ``model``, ``weights``, ``engine``, ``size_px`` and ``settings`` at the start; ``changes``,
        each with ``t_s`` (seconds on the run's axis, when the first frame was painted so) and
        ``changed``: by name, what it was and what it became. None where nothing was told.
    """
    if not data.paintings:
        return None
    first, changes = data.paintings[0], []
    for before, after in zip(data.paintings, data.paintings[1:], strict=False):
        old, new = _flat(before), _flat(after)
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if names:
            changed = {name: [old.get(name), new.get(name)] for name in names}
            changes.append({"t_s": _when_s(data, after), "changed": changed})
    told = {name: getattr(first, name) for name in _NOTED}
    return {**told, "settings": dict(first.settings), "changes": changes}


def _flat(painting: Painting) -> dict[str, str]:
    return {**painting.settings, **{name: str(getattr(painting, name)) for name in _NOTED}}


def _when_s(data: RunData, painting: Painting) -> float | None:
    """Return when, on the run's axis; at full speed that is the time of the newest percept."""
    if data.fps is not None:
        first = data.qualities[0] if data.qualities else None
        zero_s = data.zero_s if first is None else first.t_acquired - first.t_data
        return max(0.0, painting.t_sent - zero_s)
    known = (m.header.t_data for m in data.percepts if m.header.t_sent <= painting.t_sent)
    return max(known, default=None)


def painting_rows(painting: Mapping[str, Any]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the lines of two tables, as HTML: what painted at the start, and the changes."""
    settings = painting["settings"]
    names = [n for n in (*_FIRST, *settings) if n in settings and n not in ("model", "size_px")]
    rows = [[words, escape(str(painting[name])) or "-"] for name, words in _NOTED.items()]
    rows += [[escape(name), escape(settings[name])] for name in dict.fromkeys(names)]
    changes = []
    for change in painting["changes"]:
        told = "; ".join(
            f"{_NOTED.get(name, name)}: {'-' if old is None else old} to "
            f"{'-' if new is None else new}"
            for name, (old, new) in change["changed"].items()
        )
        changes.append(["-" if change["t_s"] is None else f"{change['t_s']:.1f}", escape(told)])
    return rows, changes
