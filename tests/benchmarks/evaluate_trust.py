"""Does the confidence refuse what it should? The synthetic participant, and Haxby where there.

``python -m tests.benchmarks.evaluate_trust --data DATA --out docs/evaluation-confidence.md`` writes
the page. The decoder and its threshold come from an ordinary calibration of the synthetic person;
everything it is judged on is measured anew, through the same cores as in a live run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from msgspec import structs

from acquisition.prepare import prepare
from acquisition.simulate.calibration import CalibrationPlan, calibrate, head_of, simulated_runs
from acquisition.sources.recording import FmriRecording
from decoder.cli import search
from decoder.dataset import Dataset
from decoder.fit import Fitted, fit_decoder
from decoder.model import LinearModel
from decoder.studies.haxby import haxby_mask, load_haxby
from decoder.targets import make_dataset
from decoder.trust_study import Judged, haxby, judge, table
from phosphene.dataset import PreparedData
from phosphene.stimuli import CATEGORIES, typical
from phosphene.stimuli.encoder import WorldEncoder

PERSONS, STRANGERS = (0, 3), (1, 2)
"""Seeds of the persons that are judged; strangers are that many seeds away."""
MOVES = ((1, 0, 0), (0, 2, 0), (0, 0, 1), (1, 1, 1), (3, 0, 0))
"""Voxels of 3 x 3 x 4 mm that realignment has failed to undo."""
MOVED_AT = 30
TRAINING_RUNS, JUDGED_RUNS = 4, 4
BEFORE = "before"
DIAGRAM = "images/reliability.png"

NOTES = """\
How to read this: a percept is right when the most probable of the eight categories is the one that
was shown. The first column of figures uses the threshold that the decoder brings with it, found on
left-out runs of its own calibration; the others set the threshold on the judged data themselves, so
they are the trade-off curve. `decoder/trust.py` says how the confidence is made.

- **Synthetic participant.** Clips of 6 s with 2 s of blank screen in between: the haemodynamic
  response of one clip has not gone when the next begins, so volumes of these gaps look like
  volumes of clips, and "rest" is refused less often than a rest that lasts. A moved head is the
  same run sampled beside its mask by 1 to 3 voxels, from the start of the run (after which the
  running baseline adapts to it) or from volume 30 on. A stranger is another synthetic person, once
  in this person's mask, once in an own mask with as many voxels.
- **Haxby.** One person and one slice, so there is no stranger; other orders of the voxels stand
  for one. Impostors are made from the left-out run with other draws than those of the fit; "noise
  of the same spectrum" is of a kind that the fit does not make at all.
