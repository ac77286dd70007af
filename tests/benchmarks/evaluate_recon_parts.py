"""What the page of decoding and reconstruction measures, one function for each part.

Each takes the bench (folders, commands) and gives its lines, or raises `NotMeasuredError`. Models
and limits of each part are fixed in the modules that it calls; nothing is chosen here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from decoder import trust_study
from decoder.evaluation.evaluate import Evaluation, Settings, evaluate
from decoder.evaluation.percepts import Percepts, write_percepts
from decoder.evaluation.score import read_pictures
from decoder.studies import digit69
from decoder.studies import haxby as study
from tests.benchmarks import bench_decoder, evaluate_eeg, evaluate_trust
from tests.benchmarks.evaluate import Bench, Row, haxby
from tests.benchmarks.evaluate_recon_line import Line, NotMeasuredError, of_score

__all__ = ["PARTS", "Part", "of_kinds"]

_DGMM = "DGMM .803 / .037 / .645; ridge to TAEF2 z .815 / .035 / .668"
_CV = "encoding-weighted voxels .756 / .042 / .501; ridge to TAEF2 z .746 / .044 / .601"
_TWO_WAY = {"cv": "ridge to TAEF2 z .918", "shipped": "ridge to TAEF2 z .967"}
_KEPT = 0.8
_MISTAKEN = "another category than the one seen"
_QUIET, _ITSELF = "the same decoder without scanner noise", "the autoencoder's own"
BASELINES = {"cv": _CV, "shipped": _DGMM}
_LOOKED = (
    "its design and settings were found while looking at 90 of these 100 trials ([decision 16]"
    "(decisions/0016-pictures-by-shapes-and-painters.md)), which flatters it"
)
_AS_THEY_CAME = ("mean picture", "ridge to pixels", "ridge to TAEF2's z")
"""Methods with one setting, which was not searched for."""


@dataclass(frozen=True)
class Part:
    """A part of the page.

    Attributes
    ----------
    title : str
        What it is called there.
    measure : Callable
        Measures it.
    asked : int
        Figures of it that are asked for; those that it does not give count as not reached.
    minutes : float
        About how long it takes on two cores, for the help.
    """

    title: str
    measure: Callable[[Bench], list[Line]]
    asked: int
    minutes: float


def digits(bench: Bench) -> list[Line]:
    """Handwritten digits: the decoder, and what it stands beside, on both splits."""
    folder = bench.data / "recon" / "digit69"
    if not folder.is_dir():
        raise NotMeasuredError(f"{folder} is not there")
    weights = bench.data / "weights" / "taef2"
    methods = digit69.with_taef2(weights if weights.is_dir() else None)
    lines = []
    for result in digit69.rows(folder, methods=methods):
        ours = result.method == digit69.OURS
        needed = digit69.REQUIRED[result.split] if ours else (None, None, None)
        baseline = f"PCC / MSE / SSIM: {BASELINES[result.split]}" if ours else ""
        data = f"digit69, {result.method}"
        looked = result.split == "cv" and result.method not in _AS_THEY_CAME
        caveat = _LOOKED if looked else ""
        for figure, score, least, most in (
            ("PCC", result.pcc, needed[0], None),
            ("MSE", result.mse, None, needed[1]),
            ("SSIM 7 x 7", result.ssim, needed[2], None),
            ("2-way, pixels", result.two_way, None, None),
        ):
            beside = _TWO_WAY[result.split] if ours and figure.startswith("2-way") else baseline
            lines.append(
                of_score(
                    data, figure, score, least=least, most=most, baseline=beside,
                    over="pictures", caveat=caveat,
                )
            )  # fmt: skip
    return lines


def haxby_causal(bench: Bench) -> list[Line]:
    """Replay each run of Haxby through the whole chain, by a bundle of the other runs."""
    found = haxby(bench, lambda: None)
    return _of_rows(found, 0.66, "leave one run out, through all processes", ".691 offline")


def muse_causal(bench: Bench) -> list[Line]:
    """Replay each run of the Muse recording through the whole chain, by a bundle of the others."""
    found = evaluate_eeg.muse_n170(bench, lambda: None)
    return _of_rows(found, 0.73, "leave one run out, through all processes", ".73 offline")


def eeg_synthetic(bench: Bench) -> list[Line]:
    """Ridge beside the convolution trained by contrast, on EEG whose truth is known."""
    from tests.benchmarks.recon_eeg import lines

    return lines(bench.data)


def synthetic(bench: Bench) -> list[Line]:
    """Scenes of 64 x 64 pixels on the synthetic participant, beside one without scanner noise."""
    from tests.benchmarks.recon_synthetic import autoencoder_alone
    from tests.benchmarks.recon_synthetic import synthetic as decoded

    made = decoded(tell=lambda _: None)
    found = {name: _measured(name, percepts, bench.work) for name, percepts in made.items()}
    data, own, top = "synthetic participant, seed 0", found["decoded"], found["noiseless"]
    alone = autoencoder_alone(made["decoded"])
    lines = []
    for name, figure, least in (
        ("z.two_way", "2-way, z", 0.9), ("c.two_way", "2-way, c", 0.9),
        ("picture-z.two_way", "2-way, picture of z", None),
        ("z.50_way", "50-way strict top-1, z", 0.1), ("c.50_way", "50-way strict top-1, c", 0.1),
        ("picture-z.pixcorr", "PixCorr, picture of z", None),
        ("picture-z.ssim", "SSIM 7 x 7, picture of z", None),
        ("picture-z.ssim_grey", "SSIM grey, picture of z", None),
        ("picture-c.two_way", "2-way, picture of c", None),
        ("picture-c.ssim", "SSIM 7 x 7, picture of c", None),
        ("picture-zc.two_way", "2-way, picture of zc", None),
        ("picture-zc.pixcorr", "PixCorr, picture of zc", None),
        ("picture-zc.ssim", "SSIM 7 x 7, picture of zc", None),
    ):  # fmt: skip
        if name in own.scores:
            beside = [f"{_QUIET} {top.scores[name].value:.3f}"] if name in top.scores else []
            beside += [f"{_ITSELF} {alone[name]:.3f}"] if name in alone else []
            lines.append(
                of_score(data, figure, own.scores[name], least=least,
                         baseline="; ".join(beside), over="scenes")
            )  # fmt: skip
    return lines


def haxby_offline(bench: Bench) -> list[Line]:
    """Decode Haxby as papers do: detrended and standardised with all volumes of a run."""
    results = study.run_offline(
        study.load_haxby(_haxby_folder(bench)), study.offline_candidates(), lambda _: None
    )
    data = "Haxby 2001, one slice, offline, not causal"
    baseline = "ours, quick: .691 (no window)"
    figure = "8-way accuracy per labelled volume"
    score = study.pooled(results)
    return [of_score(data, figure, score, least=0.72, baseline=baseline, over="runs")]


def confidence_synthetic(bench: Bench) -> list[Line]:
    """Refuse noise, strangers, moved heads and rest of the synthetic participant."""
    split = "new runs; decoder and threshold from a calibration"
    lines = []
    for person in evaluate_trust.PERSONS:
        data = f"synthetic participant {person}, confidence"
        lines += _judged(data, evaluate_trust.synthetic(person), split, 0.95)
    return lines


def confidence_haxby(bench: Bench) -> list[Line]:
    """Refuse the same on Haxby, each run by the decoder and threshold of the others."""
    folder = _haxby_folder(bench)
    judged = trust_study.haxby(study.load_haxby(folder), study.haxby_mask(folder))
    return _judged("Haxby 2001, confidence", judged, "leave one run out, threshold too", None)


def _judged(data: str, judged: trust_study.Judged, split: str, least: float | None) -> list[Line]:
    """Say what is refused at the decoder's own threshold, and at that of the judged data.

    What is asked for is asked of a person, of every kind at once: the kind that is refused least
    decides.
    """
    right = judged.passed["right"]
    beside = f"Brier {judged.brier:.3f}, calibration error {judged.error:.3f}"
    figure = f"right percepts kept, n = {len(right)}"
    lines = [Line(data, figure, f"{right.mean():.1%}", beside=beside, split=split)]
    at_80 = judged.refused(_KEPT)
    refused = {
        kind: 1 - float(passed.mean()) for kind, passed in judged.passed.items() if kind != "right"
    }
    for kind, share in refused.items():
        kept = f"where {_KEPT:.0%} of these right ones are kept: {at_80[kind]:.1%}"
        figure = f"refused: {kind}, n = {len(judged.passed[kind])}"
        lines.append(Line(data, figure, f"{share:.1%}", beside=kept, split=split))
    if least is not None:
        asked = {kind: share for kind, share in refused.items() if kind != _MISTAKEN}
        lines.insert(0, of_kinds(data, asked, at_80, least, split))
    return lines


def of_kinds(
    data: str, refused: Mapping[str, float], at_80: Mapping[str, float], least: float, split: str
) -> Line:
    """Judge all kinds that must be refused as one: by the one that is refused least.

    Parameters
    ----------
    data, split : str
        As in `Line`.
    refused, at_80 : mapping of str to float
        Share of each kind at the decoder's own threshold, and where 80 % of the judged data's right
        percepts are kept.
    least : float
        What each kind has to reach.
    """
    worst = min(refused, key=lambda kind: refused[kind])
    enough = sum(share >= least for share in refused.values())
    return Line(
        data,
        f"refused, each of {len(refused)} kinds: noise, strangers, moved heads, rest",
        f"{refused[worst]:.1%} ({worst}), the least; {enough} of {len(refused)} kinds reach it",
        f"at least {least:.0%} of each",
        refused[worst] >= least,
        beside=f"{worst}, where {_KEPT:.0%} of these right ones are kept: {at_80[worst]:.1%}",
        split=split,
    )


def _haxby_folder(bench: Bench) -> Path:
    folder = bench.data / "fmri" / "haxby2001"
    if not folder.is_dir():
        raise NotMeasuredError(f"{folder} is not there")
    return folder


def encoding(bench: Bench) -> list[Line]:
    """Voxels predicted: of the digits from pixels and digit, of the synthetic one from z and c."""
    from tests.benchmarks.recon_encoding import lines

    return lines(bench.data)


def speed(bench: Bench) -> list[Line]:
    """Time and memory of a large fit, and of decoding one window."""
    found = bench_decoder.measure(bench_decoder.FULL, 1)
    ours, decoded = found["fits"]["own"], found["decode"]
    peer = found["fits"]["sklearn"]
    trials, voxels, targets = bench_decoder.FULL
    data = f"fit, {trials} trials x {voxels} voxels x {targets} targets"
    return [
        _limit(data, "time", ours["wall_s"], bench_decoder.LIMIT_S, "s",
               f"scikit-learn RidgeCV {peer['wall_s']:.1f} s"),
        _limit(data, "peak memory", ours["peak_gib"], bench_decoder.LIMIT_GIB, "GiB",
               f"scikit-learn RidgeCV {peer['peak_gib']:.2f} GiB"),
        _limit(f"decode one window, {voxels} voxels, CPU", "99th percentile", decoded["p99_ms"],
               bench_decoder.LIMIT_MS, "ms", ""),
    ]  # fmt: skip


def _measured(name: str, percepts: Percepts, work: Path) -> Evaluation:
    """Let the renderer's own process paint, and measure."""
    stored, painted = work / f"{name}.npz", work / f"{name}-pictures.npz"
    write_percepts(stored, percepts)
    command = [sys.executable, "-m", "renderer.paint", str(stored), "--out", str(painted)]
    subprocess.run([*command, "--strength", "0.8"], check=True, stderr=subprocess.DEVNULL)
    pictures, _ = read_pictures(painted, len(percepts))
    return evaluate(percepts, pictures, [], Settings(), lambda _: None)


