"""When data, markers or a node were away, from the recorded samples and sentences of the nodes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from phosphene.report.load import RunData

__all__ = ["interruptions_of", "quiet_end_s"]

_AWAY = re.compile(r"^(?:(?P<stream>.+): )?(?:the source went away|no data for [\d.]+ s)$")
_LENGTH = re.compile(r"([\d.]+) s")
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
    zero_s, over = data.zero_s, quiet_end_s(data) is not None
    for stream, begin_s, end_s in _spells(data):
        known = any(begin_s < gap.after_s + 1 and end_s > gap.before_s - 1 for gap in data.lost)
        if end_s - begin_s < _TOLD_S or (_is_data(stream) and known):
            continue
        for_good = _for_good(data, stream, begin_s)
        if for_good and over:
            continue
        what = "no data, and none came back" if for_good else "the source was away"
        yield _told(max(0.0, begin_s - zero_s), stream or "data", end_s - begin_s, what)


def _is_data(stream: str) -> bool:
    return not stream.startswith("markers")


def _for_good(data: RunData, stream: str, begin_s: float) -> bool:
    newest_s = data.newest_s
    if not math.isfinite(newest_s):  # data that are not recorded are known by their quality
        newest_s = max((quality.t_sent for quality in data.qualities), default=-math.inf)
    return _is_data(stream) and newest_s <= begin_s + _TOLD_S


def quiet_end_s(data: RunData) -> float | None:
    """Return for how long a scan was over when somebody ended the run; None where it was not.

    A scanner does not say that it has finished: it sends nothing more. That is no interruption
    where everything that was announced had come, nothing else went on, and the run was then ended
    in order. An amplifier sends for as long as it is on: its silence is never such an end.
    """
    spells = [s for s in _spells(data) if s[2] - s[1] >= _TOLD_S and _for_good(data, s[0], s[1])]
    if not spells or not _ended_in_order(data) or not _complete(data):
        return None
    begin_s = min(begin_s for _, begin_s, _ in spells)
    if any(event.t_sent > begin_s + _TOLD_S for event in data.events):
        return None
    return max(end_s - begin_s for _, begin_s, end_s in spells)


def _ended_in_order(data: RunData) -> bool:
    start, stop = data.start, data.stop
    if start is None or stop is None or start.modality != "fmri":
        return False
    return stop.exit_status == "success" and stop.reason.startswith("stopped by ")


def _complete(data: RunData) -> bool:
    """Tell whether as many volumes came, and as long a run, as was announced."""
    taken = data.volumes or {quality.index for quality in data.qualities}
    if not taken:
        return False
    number = max(taken) + 1
    if number < data.counters().get("bridge", {}).get("volumes_planned", 0):
        return False
    length = _LENGTH.fullmatch(data.facts.get("protocol_length", ""))
    last_s = max((quality.t_data for quality in data.qualities), default=0.0)
    # The last volume covers the time until the next one would have come.
    return length is None or last_s * number / max(1, number - 1) >= float(length[1])


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
