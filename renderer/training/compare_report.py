"""What a trained recipe paints from c alone, measured on held-out scenes; and the table of all."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from phosphene.engine import OnnxEngine
from phosphene.stimuli.encoder import decoder_bytes
from phosphene.stimuli.space import N_CATEGORIES, Z_SHAPE
from renderer.quality.readers import SMALL_PX, Readers, open_readers
from renderer.quality.scores import score
from renderer.training import flowmap
from renderer.training.corruption import corrupt_c
from renderer.training.dataset import HELD_OUT_SEED, render_set
from renderer.training.flowmap import Condition
from renderer.training.frechet import frechet_distance
from renderer.training.generator_stage import as_velocity
from renderer.training.grids import save_grid
from renderer.training.judge import features, judged
from renderer.training.network import FlowMapNet
from renderer.training.notes import trained
from renderer.training.recipes import RECIPES

Pictures = npt.NDArray[np.uint8]
STEPS = (1, 2, 4)
KINDS = ("clean", "weak")


class Row(NamedTuple):
    """One training. `cells`: by kind and steps, what `CELLS` says."""

    recipe: str
    seed: int
    steps: int
    cpu_s: float
    norm_p99: float
    parameters: int
    real: float
    cells: dict[str, list[float]]


CELLS = ("accuracy", "shuffled", "hue", "place", "frechet")


def measure(name: str, seed: int, folder: Path, n: int, channels: tuple[int, int]) -> Row:
    """Measure the moving average that lies in `folder` on `n` held-out scenes."""
    net, budget = trained(folder, FlowMapNet(channels), "average")
    held, c = render_set(HELD_OUT_SEED, 2 * n, folder.parent)
    readers = open_readers(SMALL_PX, folder.parent)
    real, wanted = features(readers.net, held[:n]), torch.from_numpy(c[:n])
    rng = torch.Generator().manual_seed(5)
    noise = torch.randn((n, *Z_SHAPE), generator=rng)
    given = {"clean": wanted, "weak": corrupt_c(wanted, rng)}
    shown = min(n, 12)
    cells, rows = {}, [held[:shown]]
    for kind in KINDS:
        for steps in STEPS:
            made = painted(net, given[kind], noise, steps)
            cells[f"{kind}-{steps}"] = [
                *_read(readers, made, c[:n]),
                frechet_distance(features(readers.net, made), real),
            ]
            rows.append(made[:shown])
    save_grid(rows, folder / "sheet.png", zoom=1)
    norms = np.load(folder / "norms.npy")
    parameters = sum(p.numel() for p in net.parameters())
    again = frechet_distance(features(readers.net, held[n:]), real)
    p99 = float(np.percentile(norms, 99))
    return Row(name, seed, budget.step, budget.spent_s, p99, parameters, again, cells)


def _read(readers: Readers, made: Pictures, c: npt.NDArray[np.float32]) -> list[float]:
    found = score(judged(readers.small, made), c)
    return [found.accuracy, found.shuffled, found.hue, found.place]


@torch.no_grad()
def painted(
    net: FlowMapNet, c: torch.Tensor, noise: torch.Tensor, steps: int, batch: int = 50
) -> Pictures:
    """Pictures uint8 (n, 64, 64, 3) of embeddings (n, C_DIM), without any z."""
    decoder = OnnxEngine(decoder_bytes())
    parts = []
    for k in range(0, len(c), batch):
        some, e = c[k : k + batch], noise[k : k + batch]
        none = torch.zeros(len(some))
        condition = Condition(torch.zeros_like(e), none, some, torch.ones(len(some)))
        z = flowmap.sample(as_velocity(net), e, condition, steps)
        parts.append(decoder.run({"z": z.numpy()})["pictures"])
    return np.concatenate(parts)


def write_report(rows: list[Row], cpu_seconds: float, n: int, file: Path) -> None:
    """Write the markdown page."""
    first = rows[0]
    lines = [
        "# Recipes for the few-step generator, compared",
        "",
        f"Written by `python -m renderer.training.compare --cpu-seconds {cpu_seconds:g}`. Each "
        f"training had {cpu_seconds:g} s of processor time on one thread ({platform.machine()}, "
        "torch " + torch.__version__ + "; other work ran beside it, which processor time "
        f"forgives), the same network of {first.parameters / 1e6:.2f} M parameters on latents "
        "of world-64, the same batches of 32, rate, conditions, moving average and seed.",
        "",
        f"Measured on {n} held-out scenes painted from c alone: as it is (clean) and as a brain "
        f"decoder gives it (weak). Category by an independent judge, chance "
        f"{1 / N_CATEGORIES:.3f}, shuffled: beside the labels of other scenes; median errors of "
        "hue in turns (chance 0.25) and of place in half widths; Fréchet distance to the "
        f"pictures themselves in a fixed feature net (between {n} and {n} others of them: "
        f"{first.real:.2f}). Least is best but for the accuracy.",
        "",
        "## Training",
        "",
        "| recipe | seed | steps done | CPU-ms a step | 99th percentile of the gradient's norm |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        each = 1000.0 * row.cpu_s / max(row.steps, 1)
        lines.append(
            f"| {RECIPES[row.recipe].title} | {row.seed} | {row.steps} | {each:.0f} "
            f"| {row.norm_p99:.2f} |"
        )
    for kind in KINDS:
        lines += ["", f"## c alone, {kind}", ""]
        lines += _table(rows, kind)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(rows: list[Row], kind: str) -> list[str]:
    lines = [
        "| recipe | seed | steps | category | shuffled | hue error | place error | Fréchet |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        for steps in STEPS:
            cell = dict(zip(CELLS, row.cells[f"{kind}-{steps}"], strict=True))
            lines.append(
                f"| {RECIPES[row.recipe].title} | {row.seed} | {steps} | {cell['accuracy']:.3f} "
                f"| {cell['shuffled']:.3f} | {cell['hue']:.3f} | {cell['place']:.3f} "
                f"| {cell['frechet']:.2f} |"
            )
    return lines
