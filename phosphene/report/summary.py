"""The figures of a run as one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from phosphene.eeg_flags import ChannelFlag
from phosphene.marking import LABEL
from phosphene.quality import FIGURES, region_name
from phosphene.report import crednf
from phosphene.report.causes import why_no_latency
from phosphene.report.feedback import feedback_of
from phosphene.report.interruptions import interruptions_of
from phosphene.report.latency import latencies_ms, summary_of
from phosphene.report.load import RunData
from phosphene.report.notes import blank_spells, notes_of
from phosphene.report.painting import painting_of
from phosphene.report.scan import scan_of
from phosphene.report.words import figure_words

__all__ = ["split_of", "summarise", "write_json"]

SCHEMA = 2
_UNFIT = (
    ChannelFlag.FLAT
    | ChannelFlag.RAILED
    | ChannelFlag.HELD
    | ChannelFlag.NOISY
    | ChannelFlag.LISTED
)
DECODED = ("features_to_percept", "percept_to_frame", "acquired_to_frame", "acquired_to_passed")


def split_of(data: RunData) -> str:
    """Say what the accuracy of this run stands on."""
    if "split" in data.facts:
        return data.facts["split"]
    bundles = sorted({m.header.bundle[:12] for m in data.percepts})
    words = (
        f"run {data.parts[0].name if data.start is None else data.start.run}: every percept of the "
        f"run that was seen during a stimulus, decoded causally by bundle "
        f"{', '.join(bundles) or '(none)'} as it was before the run"
    )
    if data.start is not None and data.start.mode == "replay":
        words += "; whether that bundle was fitted on this same recording is not known here"
    return words


def summarise(data: RunData, accuracy: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Gather everything that is known about a run.

    Parameters
    ----------
    data : RunData
        The run.
    accuracy : mapping
        Made by `phosphene.report.accuracy`.
    out : Path
        Folder that file names are given relative to.

    Returns
    -------
    dict
        Ready for JSON; what is missing is None, with the reason under ``reasons``.
    """
    start, stop = data.start, data.stop
    measured = latencies_ms(data)
    latency = {name: summary_of(values) for name, values in measured.items()}
    reasons = _missing(data, latency, accuracy["reasons"])
    views = {sink: {"blank_because": why} for sink, why in blank_spells(data.views).items()}
    scan = scan_of(data)
    if scan is not None:
        reasons |= _scan_reasons(data, scan)
    if stop is None:
        reasons["exit_status"] = "the recorder did not end regularly"
    if not data.frames:
        reasons["pictures"] = why_no_pictures(data)
    data_s = max((q.t_data for q in data.qualities), default=None)
    checklist = crednf.of_run(data, out, scan)
    return {
        "schema": SCHEMA,
        "label": LABEL,
        "run": start.run if start else None,
        "person": start.person if start else None,
        "mode": start.mode if start else None,
        "modality": start.modality if start else None,
        "exit_status": stop.exit_status if stop else "fail",
        "reason": stop.reason if stop else reasons["exit_status"],
        # A second file means that the recorder itself fell and came back.
        "interrupted": len(data.parts) > 1 or stop is None or stop.interrupted,
        "interruptions": interruptions_of(data),
        "data_s": data_s,
        "wall_s": data.last_s - data.first_s if data.topics else None,
        "consent": _consent(data),
        "painting": painting_of(data),
        "counts": counts_of(data),
        "counters": data.counters(),
        "latency_ms": latency,
        "quality": quality_of([q.values for q in data.qualities]),
        "channels_bad": channels_bad([q.values for q in data.qualities]),
        "scan": scan,
        "accuracy": flattened(accuracy),
        "views": views,
        "recorded": dict(data.topics),
        "missing": dict(data.missing),
        "damage": data.damage,
        "files": [path.name for path in data.parts],
        "feedback": None if start is None else feedback_of(out, start.run),
        "crednf": None if checklist is None else crednf.as_json(checklist),
        "facts": {k: v for k, v in data.facts.items() if k != "programme"},
        "reasons": reasons,
        "notes": notes_of(data, reasons, views),
    }


def _missing(
    data: RunData, latency: Mapping[str, Any], unscored: Mapping[str, str]
) -> dict[str, str]:
    """Say why stages and scores are missing; in one sentence where nothing was to be decoded."""
    undecoded = why_nothing_decoded(data)
    found = {"percepts": undecoded} if undecoded else {}
    found |= {
        f"latency_ms.{name}": why_no_latency(name, data)
        for name, summary in latency.items()
        if summary is None and not (undecoded and name in DECODED)
    }
    return found if undecoded else found | {f"accuracy.{k}": v for k, v in unscored.items()}


