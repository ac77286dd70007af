"""Writes an encoding analysis: page, figures, tables and maps."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.encoding.figures import bars, layers, levels, slices
from decoder.encoding.maps import Places, maps_of, write_maps
from decoder.encoding.material import Encoded
from decoder.encoding.page import page
from decoder.encoding.settings import EncodeSettings

__all__ = ["FORMAT", "as_json", "region_table", "voxel_table", "write_encoding"]

FORMAT = "phosphene-encoding-1"
Array = npt.NDArray[Any]


def write_encoding(
    out: Path,
    found: Encoded,
    settings: EncodeSettings,
    facts: Mapping[str, Any],
    places: Places | None,
    regions: Mapping[str, Array],
    missing: Sequence[str],
) -> Path:
    """Write everything into a folder.

    Parameters
    ----------
    out : Path
        Made where it is not there.
    found : Encoded
        What was measured.
    settings : EncodeSettings
    facts : mapping
        About data and features, plain JSON.
    places : Places or None
        Where voxels lie; without it there are no maps.
    regions : mapping of str to array of bool (voxels,)
        For the voxels' table.
    missing : sequence of str
        What was not done, with the reason.

    Returns
    -------
    Path
        The page, ``encoding.html``; beside it ``encoding.json``, ``regions.csv``, ``voxels.csv``,
        PNG files, and ``maps/*.nii.gz``.
    """
    out.mkdir(parents=True, exist_ok=True)
    figures = _figures(found, places)
    for name, content in figures.items():
        if content is not None:
            (out / f"{name}.png").write_bytes(content)
    if places is not None:
        write_maps(out / "maps", maps_of(found), places)
    told = as_json(found, settings, facts, missing)
    _write(out / "encoding.json", json.dumps(told, indent=2, allow_nan=False))
    _write(out / "regions.csv", region_table(found))
    _write(out / "voxels.csv", voxel_table(found, places, regions))
    target = out / "encoding.html"
    _write(target, page(found, facts, figures, missing, settings.fdr, settings.threshold))
    return target


def as_json(
    found: Encoded, settings: EncodeSettings, facts: Mapping[str, Any], missing: Sequence[str]
) -> dict[str, Any]:
    """Return what ``encoding.json`` holds."""
    sets = {
        own.name: {
            "kind": own.kind,
            "significant": float((own.q <= settings.fdr).mean()),
            "regions": {name: asdict(told) for name, told in own.regions.items()},
            "above": {name: asdict(told) for name, told in own.above.items()},
        }
        for own in found.found.values()
    }
    return {
        "format": FORMAT, "facts": dict(facts), "settings": asdict(settings),
        "split": found.split, "rows": found.rows, "units": found.units, "regions": found.sizes,
        "chance": 0.0, "sets": sets, "missing": list(missing),
        "ceiling": None if found.ceiling is None else float(np.mean(found.ceiling)),
    }  # fmt: skip


def region_table(found: Encoded) -> str:
    """Return CSV: a line for each region and set, with everything that stands beside it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([
        "region", "voxels", "set", "kind", "figure", "value", "low", "high", "chance", "shuffled",
        "shuffled_high", "p",
    ])  # fmt: skip
    for region, size in found.sizes.items():
        for own in found.found.values():
            usual = "unique_variance" if own.kind == "unique" else "r"
            for figure, told in ((usual, own.regions), ("share_above", own.above)):
                if region in told:
                    t = told[region]
                    chance = 0.0 if figure != "share_above" else math.nan
                    numbers = (t.value, t.low, t.high, chance, t.shuffled, t.shuffled_high, t.p)
                    table.writerow([region, size, own.name, own.kind, figure, *_words(numbers)])
    return text.getvalue()


def voxel_table(found: Encoded, places: Places | None, regions: Mapping[str, Array]) -> str:
    """Return CSV: a line for each voxel with its place, regions and the value of every map."""
    columns: dict[str, Array] = {}
    if places is not None:
        columns |= dict(zip(("x_mm", "y_mm", "z_mm"), places.mm().T, strict=True))
    columns |= {f"in_{name}": mask.astype(int) for name, mask in regions.items()}
    columns |= maps_of(found)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["voxel", *columns])
    rows = np.column_stack(list(columns.values()))
    for number, row in enumerate(rows.tolist()):
        table.writerow([number, *_words(row)])
    return text.getvalue()


def _figures(found: Encoded, places: Places | None) -> dict[str, bytes | None]:
    figures: dict[str, bytes | None] = {
        "bars": bars(found), "levels": levels(found), "layers": layers(found), "slices": None,
    }  # fmt: skip
    if places is not None:
        shown = {f"r of {own.name}": own.value for own in found.named("main")}
        unique = {own.name: own.value for own in found.named("unique")}
        if unique:
            shown["z less c"] = unique["unique z"] - unique["unique c"]
        figures["slices"] = slices(shown, places, "z less c: unique variance, red: z adds more")
    return figures


def _words(numbers: Sequence[float]) -> list[str]:
    return ["" if math.isnan(number) else f"{number:.6g}" for number in numbers]


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
