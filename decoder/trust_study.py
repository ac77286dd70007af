"""What a threshold of confidence lets through: right percepts kept against all else refused.

``python -m decoder.trust_study DATA`` prints the table for Haxby et al. (2001), subject 1 (DATA as
in `decoder.studies.haxby`): each run is judged by a decoder, threshold included, that was fitted on
the other eleven. For other data call `judge` with a fitted decoder and what it never saw.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.calibrate import calibration_error, quantile_kept, reliability
from decoder.choose import Grid
from decoder.dataset import Dataset
from decoder.fit import Fitted, fit_decoder
from decoder.impostors import impostors
from decoder.model import LinearModel
from decoder.samples import make_samples
from decoder.settings import FitSettings
from decoder.studies.haxby import TR_S, haxby_mask, load_haxby
from phosphene.manifest import REST, ReliabilityBin
from phosphene.stimuli import CATEGORIES, prototype

__all__ = ["Judged", "haxby", "judge", "pooled", "table"]

Array = npt.NDArray[Any]
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
LONG_REST_S = 4.0
SETTINGS = FitSettings(window=3, combine="mean", period_s=TR_S, prior_weight=10.0)
"""Fixed beforehand for Haxby: a middle one of the candidates of `decoder.studies.haxby`."""


@dataclass(frozen=True)
class Judged:
    """Confidence of what a decoder never saw.

    Attributes
    ----------
    own : array (n,)
        Of the person's own labelled windows.
    right : array of bool (n,)
        Whether the percept named what was seen.
    others : mapping of str to array
        Of each kind of window that should not be shown; also those of `own` that were not right.
    threshold : float
        Of the decoder, or the mean one where several were pooled.
    passed : mapping of str to array of bool
        Which of "right" and of each kind were at or above the threshold of their own decoder.
    """

    own: Array = field(repr=False)
    right: Array = field(repr=False)
    others: Mapping[str, Array] = field(repr=False)
    threshold: float
    passed: Mapping[str, Array] = field(repr=False)

    @property
    def brier(self) -> float:
        """Mean squared error of the confidences."""
        return float(((self.own - self.right) ** 2).mean())

    @property
    def error(self) -> float:
        """Expected calibration error."""
        return calibration_error(self.reliability)

    @property
    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """Rows of the reliability diagram."""
        return reliability(self.own, self.right.astype(np.float64))

    def refused(self, kept: float) -> dict[str, float]:
        """Share of each kind below the threshold that keeps this share of the right percepts."""
        least = quantile_kept(self.own, self.right.astype(np.float64), kept)
        return {kind: float((values < least).mean()) for kind, values in self.others.items()}


def judge(fitted: Fitted, own: Dataset, others: Mapping[str, Dataset]) -> Judged:
    """Judge data that a decoder was not fitted on.

    Parameters
    ----------
    fitted : Fitted
        With its threshold.
    own : Dataset
        Labelled data of the same person.
    others : mapping of str to Dataset
        What should not be shown, before normalising; rows with a label are only what has come
        before it.

    Returns
    -------
    Judged
    """
    model, settings = fitted.model, fitted.settings
    samples = make_samples(replace(own, z=None, c=None), settings, fitted.priors)
    labels = np.asarray(samples.labels)
    percepts = model.predict(samples.X)
    count = len(model.shown)
    named = np.asarray(model.shown)[percepts.log_probabilities[:, :count].argmax(axis=1)]
    known = labels != ""
    right, sure = (named == labels)[known], percepts.confidence[known].astype(np.float64)
    rest = labels[known] == REST
    found = {"another category than the one seen": sure[~right & ~rest], "rest": sure[rest]}
    lasting = _lasting_s(samples.groups[known], rest, settings.period_s)
    found[f"rest that has lasted {LONG_REST_S:g} s"] = sure[rest & (lasting >= LONG_REST_S)]
    for kind, data in others.items():
        windows = make_samples(data, settings, fitted.priors)
        counts = np.asarray(windows.labels) == ""
        found[kind] = model.predict(windows.X[counts]).confidence.astype(np.float64)
    found = {kind: values for kind, values in found.items() if len(values)}
    threshold = fitted.calibration.threshold or 0.0
    passed = {kind: values >= threshold for kind, values in {"right": sure[right], **found}.items()}
    return Judged(sure, right, found, threshold, passed)


def _lasting_s(groups: Array, rest: Array, period_s: float) -> Array:
    """For how many seconds each row has been at rest."""
    out = np.zeros(len(rest))
    for row in range(len(rest)):
        going_on = row > 0 and rest[row] and groups[row] == groups[row - 1]
        out[row] = (out[row - 1] if going_on else 0.0) + period_s * bool(rest[row])
    return out


def pooled(parts: Sequence[Judged]) -> Judged:
    """Lay the judgements of several decoders (left-out runs) side by side."""
    kinds = list(dict.fromkeys(kind for part in parts for kind in part.others))
    return Judged(
        own=np.concatenate([part.own for part in parts]),
        right=np.concatenate([part.right for part in parts]),
        others={k: np.concatenate([p.others[k] for p in parts if k in p.others]) for k in kinds},
        threshold=float(np.mean([part.threshold for part in parts])),
        passed={
            k: np.concatenate([p.passed[k] for p in parts if k in p.passed])
            for k in ("right", *kinds)
        },
    )


def table(judged: Judged, data: str) -> str:
    """Markdown: what is refused, at the decoder's own threshold and along the curve."""
    keys = [f"{100 * level:g} %" for level in LEVELS]
    head = ["what", "n", f"own threshold ({judged.threshold:.2f})", *keys]
    kept = [f"{100 * judged.passed['right'].mean():.0f} %", *keys]
    rows = [head, ["---"] * len(head)]
    rows.append(["**right percepts kept**", str(len(judged.passed["right"])), *kept])
    curve = {level: judged.refused(level) for level in LEVELS}
    for kind, passed in judged.passed.items():
        if kind != "right":
            along = [f"{100 * curve[level][kind]:.1f} %" for level in LEVELS]
            own = f"{100 * (1 - passed.mean()):.1f} %"
            rows.append([f"refused: {kind}", str(len(passed)), own, *along])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    base = judged.right.mean() * (1 - judged.right.mean())
    lines += [
        "",
        f"{data}: Brier score {judged.brier:.3f} (always saying the mean: {base:.3f}), expected "
        f"calibration error {judged.error:.3f}, n = {len(judged.own)}.",
    ]
    return "\n".join(lines)


