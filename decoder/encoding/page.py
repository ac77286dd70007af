"""The report of an encoding analysis as one page: figures inline, no scripts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from decoder.encoding.material import Encoded, Of, Told
from phosphene.report.html import STYLE, inline_image, table

__all__ = ["page", "voxels_needed"]

_NOTES = """Correlations are of held-out rows, within folds (each fold's mean is taken off), mean
over the voxels of a region. Chance: 0. Shuffled: the same with stimuli, or blocks of time, in each
other's place; mean, and the level that 97.5 % of the permutations stay below. Interval: 95 %,
bootstrap over stimuli or blocks. Unique: how much more variance z and c together explain on
held-out rows than the other alone; below 0 where the addition only brought noise, as
shuffled features do; p counts only what is above 0. p asks whether features in another
order do as well, the interval what other stimuli would give: take it that a set adds
something only where p is small and the interval lies above 0. Significant:
share of voxels with q at or below the accepted rate of false discoveries (Benjamini-Hochberg)."""


def page(
    found: Encoded,
    facts: Mapping[str, Any],
    figures: Mapping[str, bytes | None],
    missing: Sequence[str],
    fdr: float,
    threshold: float,
) -> str:
    """Make the page.

    Parameters
    ----------
    found : Encoded
        What was measured.
    facts : mapping
        About data, features and settings.
    figures : mapping of str to bytes or None
        PNG files: "bars", "levels", "layers", "slices".
    missing : sequence of str
        What was not done, with the reason.
    fdr, threshold : float
        See `EncodeSettings`.

    Returns
    -------
    str
        HTML.
    """
    where = figures.get("slices")
    parts = [
        "<h1>Encoding</h1>",
        "<p>Which features of what was seen predict which voxel: z, the low-level latent; c, the "
        "semantic embedding; zc, z noised and denoised with c (Takagi &amp; Nishimoto 2023).</p>",
        _facts(found, facts),
        "<h2>Regions</h2>",
        inline_image(figures.get("bars"), "regions", ""),
        _regions(found, [*found.named("main"), *found.named("joint")], fdr, threshold),
        _unique(found, fdr),
        f"<small>{_NOTES}</small>",
        _reach(found, facts, fdr),
        *_section(
            "Noise level of zc", found, found.named("noise"), figures.get("levels"), fdr, threshold
        ),
        *_section(
            "Blocks and steps of the generator",
            found,
            found.named("layer"),
            figures.get("layers"),
            fdr,
            threshold,
        ),
        *(["<h2>Where</h2>", inline_image(where, "slices", "")] if where else []),
        "<p>Also: <a href='regions.csv'>regions</a> and <a href='voxels.csv'>voxels</a> as CSV, "
        "<a href='encoding.json'>everything about regions as JSON</a>"
        + (", images in maps/" if where else "")
        + ".</p>",
        *(f'<p class="why">{escape(line)}</p>' for line in missing),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Phosphene encoding</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def voxels_needed(voxels: int, permutations: int, fdr: float) -> int:
    """Return how many voxels must have the smallest p of all before any q reaches `fdr`.

    The smallest p is 1 / (1 + permutations); q of j voxels that share it is p voxels / j.
    """
    return math.ceil(voxels / ((1 + permutations) * fdr) - 1e-9)


def _reach(found: Encoded, facts: Mapping[str, Any], fdr: float) -> str:
    """Say what the number of permutations allows to find in single voxels."""
    permutations = facts.get("permutations")
    if not isinstance(permutations, int) or "all" not in found.sizes:
        return ""
    voxels = found.sizes["all"]
    needed = voxels_needed(voxels, permutations, fdr)
    if needed <= max(1, voxels // 100):
        return ""
    least = 1 / (1 + permutations)
    enough = math.ceil(100 / fdr)
    return (
        f"<p class='why'>{permutations} permutations: no p is below {least:.2g}, the smallest q of "
        f"a single voxel is {min(1.0, voxels * least):.2g}, and q {fdr:g} is reached only where "
        f"{needed} of {voxels} voxels or more have the smallest p"
        f"{' (never)' if needed > voxels else ''}. Few significant voxels say little here, while a "
        f"region has its own p. With --permutations {enough} one voxel in a hundred is enough.</p>"
    )


def _section(
    title: str,
    found: Encoded,
    sets: Sequence[Of],
    figure: bytes | None,
    fdr: float,
    threshold: float,
) -> list[str]:
    """Return a part of the page; nothing where there is nothing: what is missing says why."""
    if not sets:
        return []
    drawn = inline_image(figure, title, "") if figure else ""
    return [f"<h2>{title}</h2>", drawn, _regions(found, sets, fdr, threshold)]


def _facts(found: Encoded, facts: Mapping[str, Any]) -> str:
    told = {**facts, "split": found.split, "held-out rows": found.rows,
            "permuted and drawn as one": f"{found.units} stimuli or blocks"}  # fmt: skip
    if found.ceiling is not None:
        told["noise ceiling"] = f"r {float(found.ceiling.mean()):.3f}, mean over all voxels"
    rows = [
        [f"<b>{escape(str(name).replace('_', ' '))}</b>", escape(str(value))]
        for name, value in told.items()
        if value not in ("", None)
    ]
    return table((), rows, numbers_from=9)


def _regions(found: Encoded, sets: Sequence[Of], fdr: float, threshold: float) -> str:
    if not sets:
        return ""
    rows = []
    for region in found.sizes:
        for own in sets:
            told, above = own.regions[region], own.above[region]
            rows.append([
                escape(region), escape(own.name), *_cells(told),
                f"{above.value:.1%} ({above.shuffled:.1%})", _significant(own, region, fdr),
            ])  # fmt: skip
    head = ("region", "from", "r", "95 % interval", "shuffled (97.5 %)", "p",
            f"r above {threshold:g} (shuffled)", f"significant, q {fdr:g}")  # fmt: skip
    return table(head, rows, numbers_from=2)


def _unique(found: Encoded, fdr: float) -> str:
    rows = [
        [escape(region), escape(own.name), *_cells(own.regions[region]),
         _significant(own, region, fdr)]
        for region in found.sizes
        for own in found.named("unique")
    ]  # fmt: skip
    head = ("region", "", "share of variance", "95 % interval", "shuffled (97.5 %)", "p",
            f"significant, q {fdr:g}")  # fmt: skip
    return table(head, rows, numbers_from=2) if rows else ""


def _significant(own: Of, region: str, fdr: float) -> str:
    """Share of all voxels only: a region's own voxels are in the voxels' table."""
    return f"{float((own.q <= fdr).mean()):.1%}" if region == "all" else ""


def _cells(told: Told) -> list[str]:
    return [
        f"{told.value:.3f}", f"{told.low:.3f} to {told.high:.3f}",
        f"{told.shuffled:.3f} ({told.shuffled_high:.3f})", f"{told.p:.3f}",
    ]  # fmt: skip
