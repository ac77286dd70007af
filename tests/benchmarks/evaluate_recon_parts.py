"""What the page of decoding and reconstruction measures, one function for each part.

Each takes the bench (folders, commands) and gives its lines, or raises `NotMeasuredError`. Models
and limits of each part are fixed in the modules that it calls; nothing is chosen here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
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

__all__ = ["PARTS", "Part"]

_DGMM = "DGMM .803 / .037 / .645; ridge to TAEF2 z .815 / .035 / .668"
_CV = "encoding-weighted voxels .756 / .042 / .501; ridge to TAEF2 z .746 / .044 / .601"
_TWO_WAY = {"cv": "ridge to TAEF2 z .918", "shipped": "ridge to TAEF2 z .967"}
_KEPT = 0.8
BASELINES = {"cv": _CV, "shipped": _DGMM}


@dataclass(frozen=True)
class Part:
    """A part of the page: what it is called there, and what measures it."""

    title: str
    measure: Callable[[Bench], list[Line]]


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
        lines += [
            of_score(data, "PCC", result.pcc, least=needed[0], baseline=baseline),
            of_score(data, "MSE", result.mse, most=needed[1], baseline=baseline),
            of_score(data, "SSIM 7 x 7", result.ssim, least=needed[2], baseline=baseline),
            of_score(
                data,
                "2-way, pixels",
                result.two_way,
                baseline=_TWO_WAY[result.split] if ours else "",
            ),
        ]
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
    """Scenes of 64 x 64 pixels on the synthetic participant, beside the ceiling of its truth."""
    from tests.benchmarks.recon_synthetic import synthetic as decoded

    made = decoded(tell=lambda _: None)
    found = {name: _measured(name, percepts, bench.work) for name, percepts in made.items()}
    data, own, top = "synthetic participant, seed 0", found["decoded"], found["ceiling"]
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
            ceiling = f"noise ceiling {top.scores[name].value:.3f}" if name in top.scores else ""
            lines.append(of_score(data, figure, own.scores[name], least=least, baseline=ceiling))
    return lines


def haxby_offline(bench: Bench) -> list[Line]:
    """Decode Haxby as papers do: detrended and standardised with all volumes of a run."""
    results = study.run_offline(
        study.load_haxby(_haxby_folder(bench)), study.offline_candidates(), lambda _: None
    )
    data = "Haxby 2001, one slice, offline, not causal"
    baseline = "ours, quick: .691 (no window)"
    figure = "8-way accuracy per labelled volume"
    return [of_score(data, figure, study.pooled(results), least=0.72, baseline=baseline)]


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
    """Say what is refused at the decoder's own threshold, and at that of the judged data."""
    right = judged.passed["right"]
    beside = f"Brier {judged.brier:.3f}, calibration error {judged.error:.3f}"
    figure = f"right percepts kept, n = {len(right)}"
    lines = [Line(data, figure, f"{right.mean():.1%}", beside=beside, split=split)]
    at_80 = judged.refused(_KEPT)
    for kind, passed in judged.passed.items():
        if kind == "right":
            continue
        refused = 1 - float(passed.mean())
        asked = least is not None and kind != "another category than the one seen"
        lines.append(
            Line(
                data, f"refused: {kind}, n = {len(passed)}", f"{refused:.1%}",
                f"at least {least:.0%}" if asked else "",
                refused >= least if asked and least is not None else None,
                beside=f"where {_KEPT:.0%} of these right ones are kept: {at_80[kind]:.1%}",
                split=split,
            )
        )  # fmt: skip
    return lines


def _haxby_folder(bench: Bench) -> Path:
    folder = bench.data / "fmri" / "haxby2001"
    if not folder.is_dir():
        raise NotMeasuredError(f"{folder} is not there")
    return folder


def encoding(bench: Bench) -> list[Line]:
    """Predict voxels of the digits from their pixels: the share that is predicted well."""
    file = bench.data / "recon" / "digit69" / digit69.FILE
    if not file.is_file():
        raise NotMeasuredError(f"{file} is not there")
    out = bench.work / "encoding"
    arrays = {"responses": "fmri", "stimuli": "stim", "labels-key": "label"}
    named = [f"--{role}={array}Trn" for role, array in arrays.items()]
    named += [f"--test-{role}={array}Test" for role, array in arrays.items()]
    bench.phosphene(
        "encode", file, *named, "--picture-order", "column", "--split", "10-fold-by-stimulus",
        "--noise-levels", "", "--permutations", 100, "--out", out,
    )  # fmt: skip
    told = json.loads((out / "encoding.json").read_text())
    voxels = told["regions"]["all"]
    lines = []
    for name, what in (("z", "pixels"), ("c", "category")):
        own = told["sets"][name]["above"]["all"]
        least = 0.26 if name == "z" else None
        lines.append(
            Line(
                "digit69, encoding", f"voxels with r > .20 from {what}, n = {voxels}",
                f"{own['value']:.3f} [{own['low']:.3f}, {own['high']:.3f}]",
                "at least 0.26" if least else "", own["value"] >= least if least else None,
                "ours, quick: .26 from PCA of pixels, .155 from category",
                f"none in closed form; {own['shuffled']:.3f}", told["split"],
            )
        )  # fmt: skip
    return lines


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
    """Turn rows of the other pages ("0.67 ± 0.05") into lines."""
    return [
        Line(
            row.data, row.figure, row.value, f"at least {least:g}",
            float(row.value.split()[0]) >= least, baseline, row.beside, split,
        )
        for row in rows
    ]  # fmt: skip


def _limit(data: str, figure: str, value: float, most: float, unit: str, beside: str) -> Line:
    return Line(
        data, figure, f"{value:.2f} {unit}", f"at most {most:g} {unit}", value <= most, beside
    )


PARTS: dict[str, Part] = {
    "digit69": Part("Handwritten digits from visual cortex", digits),
    "haxby": Part("Haxby 2001, causal, through the chain", haxby_causal),
    "haxby-offline": Part("Haxby 2001, offline, non-causal", haxby_offline),
    "muse": Part("Muse N170, causal, through the chain", muse_causal),
    "eeg-synthetic": Part("EEG of the synthetic participant", eeg_synthetic),
    "synthetic": Part("Synthetic participant", synthetic),
    "encoding": Part("Encoding of handwritten digits", encoding),
    "confidence": Part("Confidence on the synthetic participant", confidence_synthetic),
    "confidence-haxby": Part("Confidence on Haxby 2001", confidence_haxby),
    "speed": Part("Speed and memory", speed),
}
"""All parts of the page, in order."""