def haxby(data: Dataset, mask: npt.NDArray[np.bool_]) -> Judged:
    """Judge every run of Haxby by a decoder that was fitted on the others."""
    empty = LinearModel(
        categories=CATEGORIES, prototypes=np.stack([prototype(k) for k in CATEGORIES])
    )
    parts = []
    for number, name in enumerate(data.group_names):
        training, own = data.without(name), data.only(name)
        fitted = fit_decoder(training, SETTINGS, Grid(), empty, lambda *_: None, mask=mask)
        # Other draws than those that the threshold was learned with, and from a run left out of it.
        rng = np.random.default_rng([1, number])
        made: dict[str, list[Dataset]] = {}
        for kind, other in impostors(own, fitted.priors, 0.0, rng, mask):
            made.setdefault(kind, []).append(other)
        made["noise of the same spectrum"] = [_same_spectrum(own, rng)]
        parts.append(judge(fitted, own, {kind: _joined(all_) for kind, all_ in made.items()}))
    return pooled(parts)


def _same_spectrum(data: Dataset, rng: np.random.Generator) -> Dataset:
    """Phases drawn anew for every voxel: mean and power spectrum stay, patterns go."""
    x = data.responses.astype(np.float64)
    power = np.abs(np.fft.rfft(x - x.mean(axis=0), axis=0))
    turned = power * np.exp(2j * np.pi * rng.random(power.shape))
    noise = np.fft.irfft(turned, len(x), axis=0)
    responses = (x.mean(axis=0) + noise).astype(np.float32)
    return replace(data, responses=responses, labels=np.full(len(x), ""))


def _joined(parts: Sequence[Dataset]) -> Dataset:
    """Several runs as one dataset, each in a group of its own."""
    return Dataset(
        responses=np.concatenate([part.responses for part in parts]),
        groups=np.concatenate([np.full(len(p), str(k)) for k, p in enumerate(parts)]),
        times=np.concatenate([part.times for part in parts]),
        labels=np.concatenate([np.full(len(part), "") for part in parts]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge Haxby and print the table."""
    parser = argparse.ArgumentParser(prog="python -m decoder.trust_study", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with bold.nii.gz")
    chosen = parser.parse_args(arguments)
    judged = haxby(load_haxby(chosen.data), haxby_mask(chosen.data))
    print(table(judged, "Haxby 2001, subject 1, 12 runs, each left out once"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