def _scan_reasons(data: RunData, scan: Mapping[str, Any]) -> dict[str, str]:
    """Say why regions or motion are missing."""
    found = {"motion": scan["realigned"]} if scan["realigned"] else {}
    drawn = any(region_name(name) for q in data.qualities for name in q.values)
    if not drawn and scan["regions_refused"]:
        found["regions"] = "; ".join(scan["regions_refused"])
    elif drawn and data.regions is None:
        found["where the regions lie"] = (
            "no picture of them was recorded"
            if "record_brain" in data.consented
            else "not shown: the consent does not include record_brain"
        )
    return found


def flattened(accuracy: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the scores out for a reader who wants one number beside its chance and control.

    Returns
    -------
    dict
        Each score's value under its name, ``chance``, ``shuffled`` and ``n`` by the same names,
        ``split`` in words, and everything about each score under ``detail``.
    """
    scores = {name: score for name, score in accuracy.items() if name != "reasons"}
    known = {name: score for name, score in scores.items() if score is not None}
    flat: dict[str, Any] = {n: None if s is None else s["value"] for n, s in scores.items()}
    for part in ("chance", "shuffled", "n"):
        flat[part] = {name: score[part] for name, score in known.items()}
    flat["split"] = next((score["split"] for score in known.values()), None)
    return {**flat, "detail": scores, "reasons": dict(accuracy["reasons"])}


def why_nothing_decoded(data: RunData) -> str:
    """Say why there is no percept although nothing went wrong; empty when that is not so."""
    if data.percepts or data.facts.get("bundle", "not told"):
        return ""
    return "nothing was decoded: no bundle was given, quality control only"


def why_no_pictures(data: RunData) -> str:
    """Say why there is no recorded picture."""
    if undecoded := why_nothing_decoded(data):
        return "no picture is shown: " + undecoded
    if "record_images" not in data.consented:
        return "no picture is shown: the consent does not include record_images"
    if data.facts.get("record_images") == "false":
        return "no picture is shown: recording of images was switched off"
    return "no picture is shown: no frame passed the gate to the recorder"


def counts_of(data: RunData) -> dict[str, int]:
    """Return the main counters; the nodes' own where they were kept, else what was recorded."""
    nodes = data.counters()
    acquisition, renderer = nodes.get("acquisition", {}), nodes.get("renderer", {})
    decoder, gate = nodes.get("decoder", {}), nodes.get("gate", {})
    late = sum(int(i.late) + i.skipped for i in data.frameinfos)
    lost = max(data.volumes, default=-1) + 1 - len(data.volumes)
    return {
        "volumes": acquisition.get("volumes", len(data.volumes)),
        "volumes_lost": acquisition.get("volumes_lost", lost),
        "samples": acquisition.get("samples", data.samples),
        "samples_lost": acquisition.get("samples_lost", 0),
        "epochs": acquisition.get("epochs", 0),
        "events": acquisition.get("events", len(data.events)),
        "percepts": decoder.get("percepts", len(data.percepts)),
        "frames": renderer.get("frames", len(data.frameinfos)),
        "frames_late": renderer.get("frames_late", late),
        "frames_passed": gate.get("frames_passed", 0),
        "frames_blanked": gate.get("frames_blanked", 0),
        "frames_recorded": len(data.frames),
    }


def quality_of(values: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Return words, unit, mean, smallest, 95th percentile, largest and number of every measurement.

    Counters, settings and what is told so far in the run (tSNR, drift) are no measurements of a
    volume and stand elsewhere.
    """
    summary = {}
    known = list(FIGURES)
    found = {name for row in values for name in row}
    order = sorted(found, key=lambda n: (known.index(n) if n in FIGURES else len(known), n))
    for name in order:
        series = np.array([row[name] for row in values if name in row])
        series = series[np.isfinite(series)]
        named = figure_words(name)
        if named is not None and len(series):
            summary[name] = {
                "words": named[0],
                "unit": named[1],
                "mean": float(series.mean()),
                "min": float(series.min()),
                "p95": float(np.percentile(series, 95)),
                "max": float(series.max()),
                "n": len(series),
            }
    return summary


def channels_bad(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the share of epochs or windows in which each EEG channel was of no use."""
    found: dict[str, list[bool]] = {}
    for name, flags in ((n, v) for row in values for n, v in row.items() if n[:6] == "flags_"):
        found.setdefault(name.removeprefix("flags_"), []).append(bool(int(flags) & _UNFIT))
    return {name: sum(bad) / len(bad) for name, bad in found.items()}


def _consent(data: RunData) -> dict[str, Any]:
    facts = data.facts
    return {
        "person": facts.get("consent_person") or None,
        "scopes": sorted(data.consented),
        "expires": facts.get("consent_expires") or None,
        "levels": {k.removeprefix("level_"): int(v) for k, v in facts.items() if "level_" in k},
    }


def write_json(path: Path, summary: Mapping[str, Any]) -> None:
    """Write a summary; numbers that are not finite become null, as JSON has none."""
    path.write_text(json.dumps(_finite(summary), indent=2, ensure_ascii=False), encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
