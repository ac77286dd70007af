"""When data, markers or a node were away, from the recorded samples and sentences of the nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from phosphene.report.load import RunData

__all__ = ["interruptions_of"]

_AWAY = re.compile(r"^(?:(?P<stream>.+): )?(?:the source went away|no data for [\d.]+ s)$")
_LISTED_S = 0.5
_TOLD_S = 2.0
_MOST = 100


def interruptions_of(data: RunData) -> list[dict[str, Any]]:
    """List what was away, in order of time.

    Parameters
    ----------
    data : RunData
        The run.

    Returns
    -------
    list of dict
        ``t_s`` (seconds after the first data; None for the whole run), ``stream``, ``length_s``
        (None where that is not known) and ``what`` in words. Gaps of less than half a second are
        told together.
    """
    found = [_told(None, name, None, "not there, the run went on without it")
             for name in data.facts.get("without", "").split(", ") if name]  # fmt: skip
    for gap in (gap for gap in data.lost if gap.length_s >= _LISTED_S):
        found.append(_told(gap.data_s, gap.stream, gap.length_s, "samples did not come"))
    short_s = [gap.length_s for gap in data.lost if gap.length_s < _LISTED_S]
    if short_s:
        what = f"{len(short_s)} gaps of less than {_LISTED_S:g} s, together"
        found.append(_told(None, data.lost[0].stream, sum(short_s), what))
    found += _away(data)
    found += _restarted(data)
    found.sort(key=lambda row: -1.0 if row["t_s"] is None else row["t_s"])
    if len(found) > _MOST:
        what = f"and {len(found) - _MOST} more interruptions"
        found = [*found[:_MOST], _told(None, "", None, what)]
    return found


def _told(t_s: float | None, stream: str, length_s: float | None, what: str) -> dict[str, Any]:
    return {"t_s": t_s, "stream": stream, "length_s": length_s, "what": what}


def _away(data: RunData) -> Iterable[dict[str, Any]]:
    """Yield spells that the nodes told of and that are no gap between samples already."""
    zero_s = data.zero_s
    for stream, begin_s, end_s in _spells(data):
        known = any(begin_s < gap.after_s + 1 and end_s > gap.before_s - 1 for gap in data.lost)
        is_data = not stream.startswith("markers")
        if end_s - begin_s < _TOLD_S or (is_data and known):
            continue
        for_good = is_data and data.newest_s <= begin_s + _TOLD_S
        what = "no data, and none came back" if for_good else "the source was away"
        yield _told(max(0.0, begin_s - zero_s), stream or "data", end_s - begin_s, what)


def _spells(data: RunData) -> list[tuple[str, float, float]]:
    """Return stream, begin and end (LSL clock) of what was away in successive beats."""
    found: list[tuple[str, float, float]] = []
    for node in sorted({node for _, node, _ in data.told}):
        running: dict[str, tuple[float, float]] = {}
        for t_s, _, note in (row for row in data.told if row[1] == node):
            matches = [_AWAY.match(part.strip()) for part in note.split("; ")]
            away = {match["stream"] or "" for match in matches if match}
            for stream in set(running) - away:
                begin_s, _ = running.pop(stream)
                found.append((stream, begin_s, t_s))
            for stream in away:
                running[stream] = (running.get(stream, (t_s, t_s))[0], t_s)
        found += [(stream, begin_s, end_s) for stream, (begin_s, end_s) in running.items()]
    return found


def _restarted(data: RunData) -> Iterable[dict[str, Any]]:
    lives: dict[str, list[float]] = {}
    for (node, _), first_s in data.lives.items():
        lives.setdefault(node, []).append(first_s)
    for node, begins_s in lives.items():
        for t_s in sorted(begins_s)[1:]:
            yield _told(max(0.0, t_s - data.zero_s), node, None, "the node was started again")
