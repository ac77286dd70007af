"""What the timeline says at a time, and which lanes it has. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from gui.replay.recording import Recording
from gui.replay.rights import Rights
from gui.texts import mark, told, tr
from phosphene import quality as names

__all__ = ["VIEWS", "Graph", "confidence_of", "graphs_of", "hint_at", "views_of"]

VIEWS = {
    "operator": mark("operator blank"),
    "self": mark("participant blank"),
    "observer": mark("observers blank"),
}
_NEAR_PX = 4
_USED = ("operator", "self")


@dataclass(frozen=True)
class Graph:
    """One curve of the timeline.

    Attributes
    ----------
    words : str
        What it is, with its unit.
    t_s, y : list of float
        Times and values.
    top : float
        Value at the upper edge; the lower one is 0.
    levels : tuple of float
        Limits that are drawn as lines.
    """

    words: str
    t_s: list[float]
    y: list[float]
    top: float
    levels: tuple[float, ...] = ()


def views_of(recording: Recording) -> list[str]:
    """Return the views with a lane of their own: operator and participant, observers if they saw.

    Observers of most runs see nothing at any time, which is no news.
    """
    ever = any(
        spell.start_s > 0 or spell.end_s < recording.end_s
        for spell in recording.blank.get("observer", [])
    )
    return [*_USED, "observer"] if ever else list(_USED)


def confidence_of(recording: Recording, rights: Rights, letter: str = "") -> list[Graph]:
    """Return the curve of confidence where it may be shown, with the letter of a side."""
    if not recording.decoded or rights.results:
        return []
    at = [d.t_s for d in recording.decoded]
    words = f"{tr('confidence')} {letter}".rstrip()
    return [Graph(words, at, [d.confidence for d in recording.decoded], 1.0)]


def graphs_of(recording: Recording, rights: Rights, letter: str = "") -> list[Graph]:
    """Return the curves of quality and, where it may be shown, of confidence."""
    graphs = []
    t_s, fd = recording.series(names.FD)
    if t_s:
        values = recording.steps[-1].values
        low = values.get(names.FD_LOW, names.FD_LOW_MM)
        high = values.get(names.FD_HIGH, names.FD_HIGH_MM)
        top = max(2 * high, min(max(fd), 6 * high))
        graphs.append(Graph(tr("FD, mm"), t_s, fd, top, (low, high)))
    t_s, bad = recording.series("bad_channels")
    if t_s:
        graphs.append(Graph(tr("bad channels"), t_s, bad, max(4.0, *bad)))
    return graphs + confidence_of(recording, rights, letter)


def hint_at(recording: Recording, t_s: float, s_per_px: float) -> str:
    """Say what was at a time, in lines."""
    lines = [tr("{t} s", t=f"{t_s:.1f}")]
    seen = recording.truth.at(t_s)
    if seen.kind in ("scene", "label"):
        lines.append(tr("shown: {label}", label=seen.label))
    near = [m for m in recording.marks if abs(m.t_s - t_s) <= _NEAR_PX * s_per_px]
    for found in near[:4]:
        own, label = found.own, found.label
        lines.append(
            tr("marker: {label}", label=label) if own else tr("event: {label}", label=label)
        )
    for view in views_of(recording):
        spell = recording.blank_at(view, t_s)
        if spell is not None:
            lines.append(f"{tr(VIEWS[view])}: {told(spell.reason)}")
    return "\n".join(lines)
