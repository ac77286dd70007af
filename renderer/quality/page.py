"""The page of figures: markdown tables, one section per model."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from phosphene.stimuli.space import N_CATEGORIES
from renderer.quality.diversity import Diversity, expected_distinct
from renderer.quality.measure import CLEAN, N_SEEDS, Row
from renderer.quality.scores import Score, wilson
from renderer.training.dataset import HELD_OUT_SEED

NAMES = ("world-256", "world-64")
NOTES = "notes"
REQUIRED = {"1": 0.95, "4": 0.98}
"""Category accuracy that is asked of clean conditions, by steps."""

HEADER = f"""# Quality of the shipped renderers

Written by `python -m renderer.quality`, one run per section. Everything is measured on held-out
scenes of the procedural world (base seed {HELD_OUT_SEED}) with the painter that runs in a session,
ONNX Runtime in single precision, guidance 1 where nothing else is said.

- **z** and **c** are the conditions; "as decoded" is the corruption of the training at random
  strength, not a real decoder's output. Accuracies of corrupted conditions are held against what
  was there before the corruption.
- **category** is read by a classifier trained on other scenes, with its Wilson 95 % interval;
  its own accuracy is that of the row "originals". Chance is {1 / N_CATEGORIES:.3f}; **shuffled**
  holds the same reading against other scenes' labels.
- **hue** (turns), **place**, **size** (half picture widths) and **tilt** (degrees) are median
  errors of that reader. The first row is chance: originals against the attributes of other scenes.
- **Fréchet** is the distance to real pictures of further held-out scenes in the last hidden layer
  of a net trained on a fourth set of scenes, always for the same number of pictures. The row
  "originals" is the distance of two sets of real pictures: what remains when nothing is wrong.
- **h = 0** is the same network with many small Euler steps along its velocities."""


def quality_table(rows: Sequence[Row], chance: Score, small_px: int | None) -> list[str]:
    """Markdown lines; with a column for the reader at `small_px` pixels where there is one."""
    small = f" at {small_px} px |" if small_px else ""
    head = (
        f"| pictures | conditions | steps | n | category (95 %) |{small} shuffled | hue | place "
        "| size | tilt | Fréchet | PSNR (dB) | sharpness |"
    )
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    blank = " - |" if small_px else ""
    lines.append(
        f"| chance | - | - | {chance.n} | {chance.accuracy:.3f} |{blank} - | {_errors(chance)} "
        "| - | - | - |"
    )
    for row in rows:
        s = row.score
        also = f" {row.small:.3f} |" if small_px else ""
        lines.append(
            f"| {row.name} | {row.conditions} | {row.steps} | {s.n} | {rate(s.accuracy, s.n)} "
            f"|{also} {s.shuffled:.3f} | {_errors(s)} | {row.frechet:.1f} | {row.psnr_db:.1f} "
            f"| {row.sharpness:.1f} |"
        )
    return lines


def reached(rows: Sequence[Row]) -> list[str]:
    """Say of every required accuracy whether it is reached."""
    lines = []
    for row in rows:
        wanted = REQUIRED.get(row.steps)
        if wanted is None or row.conditions != CLEAN or row.name not in ("zc", "c", "z"):
            continue
        word = "reached" if row.score.accuracy >= wanted else "**missed**"
        steps = f"{row.steps} step{'s' * (row.steps != '1')}"
        lines.append(f"| {row.name} | {steps} | {row.score.accuracy:.3f} | {wanted:.2f} | {word} |")
    return ["| clean conditions | | category | required | |", "|---|---|---|---|---|", *lines]


def diversity_table(found: Sequence[tuple[str, Diversity]], conditions: int) -> list[str]:
    """Markdown lines: how different pictures of one condition are."""
    lines = [
        f"{conditions} held-out c, {N_SEEDS} seeds each: mean distance of two pictures of one c, "
        "in the feature net (1 is the distance of two scenes that share nothing) and in grey "
        "levels; and to how many of the six styles (three variants, each mirrored) they come "
        f"closest, drawn with the same c; {N_SEEDS} even draws have "
        f"{expected_distinct(N_SEEDS):.1f}. Scrambled pictures have no style.",
        "",
        "| pictures | features | pixels | styles |",
        "|---|---|---|---|",
    ]
    for name, d in found:
        lines.append(f"| {name} | {d.features:.2f} | {d.pixels:.1f} | {d.styles:.1f} |")
    return lines


def picture(sheet: Path, out: Path | None) -> str:
    """Show the sheet on the page, by its place relative to it."""
    where = os.path.relpath(sheet, out.parent) if out is not None else str(sheet)
    return (
        "One held-out scene of each category: as it is, autoencoded, and painted from clean "
        "conditions and from conditions as decoded.\n\n"
        f"![Rows of pictures]({Path(where).as_posix()})"
    )


def rate(accuracy: float, n: int) -> str:
    """Accuracy with its interval."""
    low, high = wilson(accuracy, n)
    return f"{accuracy:.3f} ({low:.3f}-{high:.3f})"


def with_section(page: str, model: str, lines: Sequence[str]) -> str:
    """Put the section of a model into a page, in place of its old one.

    Sections of other models stay as they are, and so does what somebody wrote between
    ``<!-- notes -->`` and ``<!-- end -->``, which comes first.
    """
    sections = dict(_SECTION.findall(page))
    sections[model] = "\n".join(lines).strip("\n")
    names = [name for name in (NOTES, *NAMES) if name in sections]
    parts = [f"<!-- {name} -->\n{sections[name].strip()}\n<!-- end -->" for name in names]
    return "\n\n".join([HEADER, *parts]) + "\n"


_SECTION = re.compile(r"<!-- ([\w-]+) -->\n(.*?)\n<!-- end -->", re.DOTALL)


def _errors(s: Score) -> str:
    return f"{s.hue:.3f} | {s.place:.3f} | {s.size:.3f} | {s.tilt:.1f}"
