"""Measure the shipped generator: `python -m renderer.quality` prints a markdown report.

Held-out scenes (seeds disjoint from training and from the judge's training) are encoded, the
conditions are handed over clean or corrupted as a brain decoder would, and an independent judge
reads category, hue and place off the pictures. Every accuracy stands beside chance and beside a
control in which the conditions belong to another scene. Needs the `train` extra for the judge.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from phosphene.session import RendererSettings
from phosphene.stimuli.encoder import WorldEncoder
from phosphene.stimuli.space import N_CATEGORIES, Z_SHAPE
from renderer.generator import WEIGHTS, Generator, Guides, Mode, seeded_noise
from renderer.training.corruption import corrupt_c, corrupt_z
from renderer.training.dataset import HELD_OUT_SEED, render_set
from renderer.training.grids import save_grid
from renderer.training.judge import Judge, Reading, judged, train_judge

Pictures = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]
MODES: tuple[Mode, ...] = ("zc", "c", "z")
GUIDES: tuple[Guides, ...] = ("zc", "c")
TAKAGI = 0.8
"""Strength of Takagi and Nishimoto (CVPR 2023): 40 of 50 steps."""
GUIDANCE = RendererSettings().guidance


class Held(NamedTuple):
    """Held-out pictures with their latents and embeddings."""

    pictures: Pictures
    z: Array
    c: Array


class Score(NamedTuple):
    """Accuracy, its shuffled control, median errors of hue (turns) and place (half widths)."""

    accuracy: float
    shuffled: float
    hue: float
    place: float


def score(read: Reading, c: Array, place_limit: float = 0.3) -> Score:
    """Compare a reading with the embeddings that were asked for."""
    category = c[:, :N_CATEGORIES].argmax(axis=1)
    hue = np.arctan2(c[:, 9], c[:, 8]) / (2 * np.pi) % 1.0
    turn = np.abs(read.hue - hue)
    distance = np.linalg.norm(read.place - c[:, 10:12], axis=1) * place_limit
    shuffled = np.random.default_rng(0).permutation(len(category))
    return Score(
        float(np.mean(read.category == category)),
        float(np.mean(read.category == category[shuffled])),
        float(np.median(np.minimum(turn, 1.0 - turn))),
        float(np.median(distance)),
    )


def corrupted(held: Held, seed: int = 5) -> Held:
    """Corrupt the conditions as a brain decoder does, with strengths drawn at random."""
    rng = torch.Generator().manual_seed(seed)
    z = corrupt_z(torch.from_numpy(held.z), rng).numpy()
    c = corrupt_c(torch.from_numpy(held.c), rng).numpy()
    return Held(held.pictures, z.astype(np.float32), c.astype(np.float32))


def rendered(
    generator: Generator,
    held: Held,
    steps: int,
    mode: Mode,
    strength: float = 1.0,
    guides: Guides = "zc",
    guidance: float = 1.0,
) -> Pictures:
    """One picture per scene, each from its own noise."""
    return np.stack(
        [
            generator.render(z, c, seeded_noise(k), steps, mode, strength, guides, guidance)
            for k, (z, c) in enumerate(zip(held.z, held.c, strict=True))
        ]
    )


def psnr_db(a: Pictures, b: Pictures) -> float:
    """Peak signal-to-noise ratio over all pictures, in decibels."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10.0 * np.log10(255.0**2 / error)) if error else float("inf")


def sharpness(pictures: Pictures) -> float:
    """Mean absolute difference of neighbouring pixels, in grey levels."""
    return float(np.abs(np.diff(pictures.astype(np.float64), axis=2)).mean())


