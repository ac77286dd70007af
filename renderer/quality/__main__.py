"""Measure a shipped model: `python -m renderer.quality --model world-256 --out PAGE.md`.

Writes the model's section of the page and leaves that of the other model as it is. Needs the
`train` extra for the nets that read pictures; they are trained first, on scenes of their own.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import torch

from phosphene.session import RendererSettings
from renderer.quality import page
from renderer.quality.measure import CLEAN, ROUGH, Row, Studio, quality_rows
from renderer.quality.models import FOLDERS, NAMES, Model
from renderer.quality.paint import Wish
from renderer.quality.pictures import sheet_rows
from renderer.quality.readers import SMALL_PX, open_readers
from renderer.quality.scores import chance, psnr_db, score
from renderer.quality.sheet import save_sheet
from renderer.training.bounds import bounds_table
from renderer.training.judge import judged

TAKAGI = 0.8
"""Strength of Takagi and Nishimoto (CVPR 2023): 40 of 50 steps."""
CONDITIONS = 24
OPENVINO_SCENES = 200
PAGE = Path("docs") / "renderer-quality.md"


def measure(model: Model, options: argparse.Namespace) -> list[str]:
    """Measure everything of a model; return its section of the page."""
    start = time.perf_counter()
    atelier, many = model.atelier(), model.many_steps()
    readers = open_readers(atelier.size_px, options.kept)
    studio = Studio(atelier, many, readers, options.scenes, options.threads)
    if options.sheet is not None:
        save_sheet(sheet_rows(studio, model), options.sheet)
    rows = list(quality_rows(studio, model.autoencoded(studio.held, atelier, many)))
    kinds = list(studio.diversity(options.conditions))
    lines = [f"## {model.name}", "", _how(studio, model), ""]
    small_px = SMALL_PX if readers.small is not readers.judge else None
    read = judged(readers.judge, studio.held.pictures)
    if options.sheet is not None:
        lines += [page.picture(options.sheet, options.out), ""]
    lines += page.quality_table(rows, chance(read, studio.held.c), small_px)
    lines += ["", *page.reached(rows), "", "### Several seeds, one condition", ""]
    lines += page.diversity_table(kinds, options.conditions)
    if model.name == "world-64":
        lines += ["", "### Strength, guides and guidance", "", *_variants(studio, small_px)]
    elif options.openvino:
        lines += ["", "### OpenVINO, bf16", "", *_openvino(studio, model)]
    if model.name == "world-256":
        lines += ["", "### Percepts from out of the world", "", *_out_of_world()]
    minutes = (time.perf_counter() - start) / 60
    lines += ["", f"Measured in {minutes:.1f} minutes on {_machine(options.threads)}."]
    return lines


def _how(studio: Studio, model: Model) -> str:
    n = len(studio.held.c)
    mark = f"Weights `{studio.atelier.model}`. " if studio.atelier.model else ""
    side = studio.readers.judge.side_px
    return (
        f"{mark}{n} held-out scenes; Fréchet distances to {n} others. Category and attributes are "
        f"read at {side} pixels a side (larger pictures are averaged down to it)."
    )


def _variants(studio: Studio, small_px: int | None) -> list[str]:
    """Measure settings that a session offers beside the defaults."""
    guidance = RendererSettings().guidance
    rows: list[Row] = []
    for kind in (CLEAN, ROUGH):
        for guides in ("zc", "c"):
            name = f"zc, strength {TAKAGI}, {guides} guides"
            for steps in (1, 2, 4):
                wish = Wish("zc", steps, TAKAGI, "zc" if guides == "zc" else "c")
                rows.append(studio.painted(name, kind, wish))
        for steps in (2, 4):
            wish = Wish("c", steps, guidance=guidance)
            rows.append(studio.painted(f"c, guidance {guidance:g}", kind, wish))
    read = judged(studio.readers.judge, studio.held.pictures)
    return page.quality_table(rows, chance(read, studio.held.c), small_px)


def _openvino(studio: Studio, model: Model) -> list[str]:
    """Read the same conditions painted in bf16, and how far that is from single precision."""
    other = model.atelier("openvino")
    part = studio.held.part(OPENVINO_SCENES)
    lines = [
        "The same scenes and noise painted by OpenVINO in bf16.",
        "",
        "| pictures | steps | n | category (95 %) | PSNR against single precision (dB) |",
        "|---|---|---|---|---|",
    ]
    for mode in ("zc", "c"):
        for steps in (1, 4):
            wish = Wish("zc" if mode == "zc" else "c", steps)
            made = other.paint(part, wish, f"{mode}, {steps} step(s), OpenVINO")
            same = studio.atelier.paint(part, wish, f"{mode}, {steps} step(s), again")
            right = score(judged(studio.readers.judge, made), part.c).accuracy
            lines.append(
                f"| {mode} | {steps} | {len(made)} | {page.rate(right, len(made))} "
                f"| {psnr_db(made, same):.1f} |"
            )
    return lines


def _out_of_world() -> list[str]:
    """Say how often percepts are refused that no picture of the world stands for."""
    return [
        "Conditions that nothing in the world stands for get the neutral frame, with "
        "either model (`renderer.inworld`). Share that is not painted:",
        "",
        *bounds_table(),
    ]


def _machine(threads: int) -> str:
    return f"{platform.machine()}, {threads} of {os.cpu_count()} cores"


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m renderer.quality", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", choices=NAMES, default="world-256")
    parser.add_argument("--weights", type=Path, help="other weights of that model's kind")
    parser.add_argument("--scenes", type=int, default=400, help="held-out scenes")
    parser.add_argument("--conditions", type=int, default=CONDITIONS, help="c with several seeds")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--kept", type=Path, help="folder that keeps the trained reading nets")
    parser.add_argument("--sheet", type=Path, help="write a sheet of pictures to this PNG file")
    parser.add_argument("--openvino", action="store_true", help="also measure OpenVINO in bf16")
    parser.add_argument("--out", type=Path, help=f"page to write, such as {PAGE}; else printed")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, then write the section or print it."""
    options = _arguments(arguments)
    torch.set_num_threads(options.threads)
    model = Model(options.model, options.weights or FOLDERS[options.model], options.threads)
    lines = measure(model, options)
    if options.out is None:
        sys.stdout.write("\n".join(lines) + "\n")
        return 0
    before = options.out.read_text(encoding="utf-8") if options.out.exists() else ""
    options.out.write_text(page.with_section(before, model.name, lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
