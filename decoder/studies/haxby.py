"""Eight-way decoding of single volumes, causally, on Haxby et al. (2001), subject 1.

``python -m decoder.studies.haxby DATA`` prints a markdown table. DATA is the folder with
``bold.nii.gz``, ``mask.nii.gz`` and ``attributes_literal.txt`` (one slice, 530 voxels, 12 runs of
121 volumes, TR 2.5 s; the example data set of PyMVPA).

Each run in turn is left out. On the other eleven, window and prior weight are chosen by holding
out groups of runs, and one model is fitted. The left-out run then comes volume by volume through
the parts that run live (`RunningNormaliser`, `WindowBuffer`, the exported graph in `OnnxEngine`),
so nothing of a later volume can be used. "Rest" is a ninth class of the model; the figure asks
which of the eight categories is most probable, on every volume in which one was shown, with the
labels as shipped (they are about one TR late already, hence delay 0).

``--offline`` decodes as papers do, not as a live run can: every run is detrended and standardised
with all of its own volumes, later ones too. Labels, windows and split are the same.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import SpatialImage

from decoder.choose import best_of
from decoder.dataset import Dataset
from decoder.metrics import correct
from decoder.model import LinearModel
from decoder.samples import Priors, learn_priors, make_samples
from decoder.scoring import score_items
from decoder.settings import FitSettings
from decoder.window import WindowBuffer
from phosphene.engine import OnnxEngine
from phosphene.errors import InputError, problem
from phosphene.manifest import REST, Score
from phosphene.normalise import RunningNormaliser
from phosphene.stimuli import CATEGORIES, prototype

__all__ = ["RunResult", "candidates", "haxby_mask", "load_haxby", "run_study", "table"]

Array = npt.NDArray[Any]
TR_S = 2.5
SPLIT = "leave one run out, settings chosen on the other runs"
_RENAMED = {"scrambledpix": "scrambled"}


@dataclass(frozen=True)
class RunResult:
    """Left-out run: what was decoded and true on its labelled volumes, and what was chosen."""

    run: str
    decoded: Array
    true: Array
    settings: FitSettings

    @property
    def accuracy(self) -> float:
        """Share of labelled volumes with the right category."""
        return float(correct(self.decoded, self.true).mean())


def load_haxby(folder: Path) -> Dataset:
    """Read the recording: raw responses (1452, 530) with labels, run by run.

    Raises
    ------
    InputError
        If a file is missing or they disagree.
    """
    names = ("bold.nii.gz", "mask.nii.gz", "attributes_literal.txt")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(problem("DATA", missing, f"a folder with {names}", "Give its path."))
    bold = np.asarray(_image(folder / names[0]), dtype=np.float32)
    mask = np.asarray(_image(folder / names[1])).reshape(bold.shape[:3]) > 0
    rows = [line.split() for line in (folder / names[2]).read_text().splitlines() if line.strip()]
    if len(rows) != bold.shape[3]:
        raise InputError(problem(names[2], len(rows), f"{bold.shape[3]} rows", "Get it again."))
    runs = np.array([run for _, run in rows])
    times = np.concatenate([np.arange((runs == r).sum()) * TR_S for r in dict.fromkeys(runs)])
    labels = np.array([_RENAMED.get(label, label) for label, _ in rows])
    return Dataset(responses=bold[mask].T.copy(), groups=runs, times=times, labels=labels)


def haxby_mask(folder: Path) -> npt.NDArray[np.bool_]:
    """Read the mask (40, 20, 1) of the recording; its voxels are the features of `load_haxby`."""
    mask = np.asarray(_image(folder / "mask.nii.gz"))
    shape = _image(folder / "bold.nii.gz").shape[:3]
    return np.asarray(mask.reshape(shape) > 0)


def _image(path: Path) -> Any:
    image = nib.load(path)
    if not isinstance(image, SpatialImage):
        raise InputError(problem("DATA", str(path), "a NIfTI image", "Get the file again."))
    return image.dataobj


def candidates() -> list[FitSettings]:
    """List the settings to choose from: the mean of 1 to 4 volumes, three prior weights."""
    return [
        FitSettings(window=window, combine="mean", period_s=TR_S, prior_weight=weight)
        for window, weight in itertools.product((1, 2, 3, 4), (3.0, 10.0, 30.0))
    ]


def offline_candidates() -> list[FitSettings]:
    """List the settings to choose from offline: the mean of 1 to 4 volumes."""
    return [
        FitSettings(window=window, combine="mean", period_s=TR_S, normaliser="none")
        for window in (1, 2, 3, 4)
    ]


def standardised(data: Dataset) -> Dataset:
    """Take each voxel's line out of each run and give it deviation 1 there; not causal."""
    result = np.array(data.responses, np.float64)
    for name in data.group_names:
        rows = np.flatnonzero(data.groups == name)
        line = np.c_[np.ones(len(rows)), np.linspace(-1, 1, len(rows))]
        found = result[rows] - line @ np.linalg.lstsq(line, result[rows], rcond=None)[0]
        spread = found.std(axis=0)
        result[rows] = np.divide(found, spread, out=np.zeros_like(found), where=spread > 0)
    return replace(data, responses=result.astype(np.float32))


def decode_live(
    run: Dataset, model: LinearModel, priors: Priors, settings: FitSettings
) -> tuple[Array, Array]:
    """Decode a run volume by volume; returns decoded and true labels of its labelled volumes."""
    engine = OnnxEngine(model.export())
    normaliser = RunningNormaliser(priors.mean, priors.std, settings.prior_weight)
    buffer = WindowBuffer(settings.window)
    decoded, true = [], []
    labels = np.asarray(run.labels).tolist()
    for index, (volume, label) in enumerate(zip(run.responses, labels, strict=True)):
        window = buffer.push(index, normaliser.step(volume))
        if window is None or label == REST:
            continue
        logp = engine.run({"x": window})["log_probabilities"][0]
        decoded.append(model.shown[int(logp[: len(model.shown)].argmax())])
        true.append(label)
    return np.array(decoded), np.array(true)


def run_study(
    data: Dataset, options: Sequence[FitSettings], tell: Callable[[str], None]
) -> list[RunResult]:
    """Leave each run out, choose, fit, decode it live."""
    empty = LinearModel(
        categories=CATEGORIES, prototypes=np.stack([prototype(k) for k in CATEGORIES])
    )
    results = []
    for name in data.group_names:
        training = data.without(name)
        settings = best_of(training, options, empty)
        priors = learn_priors(training, settings)
        model = empty.fit(make_samples(training, settings, priors), settings)
        decoded, true = decode_live(data.only(name), model, priors, settings)
        results.append(RunResult(name, decoded, true, settings))
        tell(f"run {name}: {results[-1].accuracy:.3f}")
    return results


def run_offline(
    data: Dataset, options: Sequence[FitSettings], tell: Callable[[str], None]
) -> list[RunResult]:
    """Leave each run out, choose, fit, and decode it as one block; see `standardised`."""
    empty = LinearModel(
        categories=CATEGORIES, prototypes=np.stack([prototype(k) for k in CATEGORIES])
    )
    ready, results = standardised(data), []
    for name in ready.group_names:
        training = ready.without(name)
        settings = best_of(training, options, empty)
        priors = learn_priors(training, settings)
        model = empty.fit(make_samples(training, settings, priors), settings)
        samples = make_samples(ready.only(name), settings, priors)
        truth = np.asarray(samples.labels)
        logp = model.predict(samples.X).log_probabilities[:, : len(model.shown)]
        best = np.array(model.shown)[logp.argmax(axis=1)]
        seen = truth != REST
        results.append(RunResult(name, best[seen], truth[seen], settings))
        tell(f"run {name}: {results[-1].accuracy:.3f}")
    return results


def pooled(results: Sequence[RunResult]) -> Score:
    """All left-out volumes together; the interval resamples runs."""
    return score_items(
        "category_8_way",
        correct,
        np.concatenate([r.decoded for r in results]),
        np.concatenate([r.true for r in results]),
        chance=1 / len(CATEGORIES),
        split=SPLIT,
        seed=0,
        clusters=np.concatenate([np.full(len(r.true), r.run) for r in results]),
        permutations=100,
    )


def table(results: Sequence[RunResult]) -> str:
    """Markdown: one row per left-out run, then the mean beside chance and control."""
    score = pooled(results)
    lines = [
        "| left-out run | 8-way accuracy | chance | window (volumes) | prior weight |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.run} | {r.accuracy:.3f} | {score.chance:.3f} | {r.settings.window} "
        f"| {r.settings.prior_weight:g} |"
        for r in results
    ]
    mean = float(np.mean([r.accuracy for r in results]))
    lines.append(f"| **mean** | **{mean:.3f}** | {score.chance:.3f} | | |")
    lines += [
        "",
        f"Split: {SPLIT}. 95 % interval over runs {score.low:.3f} to {score.high:.3f}, "
        f"shuffled labels {score.shuffled:.3f}, {score.n} volumes.",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and print the table."""
    parser = argparse.ArgumentParser(prog="python -m decoder.studies.haxby", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with bold.nii.gz")
    parser.add_argument("--offline", action="store_true", help="not causal, as papers do it")
    chosen = parser.parse_args(arguments)
    run, options = (
        (run_offline, offline_candidates()) if chosen.offline else (run_study, candidates())
    )
    results = run(load_haxby(chosen.data), options, lambda text: print(text, file=sys.stderr))
    print(table(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
