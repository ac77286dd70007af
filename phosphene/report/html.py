"""The report as one page: pictures inline, no scripts, no link but to the table beside it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from phosphene.report import crednf, feedback
from phosphene.report.notes import grouped
from phosphene.report.painting import painting_rows
from phosphene.report.volumes import FLAGS, in_words
from phosphene.report.words import COUNTS, STAGES, counter_words

__all__ = ["STYLE", "Picture", "inline_image", "page", "table"]

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1020px; margin: 2em auto;
       padding: 0 1em; }
h1 { margin-bottom: 0; } h2 { margin-top: 2em; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; margin: .6em 0; } img { max-width: 100%; }
td, th { padding: .2em .8em .2em 0; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.label { background: #fff3cd; border: 1px solid #e6c200; padding: .4em .8em; }
.why { color: #666; } .bad { color: #a02020; font-weight: 600; } .ok { color: #1e6b50; }
small { color: #666; }
"""
_CLOCKS = (
    ("announced", "announced"),
    ("measured", "by arrival"),
    ("scanner", "by the scanner's clock"),
    ("triggers", "by pulses"),
)
# Volumes are counted under Signal quality.
_IDLE = {
    "fmri": ("volumes", "volumes_lost", "samples", "samples_lost", "epochs"),
    "eeg": ("volumes", "volumes_lost"),
}
_CONFIDENCE = (
    "Confidence is the probability, learned on left-out runs of this person, that the decoder "
    "names what was seen. Below a threshold the neutral frame is shown instead of a picture."
)
_SPREAD = ("mean", "min", "p95", "max")
SCORE_NAMES = {
    "two_way": "2-way identification, embedding",
    "two_way_per_clip": "2-way identification, embedding, per stimulus",
    "two_way_picture": "2-way identification, picture",
    "two_way_picture_per_clip": "2-way identification, picture, per stimulus",
    "n_way": "n-way identification",
    "n_way_label": "label among those known, per percept",
    "label": "label or rest, per percept",
    "label_per_block": "label, per block",
    "auc": "area under the ROC curve",
}


class Picture(NamedTuple):
    """A PNG file, and what it shows in words."""

    words: str
    png: bytes


