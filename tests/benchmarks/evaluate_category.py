"""Prints what decision 34 rests on: how many synthetic percepts are shown, and how many are right.

``python -m tests.benchmarks.evaluate_category eeg --runs 8 --seeds 0 1 2 3 4``. Each person is
fitted on the first runs and decoded in four others, with their own labels and with moved ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from acquisition.prepare import prepare
from acquisition.simulate.calibration import CalibrationPlan, simulated_runs
from decoder.dataset import Dataset
from decoder.fit import fit_decoder
from decoder.load import LoadOptions, load
from decoder.model import LinearModel
from decoder.samples import make_samples
from decoder.targets import make_dataset
from phosphene.dataset import write_prepared
from phosphene.stimuli import CATEGORIES
from phosphene.stimuli.encoder import WorldEncoder
from renderer.inworld import open_bounds

TEST_RUNS = 4
BLOCKS = {"eeg": 24, "fmri": 8}


@dataclass(frozen=True)
class Figures:
    """Shares for one person; not a number where nothing is left to count.

    Attributes
    ----------
    shown, undecided : float
        Percepts of stimuli that are sure enough and in the world; of those sure enough, the others.
    right, chance : float
        Painted category right, of those shown; share of the most frequent category.
    kept : float
        Shown, of percepts whose class head names the truth.
    """

    shown: float
    undecided: float
    right: float
    kept: float
    chance: float


def moved(data: Dataset, modality: str, seed: int) -> Dataset:
    """Return a data set whose stimuli belong to other samples of the same run."""
    draw, order = np.random.default_rng([seed, 5]), np.arange(len(data))
    for group in data.group_names:
        rows = np.flatnonzero(data.groups == group)
        if modality == "eeg":
            order[rows] = draw.permutation(rows)
        else:  # by part of a run: neighbouring volumes stay neighbours
            order[rows] = np.roll(rows, int(draw.integers(len(rows) // 4, 3 * len(rows) // 4)))
    names = ("labels", "z", "c", "stimuli")
    held = {name: getattr(data, name) for name in names}
    return replace(data, **{name: v[order] for name, v in held.items() if v is not None})


def person(seed: int, modality: str, runs: int, *, shuffled: bool, work: Path) -> Figures:
    """Fit one synthetic person and decode runs that took no part in it."""
    plan = CalibrationPlan(runs=runs + TEST_RUNS, blocks=BLOCKS[modality])
    made = simulated_runs(seed, modality, plan)
    prepared, file = prepare(made[:runs], f"pilot-{seed}"), work / f"{modality}-{seed}.npz"
    write_prepared(file, prepared)
    loaded = load(file, LoadOptions(), lambda *_: None)
    target = loaded.aim.target
    data = moved(loaded.aim.data, modality, seed) if shuffled else loaded.aim.data
    empty = LinearModel(categories=target.categories, prototypes=loaded.aim.prototypes,
                        z_shape=target.z_shape)  # fmt: skip
    fitted = fit_decoder(data, loaded.settings, loaded.grid, empty, lambda *_: None, loaded.split,
                         prepared.mask)  # fmt: skip
    # In fMRI the first run's reference places the others.
    first = made[:1] if modality == "fmri" else []
    own = make_dataset(prepare([*first, *made[runs:]], "own"), fitted.settings.delay_s,
                       fitted.settings.period_s, WorldEncoder().encode)  # fmt: skip
    samples = make_samples(own.without(made[0].run) if first else own, fitted.settings,
                           fitted.priors)  # fmt: skip
    percepts, bounds = fitted.model.predict(samples.X), open_bounds()
    inside = np.array([not bounds.judge(z, c).reason("zc")
                       for z, c in zip(percepts.z, percepts.c, strict=True)])  # fmt: skip
    names = len(CATEGORIES)
    painted = np.array(CATEGORIES)[percepts.c[:, :names].argmax(1)]
    named = np.array(fitted.model.labels)[percepts.log_probabilities[:, :names].argmax(1)]
    sure = percepts.confidence >= fitted.calibration.threshold
    return counted(samples.labels, painted, named, sure, inside)


def counted(
    truth: npt.NDArray[np.str_], painted: npt.NDArray[np.str_], named: npt.NDArray[np.str_],
    sure: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_],
) -> Figures:  # fmt: skip
    """Count, over percepts of stimuli; rest is left out."""
    seen = (truth != "") & (truth != "rest")
    shown = sure & inside
    return Figures(
        shown=_share(shown[seen]),
        undecided=_share(~inside[seen & sure]),
        right=_share((painted == truth)[seen & shown]),
        kept=_share(shown[seen & (named == truth)]),
        chance=max(float((truth[seen] == name).mean()) for name in CATEGORIES),
    )


def _share(rows: npt.NDArray[np.bool_]) -> float:
    return float(rows.mean()) if len(rows) else float("nan")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each person and kind of labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modality", choices=tuple(BLOCKS))
    parser.add_argument("--runs", type=int, default=4, help="of the calibration")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="phosphene-category-") as work:
        for seed in tqdm(given.seeds, unit="person"):
            for shuffled in (False, True):
                found = person(seed, given.modality, given.runs, shuffled=shuffled, work=Path(work))
                told = ", ".join(f"{name} {value:.2f}" for name, value in vars(found).items())
                tqdm.write(f"seed {seed} {'moved' if shuffled else 'own  '} labels: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