"""


def fitted_person(person: int, plan: CalibrationPlan) -> tuple[Fitted, PreparedData]:
    """Fit the synthetic person as `phosphene fit` does."""
    prepared = calibrate(person, "fmri", plan)
    settings, grid = search(prepared.meta, None, None, 0)
    data = make_dataset(prepared, settings.delay_s, settings.period_s, WorldEncoder().encode)
    empty = LinearModel(
        categories=CATEGORIES, prototypes=np.stack([typical(name) for name in CATEGORIES])
    )
    fitted = fit_decoder(data, settings, grid, empty, lambda *_: None, mask=prepared.mask)
    return fitted, prepared


def synthetic(person: int) -> Judged:
    """Judge the synthetic participant, moved heads, strangers, rest and noise."""
    fitted, prepared = fitted_person(person, CalibrationPlan(runs=TRAINING_RUNS))
    plan = CalibrationPlan(runs=TRAINING_RUNS + JUDGED_RUNS)
    runs = [r for r in simulated_runs(person, "fmri", plan) if isinstance(r, FmriRecording)]
    # The first run of the calibration gives the reference that all others are aligned to.
    own = _dataset(prepare([runs[0], *runs[TRAINING_RUNS:]], "own")).without(runs[0].run)
    return judge(fitted, own, _others(person, fitted, prepared, runs, own))


def _others(
    person: int, fitted: Fitted, prepared: PreparedData, runs: list[FmriRecording], own: Dataset
) -> Mapping[str, Dataset]:
    mask, last = prepared.mask, runs[-1]
    still = _measured(last, mask)
    found: dict[str, list[npt.NDArray[np.float32]]] = {}
    for by in MOVES:
        moved = _measured(last, np.roll(mask, by, (0, 1, 2)))
        found.setdefault("moved head, from the start", []).append(moved)
        later = np.concatenate([still[:MOVED_AT], moved[MOVED_AT:]])
        found.setdefault(f"moved head, from volume {MOVED_AT} on", []).append(later)
    for seed in (person + k for k in STRANGERS):
        (stranger,) = simulated_runs(seed, "fmri", replace(CalibrationPlan(), runs=2))[1:]
        assert isinstance(stranger, FmriRecording)
        in_own = head_of(seed).mask("early") | head_of(seed).mask("higher")
        for name, place in (("this", mask), ("an own", in_own)):
            found.setdefault(f"stranger in {name} mask", []).append(_measured(stranger, place))
    found["rest run"] = [_measured(_blank(person, last), mask)]
    rng = np.random.default_rng(1)
    mean, std, x = fitted.priors.mean, fitted.priors.std, own.responses
    found["white noise of the same size"] = [mean + std * _normal(rng, x.shape)]
    found["noise of any grey values"] = [rng.uniform(0, 4095, x.shape).astype(np.float32)]
    found["nothing (zeros)"] = [np.zeros_like(x)]
    power = np.abs(np.fft.rfft(x - x.mean(axis=0), axis=0))
    turned = np.fft.irfft(power * np.exp(2j * np.pi * rng.random(power.shape)), len(x), axis=0)
    found["noise of the same spectrum"] = [(x.mean(axis=0) + turned).astype(np.float32)]
    tr_s = prepared.meta.tr_s
    return {kind: _together(parts, tr_s, kind) for kind, parts in found.items()}


def _together(parts: list[npt.NDArray[np.float32]], tr_s: float, kind: str) -> Dataset:
    labels = [np.full(len(part), "") for part in parts]
    if f"{MOVED_AT} on" in kind:
        labels = [np.where(np.arange(len(p)) < MOVED_AT, BEFORE, "") for p in parts]
    return Dataset(
        responses=np.concatenate(parts).astype(np.float32),
        groups=np.concatenate([np.full(len(p), str(k)) for k, p in enumerate(parts)]),
        times=np.concatenate([tr_s * np.arange(1, len(p) + 1) for p in parts]),
        labels=np.concatenate(labels),
    )


def _measured(run: FmriRecording, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Realigned responses (volumes, voxels) in a mask."""
    return prepare([replace(run, mask=mask)], "x").responses


def _blank(person: int, run: FmriRecording) -> FmriRecording:
    """The person of a run before a blank screen."""

    class Blank(CalibrationPlan):
        def programme(self, seed: int, run: int):  # type: ignore[no-untyped-def]
            return structs.replace(super().programme(seed, run), blocks=())

    (blank,) = (
        r for r in simulated_runs(person, "fmri", Blank(runs=int(run.run))) if r.run == run.run
    )
    assert isinstance(blank, FmriRecording)
    return blank


def _dataset(prepared: PreparedData) -> Dataset:
    settings, _ = search(prepared.meta, None, None, 0)
    return make_dataset(prepared, settings.delay_s, settings.period_s, None)


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


def page(parts: Mapping[str, Judged]) -> str:
    """Lay the tables out as a page."""
    lines = ["# Confidence: what is shown and what is refused", ""]
    lines += ["Made by `python -m tests.benchmarks.evaluate_trust`.", ""]
    lines += [f"![reliability diagram]({DIAGRAM})", ""]
    for name, judged in parts.items():
        lines += [f"## {name}", "", table(judged, name), ""]
        lines += ["| confidence | share that was right | n |", "|---|---|---|"]
        lines += [f"| {b.confidence:.2f} | {b.success:.2f} | {b.n} |" for b in judged.reliability]
        lines.append("")
    return "\n".join([*lines, NOTES])


def diagram(parts: Mapping[str, Judged], path: Path) -> None:
    """Draw the reliability diagram: confidence against the share that was right."""
    figure = Figure(figsize=(4.5, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, judged in parts.items():
        bins = judged.reliability
        axes.plot([b.confidence for b in bins], [b.success for b in bins], "o-", label=name)
    axes.set(xlabel="confidence", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> int:
    """Judge and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the real recordings")
    parser.add_argument("--out", type=Path, help="page to write")
    given = parser.parse_args()
    parts = {f"Synthetic participant, seed {k}": synthetic(k) for k in PERSONS}
    if given.data is not None:
        folder = given.data / "fmri" / "haxby2001"
        name = "Haxby 2001, subject 1, 12 runs, each left out once"
        parts[name] = haxby(load_haxby(folder), haxby_mask(folder))
    text = page(parts)
    if given.out is not None:
        diagram(parts, given.out.parent / DIAGRAM)
        given.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