def _of_rows(rows: list[Row], least: float, split: str, baseline: str) -> list[Line]:
    """Turn rows of the other pages ("0.67 ± 0.05", mean and deviation over runs) into lines."""
    return [
        Line(
            row.data, row.figure, row.value, f"at least {least:g}",
            row.number >= least, baseline, row.beside, f"{split}; ± is the deviation over runs",
        )
        for row in rows
        if row.number is not None
    ]  # fmt: skip


def _limit(data: str, figure: str, value: float, most: float, unit: str, beside: str) -> Line:
    return Line(
        data, figure, f"{value:.2f} {unit}", f"at most {most:g} {unit}", value <= most, beside
    )


PARTS: dict[str, Part] = {
    "digit69": Part("Handwritten digits from visual cortex", digits, 6, 5),
    "haxby": Part("Haxby 2001, causal, through the chain", haxby_causal, 1, 5),
    "haxby-offline": Part("Haxby 2001, offline, non-causal", haxby_offline, 1, 1),
    "muse": Part("Muse N170, causal, through the chain", muse_causal, 1, 8),
    "eeg-synthetic": Part("EEG of the synthetic participant", eeg_synthetic, 0, 4),
    "synthetic": Part("Synthetic participant", synthetic, 4, 4),
    "encoding": Part("Encoding of digits and of the synthetic participant", encoding, 3, 1),
    "confidence": Part("Confidence on the synthetic participant", confidence_synthetic, 2, 1),
    "confidence-haxby": Part("Confidence on Haxby 2001", confidence_haxby, 0, 2),
    "speed": Part("Speed and memory", speed, 3, 2),
}
"""All parts of the page, in order."""
