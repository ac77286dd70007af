"""Writes an evaluation: page, figures as JSON, one row per stimulus as CSV, sheets as PNG."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from decoder.evaluation.evaluate import Evaluation
from decoder.evaluation.figures import histograms, sheet
from decoder.evaluation.page import page
from decoder.evaluation.percepts import Percepts
from decoder.evaluation.ranking import stimulus_means
from phosphene.marking import png_bytes

__all__ = ["FORMAT", "as_json", "per_stimulus", "write_evaluation"]

FORMAT = "phosphene-evaluation-1"
_EACH = 8
_MOST_ON_ONE_SHEET = 400
_DRAWN = ("pixcorr", "ssim", "ssim_grey", "two_way", "psnr")


def write_evaluation(
    out: Path, found: Evaluation, percepts: Percepts, facts: Mapping[str, Any]
) -> Path:
    """Write everything into a folder.

    Parameters
    ----------
    out : Path
        Made where it is not there.
    found : Evaluation
        What was measured.
    percepts : Percepts
        What it was measured on.
    facts : mapping
        About decoder, data and pictures, plain JSON.

    Returns
    -------
    Path
        The page, ``evaluation.html``; beside it ``evaluation.json``, ``stimuli.csv``, and
        ``best.png``, ``median.png``, ``worst.png``, ``all.png`` where pictures are known.
    """
    out.mkdir(parents=True, exist_ok=True)
    figures = _figures(found)
    for name, content in figures.items():
        if content is not None:
            (out / f"{name.split(',')[0]}.png").write_bytes(content)
    _write(out / "evaluation.json", json.dumps(as_json(found, facts), indent=2, allow_nan=False))
    _write(out / "stimuli.csv", per_stimulus(found, percepts))
    shown = {k: v for k, v in figures.items() if k != "all"}
    target = out / "evaluation.html"
    _write(target, page(found, facts, shown))
    return target


def as_json(found: Evaluation, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds; null where a number does not exist."""
    return {
        "format": FORMAT,
        "facts": dict(facts),
        "held_out": not facts.get("training"),
        "competition": found.items.among,
        "judges": dict(found.judges),
        "shown": found.ranking.rule if found.ranking else None,
        "scores": {name: _finite(score.as_json()) for name, score in found.scores.items()},
        "missing": dict(found.missing),
    }


def per_stimulus(found: Evaluation, percepts: Percepts) -> str:
    """Return a table of CSV: for each stimulus the mean of every figure over its rows."""
    stimuli = found.items.stimuli
    count = int(stimuli.max()) + 1
    first = [int(np.flatnonzero(stimuli == k)[0]) for k in range(count)]
    whole = {n: s.values for n, s in found.scores.items() if len(s.values) == len(stimuli)}
    means = {name: stimulus_means(values, stimuli) for name, values in whole.items()}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["stimulus", "label", "fold", "run", "rows", *means])
    for k in sorted(range(count), key=lambda k: first[k]):
        row = first[k]
        told = [getattr(percepts, n)[row] for n in ("stimuli", "labels", "folds", "runs")]
        numbers = ["" if math.isnan(m[k]) else f"{m[k]:.6g}" for m in means.values()]
        table.writerow([*told, int((stimuli == k).sum()), *numbers])
    return text.getvalue()


def _figures(found: Evaluation) -> dict[str, bytes | None]:
    figures: dict[str, bytes | None] = {}
    ranking = found.ranking
    if ranking is not None:
        for name, places in ranking.parts(_EACH).items():
            title = f"{name}: {ranking.rule}"
            figures[name] = png_bytes(sheet(found.pictures, ranking, places, title))
        if len(figures) > 1 and len(ranking.rows) <= _MOST_ON_ONE_SHEET:
            every = np.arange(len(ranking.rows))
            title = f"all {len(every)}: {ranking.rule}"
            figures["all"] = png_bytes(sheet(found.pictures, ranking, every, title))
    names = [n for n in found.scores if n.startswith("picture-") and n.split(".")[1] in _DRAWN]
    names += [n for n in ("z.two_way", "c.two_way") if n in found.scores]
    figures["histograms"] = histograms(found.scores, names)
    return figures


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()
    }


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
