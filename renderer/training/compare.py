"""Compare ways to train the generator at equal compute: `python -m renderer.training.compare`.

Every recipe gets the same seconds of processor time (not of the wall, so a busy machine changes
nothing), the same small network on latents of world-64, the same batches, rates and conditions.
Recipes are trained one after the other, resumable by the same command; rows are kept as JSON in
`--work` and the table is written to `--out`. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from phosphene.stimuli.encoder import WorldEncoder
from renderer.training.compare_report import Row, measure, write_report
from renderer.training.dataset import TRAINING_SEED, render_set
from renderer.training.generator256_stage import make_condition
from renderer.training.generator_stage import as_velocity
from renderer.training.loop import Stage
from renderer.training.network import FlowMapNet
from renderer.training.progress import Budget, MovingAverage
from renderer.training.recipes import RECIPES, recipe_loss

LOG = logging.getLogger("renderer.training.compare")
CHANNELS = (32, 32)
BATCH = 32
TOP_RATE = 2e-3
USUAL = ("fm", "fm-shortcut", "fm-split", "shortcut")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m renderer.training.compare")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--cpu-seconds", type=float, default=240.0, help="for each recipe")
    parser.add_argument("--recipes", nargs="+", choices=tuple(RECIPES), default=USUAL)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--scenes", type=int, default=12_000, help="training pictures")
    parser.add_argument("--held-out", type=int, default=500, help="pictures to measure on")
    parser.add_argument("--work", type=Path, default=Path("compare"), help="checkpoints, rows")
    parser.add_argument("--latents", type=Path, help="safetensors with z (n, 4, 16, 16) and c")
    parser.add_argument("--out", type=Path, help="markdown table")
    parser.add_argument("--train-only", action="store_true", help="measure another time")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train what is not trained yet, measure what is not measured yet, write the table."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    z, c = _latents(options)
    for seed in options.seeds:
        for name in options.recipes:
            folder = options.work / f"{name}-{seed}-{options.cpu_seconds:g}"
            train_recipe(name, seed, z, c, options.cpu_seconds, folder)
    if not options.train_only:
        rows = measure_all(options)
        if options.out is not None:
            write_report(rows, options.cpu_seconds, options.held_out, options.out)
    return 0


def _latents(options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    file: Path = options.latents or options.work / f"latents_{options.scenes}.safetensors"
    if not file.exists():
        pictures, c = render_set(TRAINING_SEED, options.scenes)
        z = WorldEncoder().encode(pictures)
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({"z": torch.from_numpy(z), "c": torch.from_numpy(c)}, file)
    stored = load_file(file)
    return stored["z"][: options.scenes].clone(), stored["c"][: options.scenes].clone()


def train_recipe(
    name: str, seed: int, z: Tensor, c: Tensor, cpu_seconds: float, folder: Path
) -> FlowMapNet:
    """Spend `cpu_seconds` of this process on a recipe; goes on from a checkpoint in `folder`."""
    torch.manual_seed(seed)
    recipe = RECIPES[name]
    net, shadow = FlowMapNet(CHANNELS), FlowMapNet(CHANNELS)
    average = MovingAverage(net, shadow)
    optimizer = torch.optim.AdamW(net.parameters(), lr=TOP_RATE, weight_decay=1e-3)
    u, teacher = as_velocity(net), as_velocity(shadow)
    rng = torch.Generator()
    norms: list[float] = []
    nothing = torch.zeros(BATCH)  # all are judged by what they paint from c alone

    def loss(fraction: float) -> Tensor:
        chosen = torch.randint(len(z), (BATCH,), generator=rng)
        x = z[chosen]
        condition = make_condition(x, c[chosen], rng)._replace(has_z=nothing)
        return recipe_loss(recipe, u, teacher, x, condition, rng, fraction)

    def after(step: int, norm: Tensor) -> None:
        average.update(step)
        norms.append(norm.item())

    def keep(file: Path) -> None:
        np.save(file.with_name("norms.npy"), np.array(norms))

    networks: dict[str, torch.nn.Module] = {"net": net, "average": shadow}
    stage = Stage(name, networks, optimizer, TOP_RATE, loss, after, keep, save_every=100)
    budget = Budget(None, cpu_seconds / 60.0, time.process_time)
    if stage.resume(budget, folder) and (folder / "norms.npy").exists():
        norms.extend(np.load(folder / "norms.npy"))
    rng.manual_seed(seed + 7919 * budget.step)
    if budget.fraction < 1.0:
        stage.run(budget, folder)
    LOG.info("%s, seed %d: %d steps in %.0f CPU-s", name, seed, budget.step, budget.elapsed_s)
    return shadow


def measure_all(options: argparse.Namespace) -> list[Row]:
    """Rows of all chosen recipes and seeds; kept ones are read, others measured."""
    rows = []
    for seed in options.seeds:
        for name in options.recipes:
            folder = options.work / f"{name}-{seed}-{options.cpu_seconds:g}"
            file = folder / f"row_{options.held_out}.json"
            if not file.exists():
                row = measure(name, seed, folder, options.held_out, CHANNELS)
                file.write_text(json.dumps(row._asdict(), indent=2) + "\n", encoding="utf-8")
            rows.append(Row(**json.loads(file.read_text("utf-8"))))
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