def quality_table(generator: Generator, judge: Judge, held: Held) -> list[str]:
    """Markdown lines: how well pictures show what was asked for."""
    again = np.stack([generator.decode(z) for z in held.z])
    lines = [
        f"{len(held.z)} held-out scenes (base seed {HELD_OUT_SEED}); chance of the category "
        f"{1 / N_CATEGORIES:.3f}; shuffled: labels of other scenes. Chance of the hue error "
        "0.25 turns.",
        "",
        "| pictures | conditions | steps | category accuracy | shuffled | median hue error (turns) "
        "| median place error (half widths) | PSNR (dB) | sharpness |",
        "|---|---|---|---|---|---|---|---|---|",
    ]

    def row(name: str, kind: str, steps: str, pictures: Pictures) -> None:
        s = score(judged(judge, pictures), held.c)
        lines.append(
            f"| {name} | {kind} | {steps} | {s.accuracy:.3f} | {s.shuffled:.3f} | {s.hue:.3f} "
            f"| {s.place:.3f} | {psnr_db(pictures, held.pictures):.1f} "
            f"| {sharpness(pictures):.1f} |"
        )

    row("originals", "-", "-", held.pictures)
    row("autoencoder", "-", "-", again)
    for kind, conditions in (("clean", held), ("as decoded", corrupted(held))):
        for mode in MODES:
            for steps in (1, 2, 4):
                row(mode, kind, str(steps), rendered(generator, conditions, steps, mode))
        row("z as it stands", kind, "-", np.stack([generator.decode(z) for z in conditions.z]))
        for guides in GUIDES:
            name = f"zc, strength {TAKAGI}, {guides} guides"
            for steps in (1, 2, 4):
                made = rendered(generator, conditions, steps, "zc", TAKAGI, guides)
                row(name, kind, str(steps), made)
        for steps in (2, 4):
            made = rendered(generator, conditions, steps, "c", guidance=GUIDANCE)
            row(f"c, guidance {GUIDANCE:g}", kind, str(steps), made)
    return lines


def speed_table(weights: Path, n: int = 100) -> list[str]:
    """Markdown lines: milliseconds per frame by threads and steps, on this machine as it is."""
    lines = [
        f"One frame = steps + decoding, ONNX Runtime on {platform.machine()}, "
        f"{os.cpu_count()} cores, {n} frames each, machine load {os.getloadavg()[0]:.1f}.",
        "",
        "| threads | steps | median (ms) | 99th percentile (ms) |",
        "|---|---|---|---|",
    ]
    z, c = np.zeros(Z_SHAPE, np.float32), np.zeros(17, np.float32)
    noise = seeded_noise(0)
    for threads in range(1, min(2, os.cpu_count() or 1) + 1):
        generator = Generator(weights, threads)
        for steps in (1, 2, 4):
            spent = []
            for _ in range(n):
                start = time.perf_counter()
                generator.render(z, c, noise, steps)
                spent.append(1e3 * (time.perf_counter() - start))
            low, high = np.percentile(spent, [50, 99])
            lines.append(f"| {threads} | {steps} | {low:.1f} | {high:.1f} |")
    return lines


def sample_sheet(generator: Generator, held: Held, file: Path, n: int = 12) -> None:
    """PNG with originals, their autoencoding, then zc, c, z in 1 and 4 steps, as decoded."""
    part = Held(held.pictures[:n], held.z[:n], held.c[:n])
    rough = corrupted(part)
    rows = [part.pictures, np.stack([generator.decode(z) for z in part.z])]
    for conditions in (part, rough):
        for mode in MODES:
            rows += [rendered(generator, conditions, steps, mode) for steps in (1, 4)]
    save_grid(rows, file)


def main(arguments: list[str] | None = None) -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m renderer.quality", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenes", type=int, default=200, help="held-out scenes")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet to this PNG file")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    generator = Generator(options.weights, options.threads)
    pictures, c = render_set(HELD_OUT_SEED, options.scenes)
    encoder = WorldEncoder(options.threads)
    held = Held(pictures, encoder.encode(pictures), c)
    if options.sheet is not None:
        sample_sheet(generator, held, options.sheet)
    print("\n".join(quality_table(generator, train_judge(), held)))
    print("\n" + "\n".join(speed_table(options.weights)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
