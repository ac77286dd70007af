"""The report as one page: pictures inline, no scripts, every figure with what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from decoder.evaluation.evaluate import Evaluation
from decoder.evaluation.items import Items
from phosphene.metrics import Scored
from phosphene.report.html import STYLE, inline_image, table

__all__ = ["page", "words_of"]

_PARTS = {
    "z": "latent z",
    "c": "embedding c",
    "label": "category",
}
LEAST_STIMULI = 6
"""A bootstrap over fewer gives no interval worth the name."""
_METRICS = {
    "two_way": "2-way identification",
    "retrieval_forward": "retrieval, forward",
    "retrieval_backward": "retrieval, backward",
    "pixcorr": "PixCorr",
    "ssim": "SSIM, colour 7 x 7",
    "ssim_grey": "SSIM, grey Gaussian",
    "psnr": "PSNR, dB",
    "mse": "MSE (less is better)",
    "category": "most probable category",
    "auc": "area under the ROC curve",
    "consistency": "temporal consistency",
    "consistency_seen": "temporal consistency of what was seen",
}


def words_of(name: str) -> tuple[str, str]:
    """Return what was measured and by which metric, in words, of a score's name."""
    part, _, metric = name.partition(".")
    source, dash, kind = part.rpartition("-")
    words = _PARTS.get(part, part)
    if dash:
        words = f"picture {kind}" if source == "picture" else f"picture {kind}, seen by {source}"
    if metric.startswith("two_way_"):
        return words, f"2-way identification, {metric.removeprefix('two_way_')}"
    if metric.endswith("_way") and metric != "two_way":
        head, _, ways = metric.removesuffix("_way").rpartition("_")
        rule = {"judged": " (any of 3, MinD-Video)", "strict": " strict"}.get(head, " strict")
        return words, f"{ways}-way top-1{rule}"
    return words, _METRICS.get(metric, metric)


def page(found: Evaluation, facts: Mapping[str, Any], figures: Mapping[str, bytes | None]) -> str:
    """Make the page.

    Parameters
    ----------
    found : Evaluation
        What was measured.
    facts : mapping
        About decoder, data and pictures; ``split`` and, where the data were trained on,
        ``training`` with the reason.
    figures : mapping of str to bytes or None
        PNG files: one for each part of the ranking, "histograms".

    Returns
    -------
    str
        HTML.
    """
    sheets = [name for name in figures if name != "histograms"]
    rule = found.ranking.rule if found.ranking else ""
    parts = [
        "<h1>Evaluation</h1>",
        _stamp(facts),
        "<p class='label'>Every reconstruction here is AI-generated from brain data: a guess of a "
        "generator from measured activity, not a photograph of a thought.</p>",
        _facts(facts, found),
        "<h2>Seen and reconstructed</h2>",
        *(f"<h3>{escape(name)}</h3>{inline_image(figures[name], name, '')}" for name in sheets),
        f"<small>Shown by rule, never by hand: {escape(rule)}.</small>"
        if sheets
        else _why(found.missing.get("pictures", "no pictures")),
        "<h2>Figures</h2>",
        _few(found.items),
        _scores(found.scores, found.items),
        "<p>Also: <a href='evaluation.json'>figures as JSON</a>, <a href='stimuli.csv'>every "
        "stimulus as CSV</a>.</p>",
        *(_why(f"{name}: {why}") for name, why in sorted(found.missing.items())),
        "<h2>All rows beside the shuffled control</h2>",
        inline_image(figures.get("histograms"), "histograms", "nothing to draw"),
        "<small>Green: each row against its own truth; grey: the same against a permuted truth. "
        "Lines: means, the dashed one of all permutations.</small>",
        _stamp(facts),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Phosphene evaluation</title><style>{STYLE}{_OWN_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


_OWN_STYLE = """
.stamp { background: #a02020; color: white; font-weight: 700; padding: .6em 1em; }
td { max-width: 24em; } small ol { padding-left: 1.6em; }
"""


def _stamp(facts: Mapping[str, Any]) -> str:
    why = facts.get("training")
    return f'<p class="stamp">NOT HELD OUT: {escape(str(why))}</p>' if why else ""


def _facts(facts: Mapping[str, Any], found: Evaluation) -> str:
    told: dict[str, Any] = {
        **facts,
        "competition": f"with {found.items.among}",
        "judges": found.judges or "none",
    }
    rows = [
        [f"<b>{escape(str(name).replace('_', ' '))}</b>", escape(_plain(value))]
        for name, value in told.items()
        if value not in ("", None, [], {}) and name not in ("training", "paint")
    ]
    return table((), rows, numbers_from=9)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {str(v)[:16]}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _few(items: Items) -> str:
    """Say what so few stimuli cannot tell."""
    count, least = len(np.unique(items.stimuli)), items.least_p
    told = []
    if least > 1 / (1 + items.permutations):
        told.append(
            f"{count} stimuli can be put in {round(1 / least)} orders only: p does not fall below "
            f"about {least:.3f}, however good the decoder is"
        )
    if count < LEAST_STIMULI:
        told.append(f"no intervals: they need {LEAST_STIMULI} stimuli, here are {count}")
    return _why("; ".join(told) + ".") if told else ""


def _scores(scores: Mapping[str, Scored], items: Items) -> str:
    few = len(np.unique(items.stimuli)) < LEAST_STIMULI
    rules: dict[str, int] = {}
    rows = []
    for name, s in scores.items():
        mark = rules.setdefault(s.rule, len(rules) + 1)
        words, metric = words_of(name)
        rows.append(
            [
                escape(words), f"{escape(metric)} <sup>{mark}</sup>", _figure(s.value),
                "-" if few else f"{_figure(s.low)} to {_figure(s.high)}", _figure(s.chance),
                f"{_figure(s.shuffled)} ({_figure(s.shuffled_high)})", f"{s.p:.3f}", str(s.n),
            ]
        )  # fmt: skip
    head = ("of", "metric", "value", "95 % interval", "chance", "shuffled (95 %)", "p", "rows")
    split = next(iter(scores.values())).split if scores else ""
    listed = "".join(f"<li>{escape(rule)}</li>" for rule in rules)
    notes = (
        "Interval: bootstrap over stimuli. Shuffled: mean of the figure over permuted truths, and "
        "the value that 97.5 % of them do not reach. Chance: in closed form where there is one, "
        f"otherwise the shuffled mean. Split: {escape(split)}."
    )
    return table(head, rows, numbers_from=2) + f"<small>{notes}<ol>{listed}</ol></small>"


def _figure(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _why(text: str) -> str:
    return f'<p class="why">{escape(text)}</p>'
