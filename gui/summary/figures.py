"""The figures of a run's report as tables. No Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from gui.replay.rights import Rights
from gui.summary.events import TOPICS
from gui.summary.words import COUNTS, SCORES, STAGES
from gui.texts import mark, told, tr
from phosphene.errors import RecordingError

__all__ = ["SCHEMA", "Table", "read_report", "tables_html", "tables_of"]

SCHEMA = 2
"""Version of the reports that are understood here; of older ones a new one can be made."""
_DROPS = (
    "volumes", "volumes_lost", "samples", "samples_lost", "epochs", "percepts", "frames",
    "frames_late", "frames_passed", "frames_blanked", "frames_recorded",
)  # fmt: skip
_NEVER_ZERO = frozenset({"volumes_lost", "samples_lost", "frames_late", "frames_blanked"})
"""Drops are told even where there are none."""
_OF = {"fmri": ("samples", "epochs"), "eeg": ("volumes",)}
_ENDINGS = {
    "success": mark("came to its regular end"),
    "abort": mark("was stopped"),
    "fail": mark("FAILED"),
}


@dataclass(frozen=True)
class Table:
    """One table of the page.

    Attributes
    ----------
    heading : str
        What it is about.
    head : tuple of str
        Names of the columns; empty for none.
    rows : tuple of tuple of str
        Cells, as plain text.
    words : tuple of str
        Sentences below it.
    """

    heading: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    words: tuple[str, ...] = ()


def read_report(folder: Path) -> dict[str, Any] | None:
    """Read ``report.json`` of a run's folder; None where there is none, or one of another version.

    Raises
    ------
    RecordingError
        If it cannot be read.
    """
    path = folder / "report.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecordingError(tr("{file} cannot be read: {why}", file=path, why=error)) from error
    if not isinstance(found, dict) or "schema" not in found:
        raise RecordingError(tr("{file} is no report of a run", file=path))
    return found if found["schema"] == SCHEMA else None


def tables_of(report: Mapping[str, Any], rights: Rights) -> list[Table]:
    """Return the tables of a report.

    Parameters
    ----------
    report : mapping
        As `phosphene.report.summary.summarise` makes it.
    rights : Rights
        What of the run may be shown: without the right to see results, no accuracy is.
    """
    made = [_end(report), _motion(report), _quality(report), _accuracy(report, rights)]
    made += [_counts(report), _latency(report)]
    return [table for table in made if table.rows or table.words]


def _end(report: Mapping[str, Any]) -> Table:
    status = tr(_ENDINGS.get(report.get("exit_status", ""), _ENDINGS["fail"]))
    rows = [(tr("the run"), status), (tr("reason"), told(str(report.get("reason") or "")))]
    rows += [(tr("interrupted"), tr("yes"))] if report.get("interrupted") else []
    for words, name in ((tr("data"), "data_s"), (tr("time by the clock"), "wall_s")):
        rows.append((words, tr("{n} s", n=_number(report.get(name), 1))))
    damage = tuple(_damage(str(text)) for text in report.get("damage") or ())
    return Table(tr("End"), (), tuple(rows), damage)


def _damage(text: str) -> str:
    """Return what is wrong with a file; its name stands before it."""
    name, colon, why = text.partition(": ")
    return f"{name}{colon}{told(why)}" if colon else told(text)


def _motion(report: Mapping[str, Any]) -> Table:
    scan = report.get("scan")
    if not scan:
        return Table(tr("Motion"))
    moved = scan.get("displacement")
    if not moved:
        return Table(tr("Motion"), words=(told(str(scan.get("realigned") or "")),))
    power, n = moved["power_mm"] or {}, moved["volumes"]
    rows = [
        (tr("FD (Power), mean"), _mm(power.get("mean"))),
        (tr("FD (Power), 95 %"), _mm(power.get("p95"))),
        (tr("FD (Power), largest"), _mm(power.get("max"))),
    ]
    for limit, above in (("low_mm", "above_low"), ("high_mm", "above_high")):
        words = tr("volumes above {limit} mm", limit=f"{moved[limit]:g}")
        share = 100 * moved[above] / max(1, n)
        rows.append(
            (words, tr("{k} of {n} ({share} %)", k=moved[above], n=n, share=f"{share:.0f}"))
        )
    if scan.get("tsnr") is not None:
        rows.append(("tSNR", _number(scan["tsnr"], 1)))
    return Table(tr("Motion"), (), tuple(rows))


def _mm(value: Any) -> str:
    return tr("{n} mm", n=_number(value, 2))


def _quality(report: Mapping[str, Any]) -> Table:
    head = (tr("measurement"), tr("mean"), "95 %", tr("largest"), tr("unit"))
    rows = tuple(
        (
            told(row["words"]),
            *(_number(row[k], 2) for k in ("mean", "p95", "max")),
            told(row["unit"]),
        )
        for name, row in (report.get("quality") or {}).items()
        if not name.startswith(("ptp_", "rms_")) or name == "rms_uv"
    )
    return Table(tr("Signal quality"), head, rows)


def _accuracy(report: Mapping[str, Any], rights: Rights) -> Table:
    """Each score beside its chance level, a shuffled control, and what it stands on."""
    heading = tr("Accuracy")
    if rights.results:
        return Table(heading, words=(tr("Not shown: {why}", why=rights.results),))
    accuracy = report.get("accuracy") or {}
    detail = {name: score for name, score in (accuracy.get("detail") or {}).items() if score}
    if not detail:
        reasons = {**(accuracy.get("reasons") or {}), **(report.get("reasons") or {})}
        why = reasons.get("percepts") or next(iter(reasons.values()), "")
        return Table(heading, words=(tr("Not measured: {why}", why=told(str(why))),))
    head = (tr("score"), tr("value"), tr("95 % interval"), tr("chance"), tr("shuffled"), tr("n"))
    rows = tuple(
        (
            tr(SCORES.get(name, name)),
            _number(score["value"], 3),
            f"{_number(score.get('low'), 3)} – {_number(score.get('high'), 3)}",
            _number(score["chance"], 3),
            _number(score.get("shuffled"), 3),
            str(score.get("n", "")),
        )
        for name, score in detail.items()
    )
    splits = dict.fromkeys(str(score["split"]) for score in detail.values() if score.get("split"))
    return Table(heading, head, rows, tuple(tr("Split: {split}", split=told(s)) for s in splits))


def _counts(report: Mapping[str, Any]) -> Table:
    counts, left_out = report.get("counts") or {}, _OF.get(report.get("modality") or "", ())
    rows = [
        (tr(COUNTS[name]), str(counts[name]))
        for name in _DROPS
        if name in counts
        and not name.startswith(left_out)
        and (counts[name] or name in _NEVER_ZERO)
    ]
    for topic, n in (report.get("missing") or {}).items():
        if n:
            rows.append(
                (
                    tr("missing in the recording: {topic}", topic=tr(TOPICS.get(topic, topic))),
                    str(n),
                )
            )
    return Table(tr("Counts and drops"), (), tuple(rows))


def _latency(report: Mapping[str, Any]) -> Table:
    head = (tr("stage"), "p50", "p95", "p99", tr("n"))
    measured = report.get("latency_ms") or {}
    rows = tuple(
        (tr(STAGES.get(name, name)), *(_number(row[k], 1) for k in ("p50", "p95", "p99")),
         str(row["n"]))
        for name, row in measured.items()
        if row
    )  # fmt: skip
    return Table(tr("Latency, ms"), head, rows)


def _number(value: Any, digits: int) -> str:
    return "–" if value is None else f"{float(value):.{digits}f}"


def tables_html(tables: Sequence[Table], dim: str) -> str:
    """Word tables as HTML; every cell is escaped.

    Parameters
    ----------
    tables : sequence of Table
        In order.
    dim : str
        Colour of what is said beside the figures.
    """
    parts = []
    for table in tables:
        parts.append(f"<h4 style='margin:8px 0 2px 0'>{escape(table.heading)}</h4>")
        lines = [_line(table.head, dim)] if table.head else []
        lines += [_line(row, "") for row in table.rows]
        parts.append(f"<table cellspacing='0' cellpadding='1'>{''.join(lines)}</table>")
        parts += [
            f"<p style='color:{dim}; margin:2px 0'>{escape(text)}</p>" for text in table.words
        ]
    return "".join(parts)


def _line(cells: Sequence[str], colour: str) -> str:
    style = f" style='color:{colour}'" if colour else ""
    made = "".join(
        f"<td align='{'left' if k == 0 else 'right'}'{style}>{escape(cell)}&nbsp;&nbsp;&nbsp;</td>"
        for k, cell in enumerate(cells)
    )
    return f"<tr>{made}</tr>"
