"""What a reader of the report should know, in sentences: most important first, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from phosphene.messages import View
from phosphene.report.interruptions import quiet_end_s
from phosphene.report.load import RunData
from phosphene.report.volumes import FLAGS, in_words, rows_of
from phosphene.report.words import STAGES

__all__ = ["blank_spells", "grouped", "notes_of", "region_troubles", "sentences_of"]

# What nodes say while they wait at the ends of a run; nobody needs it afterwards.
_PASSING = re.compile(
    r"(?:^|; )(?:looking for the stream|waiting for the first volume"
    r"|waiting for acquisition to listen[^;]*"
    r"|laying the regions on the first volume|no LSL stream with source id [^;]*;[^;]*"
    r"|(?:[^;]+: )?(?:the source went away|no data for [\d.]+ s))"
)
_ENDS = re.compile(r"(?:not ready yet|starting|stopped|done)(?:;|$)")
_ORDINARY = "the folder is on "
_SOURCES = ("bridge", "acquisition")
_MOST = 40


def sentences_of(data: RunData) -> dict[str, list[str]]:
    """Return what each node told in the run, in order, each sentence once.

    Beats are recorded once a second and carry the newest sentence only; what lies between is taken
    from the nodes' logs beside the recording, where these are there.
    """
    folder = data.parts[0].parent / "logs" if data.parts else Path()
    found: dict[str, list[str]] = {}
    for node in sorted({node for node, _ in data.notes} | set(_SOURCES)):
        told = [note for (of, note) in data.notes if of == node]
        if node in _SOURCES:
            told = [*_logged(folder / f"{node}.log", node), *told]
        plain = list(dict.fromkeys(filter(None, (_PASSING.sub("", t).strip("; ") for t in told))))
        # A note that grew holds what it said before.
        kept = [t for t in plain if not any(t in other for other in plain if other != t)]
        if kept:
            found[node] = sorted(kept, key=lambda text: text.startswith(_ORDINARY))
    return found


def _logged(path: Path, node: str) -> list[str]:
    """Return a node's own sentences in its log; none where there is no log."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [t.removeprefix(f"{node}: ") for t in lines if t.startswith(f"{node}: ")]


def region_troubles(data: RunData) -> list[str]:
    """Return why regions were refused."""
    told = sentences_of(data).get("acquisition", [])
    return [t for t in told if re.search(r"\bregions? (?:'|\"|is shown)|no region|mask lies", t)]


def blank_spells(views: Sequence[View]) -> dict[str, list[str]]:
    """Return why each sink was blank, but for start and end of the run."""
    found: dict[str, list[str]] = {}
    for sink in sorted({view.sink for view in views}):
        own = sorted((v for v in views if v.sink == sink), key=lambda v: v.t_sent)
        open_s = [v.t_sent for v in own if v.passing]
        first_s, last_s = (open_s[0], open_s[-1]) if open_s else (float("inf"), float("-inf"))
        reasons = [
            v.reason
            for v in own
            if not v.passing
            and (first_s < v.t_sent < last_s or not (open_s or _ENDS.search(v.reason)))
        ]
        found[sink] = list(dict.fromkeys(reasons))
    return found


def grouped(told: Iterable[tuple[str, str]]) -> list[str]:
    """Join pairs of (what, why) that have the same reason: ``"a, b: why"``."""
    subjects: dict[str, list[str]] = {}
    for what, why in told:
        subjects.setdefault(why, []).append(what)
    return [f"{', '.join(dict.fromkeys(what))}: {why}" for why, what in subjects.items()]


def notes_of(data: RunData, reasons: Mapping[str, str], views: Mapping[str, Any]) -> list[str]:
    """Gather the notes.

    Parameters
    ----------
    data : RunData
        The run.
    reasons : mapping
        What is missing in the report, and why; names with a dot belong to a group.
    views : mapping
        Sink to ``blank_because``, see `blank_spells`.

    Returns
    -------
    list of str
        Damage first, then volumes, what the nodes told, what the report lacks, blank views.
    """
    notes = [f"damaged: {damage}" for damage in data.damage]
    notes += [
        f"recording: {count} {topic} message{'s' if count > 1 else ''} missing"
        for topic, count in data.missing.items()
        if count
    ]
    for flag, words in FLAGS.items():
        numbers = [row.number for row in rows_of(data) if row.flag == flag]
        if numbers:
            notes.append(f"{in_words(numbers)}: {words}")
    if (quiet_s := quiet_end_s(data)) is not None:
        notes.append(f"no data for the last {quiet_s:.1f} s before the end")
    sentences = sentences_of(data)
    for node, told in sorted(sentences.items(), key=lambda n: n[0] not in _SOURCES):
        notes += [f"{node}: {text}" for text in told[:_MOST]]
        if len(told) > _MOST:
            notes.append(f"{node}: and {len(told) - _MOST} more, see its log")
    # What a node told already, or what follows from there being no decoder, is not said again.
    said = "\n".join(text for told in sentences.values() for text in told)
    undecoded = reasons.get("percepts", "\n")
    notes += grouped(
        (_plain(name), why)
        for name, why in reasons.items()
        if why not in said and (name == "percepts" or not why.endswith(undecoded))
    )
    blank = [(f"{sink} view", why) for sink, v in views.items() for why in v["blank_because"]]
    return notes + [f"blank, {line}" for line in grouped(blank)]


def _plain(name: str) -> str:
    group, _, rest = name.partition(".")
    if group == "latency_ms":
        return STAGES[rest]
    return f"{group} {rest}".replace("_", " ").strip()