def _number(value: Any, digits: int = 3) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return escape(str(value))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> str:
    """Make a table of cells that are HTML already; columns from `numbers_from` stand right."""

    def line(cells: Sequence[str], tag: str) -> str:
        made = (
            f"<{tag}{' class=n' if k >= numbers_from else ''}>{cell}</{tag}>"
            for k, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    top = line(head, "th") if head else ""
    return f"<table>{top}{''.join(line(row, 'td') for row in rows)}</table>"


def _why(text: str) -> str:
    return f'<p class="why">{escape(text)}</p>'


def inline_image(png: bytes | None, alt: str, instead: str) -> str:
    """Make an image of a PNG file, or say what stands in its place."""
    if png is None:
        return _why(instead)
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def _head(s: Mapping[str, Any]) -> str:
    status = s["exit_status"] + (", interrupted" if s["interrupted"] else "")
    away = len(s["interruptions"])
    status += f", with interruptions ({away}, see below)" if away else ""
    kind = "ok" if status == "success" else "bad"
    consent = s["consent"]
    scopes = ", ".join(consent["scopes"]) or "NONE"
    rows = [
        ("person", _number(s["person"])),
        ("mode", f"{_number(s['mode'])}, {_number(s['modality'])}"),
        ("length", f"{_seconds(s['data_s'])} of data, {_seconds(s['wall_s'])} by the clock"),
        ("end", f'<span class="{kind}">{escape(status)}</span> {escape(s["reason"] or "")}'),
        ("CONSENT", f"<b>{escape(scopes)}</b>, until {_number(consent['expires'])}"),
        ("levels", escape(", ".join(f"{k} {v}" for k, v in consent["levels"].items()))),
    ]
    return (
        f"<h1>Run {_number(s['run'])}</h1>"
        f'<p class="label">Every decoded picture here is {escape(s["label"])}: a guess of a '
        "generator from measured activity, not a photograph of a thought.</p>"
        + table((), [(f"<b>{k}</b>", v) for k, v in rows], numbers_from=9)
    )


def _interruptions(s: Mapping[str, Any]) -> str:
    rows = [
        ["-" if row["t_s"] is None else f"{row['t_s']:.1f}", escape(row["stream"]),
         "-" if row["length_s"] is None else f"{row['length_s']:.1f}", escape(row["what"])]
        for row in s["interruptions"]
    ]  # fmt: skip
    if not rows:
        return _why("none was recorded")
    return table(("after, s", "stream or node", "for, s", "what"), rows, numbers_from=9)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _accuracy(s: Mapping[str, Any]) -> str:
    rows: list[list[str]] = []
    rules: list[str] = []
    why: list[tuple[str, str]] = []
    for key, name in SCORE_NAMES.items():
        score = s["accuracy"]["detail"].get(key)
        if score is None:
            why.append((name, s["accuracy"]["reasons"].get(key, "not known")))
            continue
        mark = len(rules) + 1
        rules.append(f"{mark}. {escape(score['rule'])}")
        interval = f"{_number(score['low'], 2)} to {_number(score['high'], 2)}"
        figures = [_number(score[k]) for k in ("value", "chance", "shuffled")]
        rows.append([f"{name} <sup>{mark}</sup>", *figures, interval, _number(score["n"])])
    if undecoded := s["reasons"].get("percepts"):
        return _why(undecoded)
    told = "".join(_why(line) for line in grouped(why))
    if not rows:
        return told
    rows = _merged(rows)
    head = ("measure", "value", "chance", "shuffled", "95 % interval", "n")
    split = s["accuracy"]["split"]
    small = "<br>".join([*rules, "Split: " + escape(split)])
    return table(head, rows) + f"<small>{small}</small>" + told


def _merged(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Put measures that came out the same in every figure into one row."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, *figures in rows:
        names.setdefault(tuple(figures), []).append(name)
    return [["<br>".join(same), *figures] for figures, same in names.items()]


def _latency(s: Mapping[str, Any]) -> str:
    rows = []
    for name, figures in s["latency_ms"].items():
        if figures is not None:
            cells = [_number(figures[k], 1) for k in ("p50", "p95", "p99")]
            rows.append([escape(STAGES[name]), *cells, str(figures["n"])])
    head = ("stage", "median, ms", "95 %, ms", "99 %, ms", "n")
    missing = [(STAGES[n], s["reasons"].get(f"latency_ms.{n}", s["reasons"].get("percepts", "-")))
               for n, figures in s["latency_ms"].items() if figures is None]  # fmt: skip
    return (table(head, rows) if rows else "") + "".join(_why(t) for t in grouped(missing))


def _quality(s: Mapping[str, Any]) -> str:
    rows = [
        [escape(v["words"]), escape(v["unit"]), *(_number(v[k]) for k in _SPREAD), str(v["n"])]
        for v in s["quality"].values()
    ]
    if not rows:
        return _why("no quality figures were recorded")
    each = "volumes" if s["modality"] == "fmri" else "n"
    made = table(("figure", "unit", "mean", "smallest", "95 %", "largest", each), rows, 2)
    bad = [[escape(name), f"{100 * share:.0f} %"] for name, share in s["channels_bad"].items()]
    return made + (table(("channel", "bad, share of epochs or windows"), bad) if bad else "")


def _scan(s: Mapping[str, Any]) -> str:
    scan = s["scan"]
    if scan is None:
        return ""
    rows = [[escape(name), value] for name, value in _scan_rows(scan)]
    counted = counter_words(scan["arrivals"], scan["source"])
    counters = [[escape(words), str(count)] for words, count in counted]
    link = '<p><a href="volumes.csv">volumes.csv</a>: every volume with its figures.</p>'
    return table((), rows, numbers_from=9) + table(("arrival", "count"), counters) + link


def _mean_max(spread: Mapping[str, float] | None, unit: str) -> str:
    if spread is None:
        return "-"
    return f"mean {spread['mean']:.3f} {unit}, largest {spread['max']:.2f} {unit}"


def _scan_rows(scan: Mapping[str, Any]) -> list[tuple[str, str]]:
    tr, moved, spikes = scan["tr_s"], scan["displacement"], scan["spikes"]
    rows = []
    if moved is not None:
        rows += [
            ("displacement (Power)", _mean_max(moved["power_mm"], "mm")),
            ("displacement (Jenkinson)", _mean_max(moved["jenkinson_mm"], "mm")),
            (f"above {moved['low_mm']:g} / {moved['high_mm']:g} mm",
             f"{moved['above_low']} / {moved['above_high']} of {moved['volumes']} volumes"),
        ]  # fmt: skip
    else:
        rows.append(("motion", escape(scan["realigned"])))
    drift = scan["drift_psc_per_min"]
    rows += [
        ("spikes", f"{len(spikes)}{f' ({in_words(spikes)})' if spikes else ''}"),
        *((name, f"{in_words(scan['volumes'][name])}: {words}")
          for name, words in FLAGS.items() if scan["volumes"][name]),
        ("DVARS", _mean_max(scan["dvars_psc"], "%")),
        ("tSNR of the run", _number(scan["tsnr"], 1)),
        ("drift over the run", _number(drift, 2) + (" % per minute" if drift is not None else "")),
        ("TR", ", ".join(f"{tr[key]:.4f} s {words}" for key, words in _CLOCKS if tr[key])),
    ]  # fmt: skip
    return rows


def _maps(s: Mapping[str, Any]) -> str:
    rows = [
        [escape(m["contrast"]), _number(m["largest_t"], 1), _number(m["smallest_t"], 1),
         _number(m["dof"], 0), escape(m.get("file", "-"))]
        for m in (s["scan"] or {}).get("maps", ())
    ]  # fmt: skip
    return table(("contrast", "largest t", "smallest t", "degrees of freedom", "file"), rows)


def _painting(s: Mapping[str, Any]) -> str:
    if s["painting"] is None:
        return _why("what painted was not recorded")
    rows, changes = painting_rows(s["painting"])
    made = table((), rows, numbers_from=9)
    if not changes:
        return made + _why("nothing was changed while the run went on")
    return made + table(("after, s", "changed while the run went on"), changes, numbers_from=9)


def _notes(s: Mapping[str, Any]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in s["notes"])
    return f"<ul>{items}</ul>" if items else _why("nothing")


def _regions(s: Mapping[str, Any], png: bytes | None) -> list[str]:
    """Show the regions' curves; tell which were refused, and why their place is not shown."""
    reasons, scan = s["reasons"], s["scan"]
    told = [inline_image(png, "signal of regions", reasons.get("regions", "no regions were given"))]
    if png is not None and scan is not None:
        told += [_why(refused) for refused in scan["regions_refused"]]
    if (why := reasons.get("where the regions lie")) is not None:
        told.append(_why(f"where the regions lie: {why}"))
    return ["<h2>Regions</h2>", *told]


def _feedback(s: Mapping[str, Any], png: bytes | None) -> list[str]:
    """Where the run had a protocol, its blocks."""
    told = s.get("feedback")
    if told is None:
        return []
    return [feedback.section(told, inline_image(png, "blocks", "no block was measured"))]


def _brain(s: Mapping[str, Any], image: Callable[[str], bytes | None]) -> list[str]:
    """Where regions and maps were recorded, their slices."""
    parts = []
    if image("where") is not None:
        how = "Compare the outlines with the anatomy before you trust a curve."
        parts += [
            "<h2>Where the regions lie</h2>",
            inline_image(image("where"), "regions", ""),
            _why(how),
        ]
    if image("map") is not None:
        parts += ["<h2>Maps</h2>", inline_image(image("map"), "statistical map", ""), _maps(s)]
    return parts


def _whole(pictures: Sequence[Picture]) -> str:
    """Show pictures at their own size, folded away: the strip shows them smaller."""
    if not pictures:
        return ""
    shown = "".join(
        f"<p>{escape(words)}<br>{inline_image(png, words, '')}</p>" for words, png in pictures
    )
    return f"<details><summary>as recorded: seen, decoded</summary>{shown}</details>"


def page(
    summary: Mapping[str, Any],
    figures: Mapping[str, bytes | None],
    pictures: Sequence[Picture] = (),
) -> str:
    """Make the page.

    Parameters
    ----------
    summary : mapping
        Made by `phosphene.report.summary.summarise`.
    figures : mapping of str to bytes or None
        PNG files by name: strip, confidence, feedback, regions, motion, where, map, latency.
    pictures : sequence of Picture
        Those of the strip, at their own size.

    Returns
    -------
    str
        HTML.
    """
    s = summary
    no_pictures = s["reasons"].get("pictures", "no percept with a recorded picture was seen "
                                   "during a stimulus")  # fmt: skip
    idle = _IDLE.get(s["modality"], ())
    counts = [[COUNTS[k], str(v)] for k, v in s["counts"].items() if k not in idle]
    facts = [[escape(k), escape(v)] for k, v in sorted(s["facts"].items()) if v]
    image = figures.get
    parts = [
        _head(s),
        "<h2>Interruptions</h2>",
        _interruptions(s),
        "<h2>Seen and decoded</h2>",
        inline_image(image("strip"), "seen above decoded, in time order", no_pictures),
        "<small>Of each stimulus the percept seen nearest to its middle, in time order; "
        "not chosen by hand.</small>",
        _whole(pictures),
        "<h2>Painting</h2>",
        _painting(s),
        "<h2>Accuracy</h2>",
        _accuracy(s),
        inline_image(image("confidence"), "confidence over time", "no percepts were recorded"),
        f"<small>{_CONFIDENCE}</small>",
        *_feedback(s, image("feedback")),
        *_regions(s, image("regions")),
        "<h2>Signal quality</h2>",
        _scan(s),
        inline_image(
            image("motion"),
            "movement and change",
            s["reasons"].get("motion", "no quality figures were recorded"),
        ),
        _quality(s),
        *_brain(s, image),
        "<h2>Latency</h2>",
        inline_image(image("latency"), "latency histograms", "nothing to measure was recorded"),
        _latency(s),
        "<h2>Counts</h2>",
        table(("", "count"), counts),
        "<h2>Notes</h2>",
        _notes(s),
        "<h2>Facts</h2>",
        table((), facts, numbers_from=9),
        crednf.section(s["crednf"]) if s.get("crednf") else "",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Phosphene run {_number(s['run'])}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )
