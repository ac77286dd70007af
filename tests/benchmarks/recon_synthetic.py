"""Reconstruction on the synthetic participant: pictures of 64 x 64, and one without scanner noise.

The participant sees moving scenes in the simulated scanner. The decoder is fitted on calibration
runs and decodes a further run with other scenes and other noise, both through the cores that
realign, clean and normalise live; every choice is made on the calibration runs. A percept of a
scene is the mean of those windows whose moment (t minus the delay) falls into it; what was seen is
the frame in the middle of the scene.

Beside it stands the same decoder on a participant whose scanner adds nothing: no thermal,
physiological or shared noise, no drift, no movement. Its voxels then hold their known response, and
what is still missing is what the voxels do not tell (they pool the picture on a grid of 8 x 8), the
blur of the haemodynamic response, and what a linear map cannot say. It is no upper bound: a decoder
that is less sure paints softer pictures, which SSIM may like better. An upper bound of pictures
of z is what the autoencoder makes of the true z.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.fmri.volume import Volume
from acquisition.prepare import prepare
from acquisition.simulate.ahead import ahead
from acquisition.simulate.calibration import CalibrationPlan, head_of, simulated_runs
from acquisition.simulate.head import RunConfig, simulate
from acquisition.sources.recording import FmriRecording
from decoder.choose import choose
from decoder.dataset import Dataset
from decoder.evaluation.percepts import Percepts, write_percepts
from decoder.metrics import n_way_top1, pix_corr, ssim, ssim_grey, two_way
from decoder.model import LinearModel
from decoder.regions import Regions
from decoder.regions_data import RegionsFromData
from decoder.samples import learn_priors, make_samples
from decoder.search import search
from decoder.settings import FitSettings
from decoder.spaces import open_space
from decoder.targets import make_dataset, scene_at
from phosphene.dataset import PreparedData, TimedEvent
from phosphene.stimuli import CATEGORIES, Z_SHAPE, draw, embed, prototype
from phosphene.stimuli.encoder import WorldEncoder

__all__ = ["Plan", "autoencoder_alone", "synthetic"]

Array = npt.NDArray[Any]
_QUIET = RunConfig(
    thermal_psc=0.0, physiological_psc=0.0, global_psc=0.0, drift_psc=0.0, step_mm=0.0,
    step_deg=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How much is shown.

    Attributes
    ----------
    runs, blocks : int
        Calibration runs and scenes in each.
    shown : int
        Scenes of the run that is decoded; 50 or more for 50-way identification.
    seed : int
        The participant.
    regions : str
        ``all`` voxels for every head; ``given``: z from the early and c from the higher area, as
        the participant's anatomy has them; ``data``: the same, found on the calibration runs.
    """

    runs: int = 8
    blocks: int = 24
    shown: int = 64
    seed: int = 0
    regions: str = "all"

    def recordings(self) -> list[FmriRecording]:
        """Return the calibration runs, and last the one that is decoded."""
        runs = simulated_runs(self.seed, "fmri", CalibrationPlan(self.runs, self.blocks))
        last = simulated_runs(self.seed, "fmri", CalibrationPlan(self.runs + 1, self.shown))[-1]
        return [run for run in (*runs, last) if isinstance(run, FmriRecording)]


def synthetic(plan: Plan | None = None, tell: Callable[[str], None] = print) -> dict[str, Percepts]:
    """Fit on the calibration and decode the further run.

    Parameters
    ----------
    plan : Plan, optional
        The usual one takes about two minutes.
    tell : Callable
        Told what is being done.

    Returns
    -------
    dict of str to Percepts
        "decoded" and "noiseless", one row for each scene, with pictures of z.
    """
    plan = plan or Plan()
    tell("synthetic participant: measured")
    noisy = _decoded(prepare(plan.recordings(), f"pilot-{plan.seed}"), plan)
    tell("synthetic participant: without noise")
    clean = [_quiet(run, plan) for run in plan.recordings()]
    held = _decoded(prepare(clean, f"pilot-{plan.seed}"), plan)
    return {"decoded": noisy, "noiseless": held}


def autoencoder_alone(percepts: Percepts) -> dict[str, float]:
    """Likeness of what the autoencoder makes of the true z to what was seen.

    Parameters
    ----------
    percepts : Percepts
        With the true z and the pictures that were seen.

    Returns
    -------
    dict of str to float
        By the name that the figure of the decoded z has in an evaluation.
    """
    seen = np.asarray(percepts.seen)
    itself = open_space("world-64").decode_z(np.asarray(percepts.z_true, np.float32))
    measures = {"pixcorr": pix_corr, "ssim": ssim, "ssim_grey": ssim_grey}
    return {
        f"picture-z.{name}": float(measure(itself, seen).mean())
        for name, measure in measures.items()
    }


def _quiet(run: FmriRecording, plan: Plan) -> FmriRecording:
    """Return the same run of a scanner that adds nothing."""
    shown = plan.shown if run.run == str(plan.runs + 1) else plan.blocks
    programme = CalibrationPlan(plan.runs + 1, shown).programme(plan.seed, int(run.run))
    head = head_of(plan.seed)

    def volumes(_refuse: Any) -> Any:
        for made in ahead(lambda: simulate(head, programme, run.n_volumes, run.tr_s, _QUIET)):
            yield Volume(made.data.astype(np.float32), head.affine, made.index, run.tr_s)

    return replace(run, read=volumes)


def _decoded(data: PreparedData, plan: Plan) -> Percepts:
    """Fit on all runs but the last, and decode that one scene by scene."""
    start, grid = search(data.meta, None, None, plan.seed)
    encode = WorldEncoder().encode
    everything = make_dataset(data, start.delay_s, start.period_s, encode)
    last = everything.group_names[-1]
    training, shown = everything.without(last), everything.only(last)
    empty = LinearModel(
        categories=CATEGORIES,
        prototypes=np.stack([prototype(name) for name in CATEGORIES]),
        z_shape=Z_SHAPE,
        regions=_regions(data, plan),
    )
    settings = choose(training, start, grid, empty)
    priors = learn_priors(training, settings)
    model = empty.fit(make_samples(training, settings, priors), settings)
    events = [event for event in data.meta.events if event.run == last]
    samples = make_samples(shown, settings, priors)
    windows = _windows_of(events, shown, samples.rows, settings)
    percepts = model.predict(samples.X)
    assert percepts.z is not None
    assert percepts.c is not None
    z = np.stack([percepts.z[rows].mean(axis=0) for rows in windows])
    middle = [scene_at(event, event.t_s + event.duration_s / 2) for event in events]
    pictures = np.stack([draw(scene) for scene in middle])
    space = open_space("world-64")
    return Percepts(
        folds=np.full(len(events), "1"),
        runs=np.full(len(events), last),
        stimuli=np.array([f"scene {k + 1}" for k in range(len(events))]),
        labels=np.array([event.label for event in events]),
        times=np.array([event.t_s for event in events]),
        z=z,
        z_true=encode(pictures),
        c=np.stack([percepts.c[rows].mean(axis=0) for rows in windows]),
        c_true=np.stack([embed(scene) for scene in middle]),
        seen=pictures,
        z_pictures=space.decode_z(z.astype(np.float32)),
        facts={
            "split": f"a further run: {len(events)} other scenes, other noise; fitted on "
            f"{plan.runs} runs of {plan.blocks} scenes, every choice made there",
            "delay_s": settings.delay_s,
            "window": f"{settings.window} volumes, {settings.combine}",
            "seed": plan.seed,
            "regions": plan.regions,
        },
    )


def _regions(data: PreparedData, plan: Plan) -> Regions | RegionsFromData | None:
    if plan.regions == "all":
        return None
    if plan.regions == "data":
        return RegionsFromData()
    head = head_of(plan.seed)
    members = {name: head.mask(name)[data.mask] for name in ("early", "higher")}
    return Regions(members, {"z": ("early",), "c": ("higher",)})


def _windows_of(
    events: list[TimedEvent], shown: Dataset, rows: Array, settings: FitSettings
) -> list[Array]:
    """Windows whose moment falls into each scene."""
    moments = shown.times[rows] - settings.delay_s
    return [
        np.flatnonzero((moments >= event.t_s) & (moments < event.t_s + event.duration_s))
        for event in events
    ]


def table(found: dict[str, Percepts]) -> str:
    """Markdown: identification and likeness of the decoded scenes, and without scanner noise."""
    some = found["decoded"]
    itself = autoencoder_alone(some)
    lines = [
        "| | 2-way z | 50-way z | 2-way c | 50-way c | 2-way pixels | PixCorr | SSIM |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, percepts in found.items():
        z, c, pictures = percepts.z, percepts.c, percepts.z_pictures
        lines.append(_row(name, percepts, z, c, pictures))
    mixed = np.random.default_rng(0).permutation(len(some))
    lines.append(
        _row("shuffled", some, np.asarray(some.z)[mixed], np.asarray(some.c)[mixed],
             np.asarray(some.z_pictures)[mixed])
    )  # fmt: skip
    lines.append(
        f"| autoencoder alone | | | | | | {itself['picture-z.pixcorr']:.3f} "
        f"| {itself['picture-z.ssim']:.3f} |"
    )
    return "\n".join([*lines, "", f"Chance: 2-way 0.5, 50-way 0.02. {some.facts['split']}."])


def _row(name: str, percepts: Percepts, z: Any, c: Any, pictures: Any) -> str:
    seen = np.asarray(percepts.seen)
    numbers = []
    for decoded, kept in ((z, percepts.z_true), (c, percepts.c_true)):
        true = np.asarray(kept)
        numbers += [two_way(decoded, true).mean(), n_way_top1(decoded, true, 50).mean()]
    numbers += [two_way(pictures, seen).mean(), pix_corr(pictures, seen).mean()]
    numbers.append(ssim(pictures, seen).mean())
    return f"| {name} | " + " | ".join(f"{value:.3f}" for value in numbers) + " |"


def main() -> int:
    """Print the table; keep the percepts where a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="who the participant is")
    parser.add_argument("--regions", choices=("all", "given", "data"), default="all")
    parser.add_argument("--keep", type=Path, help="folder for the percepts")
    given = parser.parse_args()
    found = synthetic(Plan(seed=given.seed, regions=given.regions))
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
        for name, percepts in found.items():
            write_percepts(given.keep / f"{name}.npz", percepts)
    print(table(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
