"""Encoding, measured: handwritten digits, and the synthetic participant, whose truth is known.

``python -m tests.benchmarks.recon_encoding DATA [--figure FILE.png]`` prints the lines of the page.
Splits, components and penalties are fixed here and in `decoder.encoding`; nothing is chosen on
held-out rows.

digit69: 100 trials of V1 to V3, pixels of 28 x 28 to 30 principal components, ten folds (a
permutation by seed 0). The synthetic participant: a simulated calibration in the scanner with its
noise, cleaned by the real cores; its early voxels respond to picture features, its higher ones to c
(`acquisition.simulate.vision`).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from acquisition.simulate.calibration import CalibrationPlan, calibrate, head_of
from decoder.encoding.analyse import encode
from decoder.encoding.material import ALL, Encoded, FeatureSet, Material, Told
from decoder.encoding.sets import own_sets
from decoder.encoding.settings import EncodeSettings
from decoder.encoding.source import open_source
from decoder.images.folds import split as cut
from decoder.load import LoadOptions
from decoder.readers import ReadOptions, read_source
from decoder.splits import Split
from decoder.targets import make_dataset
from phosphene.dataset import write_prepared
from phosphene.metrics import auc
from phosphene.report.figures import png
from tests.benchmarks.evaluate_recon_line import Line, NotMeasuredError

__all__ = ["Recovered", "encoding_rows", "lines", "recovered"]

Array = npt.NDArray[Any]
_FOLDS, _SEED = 10, 0
_LEAST_SHARE = 0.26
_DIGITS = ReadOptions(
    arrays={
        "responses": "fmriTrn", "stimuli": "stimTrn", "labels": "labelTrn",
        "test_responses": "fmriTest", "test_stimuli": "stimTest", "test_labels": "labelTest",
    },
    order="column",
)  # fmt: skip
SETTINGS = EncodeSettings(components=30)
PLAN = CalibrationPlan(runs=5, blocks=16)
PERSON = 1


@dataclass(frozen=True)
class Recovered:
    """The map of a participant whose truth is known.

    Attributes
    ----------
    found : Encoded
    apart : array (voxels,)
        Unique variance of z less that of c.
    early : array of bool (voxels,)
        The truth: picture features (True) or c.
    """

    found: Encoded
    apart: Array
    early: Array

    @property
    def area(self) -> float:
        """Area under the curve: a voxel of the early area lies above one of the higher."""
        return float(auc(self.apart, self.early))

    @property
    def likeness(self) -> float:
        """Correlation with the planted map (1 early, -1 higher)."""
        return float(np.corrcoef(self.apart, np.where(self.early, 1.0, -1.0))[0, 1])


def encoding_rows(
    data_folder: Path, settings: EncodeSettings = SETTINGS, *, mixed: bool = False
) -> Encoded:
    """Predict the voxels of digit69 from pixels (z) and from the digit alone (c).

    Parameters
    ----------
    data_folder : Path
        With ``digit69_28x28.mat``.
    settings : EncodeSettings
    mixed : bool
        Whether pictures and digits are permuted before anything is fitted: the control.

    Returns
    -------
    Encoded
    """
    prepared, _ = read_source(data_folder / "digit69_28x28.mat", _DIGITS)
    data = make_dataset(prepared, 0.0, 1.0, None)
    if data.pictures is None or data.labels is None:
        raise NotMeasuredError(f"{data_folder}: no pictures or no labels")
    pixels = data.pictures[..., 0].reshape(len(data), -1) / np.float32(255)
    digit = (data.labels == data.labels[0]).astype(np.float32)[:, None]
    rows = np.arange(len(data))
    if mixed:
        order = np.random.default_rng(_SEED).permutation(rows)
        pixels, digit = pixels[order], digit[order]
    folds = tuple((np.sort(train), np.sort(test)) for train, test in cut(len(data), _FOLDS, _SEED))
    words = f"{_FOLDS} folds over {len(data)} trials, seed {_SEED}"
    material = Material(
        data.responses,
        (FeatureSet("z", "main", pixels), FeatureSet("c", "main", digit)),
        Split(words, ("trial",), folds), rows.astype(np.str_), rows,
    )  # fmt: skip
    return encode(material, settings)


def recovered(
    seed: int = PERSON, plan: CalibrationPlan = PLAN, permutations: int = 500
) -> Recovered:
    """Simulate a calibration and ask which voxels follow z and which c."""
    with tempfile.TemporaryDirectory(prefix="phosphene-encode-") as folder:
        path = Path(folder) / "calibration.npz"
        write_prepared(path, calibrate(seed, "fmri", plan))
        source = open_source(path, LoadOptions(), EncodeSettings().block_s, lambda _: None)
    head = head_of(seed)
    early = head.mask("early")[source.prepared.mask]
    material = Material(
        source.data.responses, own_sets(source.data), source.split, source.groups, source.units,
        source.clock, {"early": early, "higher": head.mask("higher")[source.prepared.mask]},
    )  # fmt: skip
    found = encode(material, replace(EncodeSettings(), permutations=permutations))
    apart = found.found["unique z"].value - found.found["unique c"].value
    return Recovered(found, apart, early)


def lines(data: Path) -> list[Line]:
    """Measure everything; lines of the page."""
    return [*_of_digits(data), *_of_synthetic(recovered())]


def _of_digits(data: Path) -> list[Line]:
    folder = data / "recon" / "digit69"
    if not folder.is_dir():
        raise NotMeasuredError(f"{folder} is not there")
    found = encoding_rows(folder)
    empty = encoding_rows(folder, replace(SETTINGS, permutations=1), mixed=True)
    voxels, made = found.sizes[ALL], []
    for name, what, baseline in (
        ("z", "from the picture, 30 components", "26 % (shuffled 1 %)"),
        ("c", "from the digit alone", "15.5 %"),
    ):
        told, control = found.found[name].above[ALL], empty.found[name].above[ALL].value
        made.append(
            Line(
                f"digit69, encoding {what}", f"voxels with held-out r > .20, n = {voxels}",
                f"{told.value:.1%} [{told.low:.1%}, {told.high:.1%}]",
                f"at least {_LEAST_SHARE:.0%}" if name == "z" else "",
                told.value >= _LEAST_SHARE if name == "z" else None, baseline,
                f"-; {told.shuffled:.1%} (97.5 %: {told.shuffled_high:.1%}), fitted on permuted "
                f"pictures {control:.1%}", f"{found.split}; interval over trials",
            )
        )  # fmt: skip
    r = found.found["z"].value
    significant = float((found.found["z"].q <= SETTINGS.fdr).mean())
    high, most = float(np.percentile(r, 95)), float(r.max())
    made.append(
        Line("digit69, encoding from the picture, 30 components",
             f"significant voxels, q .05, n = {voxels}", f"{significant:.1%}",
             baseline="", beside=f"95th percentile of r {high:.2f}, max {most:.2f} (baseline .58, "
             ".82)", split=found.split)
    )  # fmt: skip
    return made


def _of_synthetic(own: Recovered) -> list[Line]:
    found, data = own.found, f"synthetic participant, seed {PERSON}, encoding"
    split, made = f"{found.split}; interval over blocks of time", []
    for region, better, other in (("early", "z", "c"), ("higher", "c", "z")):
        wins, loses = (found.found[name].regions[region] for name in (better, other))
        unique = found.found[f"unique {better}"].regions[region]
        made += [
            Line(data, f"mean r from {better}, {region} area, n = {found.sizes[region]}",
                 _with_interval(wins), f"above r from {other}", wins.value > loses.value,
                 f"r from {other} {_with_interval(loses)}",
                 f"0; {wins.shuffled:.3f} (97.5 %: {wins.shuffled_high:.3f})", split),
            Line(data, f"variance unique to {better}, {region} area", _with_interval(unique),
                 "", None, f"unique to {other} "
                 + _with_interval(found.found[f"unique {other}"].regions[region]),
                 f"0; {unique.shuffled:.3f}", split),
        ]  # fmt: skip
    mixed = np.random.default_rng(_SEED).permutation(own.early)
    made.append(
        Line(data, "planted map told by unique z less unique c, area under the curve, "
             f"n = {len(own.early)}", f"{own.area:.3f}", "", None,
             f"correlation with the planted map {own.likeness:.2f}",
             f"0.5; {float(auc(own.apart, mixed)):.3f}", found.split)
    )  # fmt: skip
    return made


def figure(own: Recovered) -> bytes:
    """Draw the recovered map beside the truth."""
    drawn = Figure(figsize=(10.0, 3.6), dpi=100)
    drawn.subplots_adjust(0.07, 0.17, 0.99, 0.88, wspace=0.22)
    left, right = drawn.subplots(1, 2)
    for k, (name, colour) in enumerate((("z", "#c46a1b"), ("c", "#27679b"))):
        told = [own.found.found[name].regions[region] for region in ("early", "higher")]
        x = np.arange(2) + (k - 0.5) * 0.36
        value = np.array([t.value for t in told])
        apart = [value - [t.low for t in told], np.array([t.high for t in told]) - value]
        left.bar(x, value, 0.33, color=colour, label=f"from {name}", yerr=apart)
        left.hlines([t.shuffled_high for t in told], x - 0.18, x + 0.18, color="#222222", ls=":",
                    lw=1, label="shuffled, 97.5 %" if k else None)  # fmt: skip
    left.set_xticks(range(2), ["early: responds to\npicture features",
                               "higher: responds to c"], fontsize=9)  # fmt: skip
    left.set_ylabel("held-out correlation, mean over voxels")
    left.legend(fontsize=8, frameon=False)
    edges = np.linspace(*np.percentile(own.apart, [0.5, 99.5]), 40)
    for name, members, colour in (
        ("higher", ~own.early, "#27679b"), ("early", own.early, "#c46a1b"),
    ):  # fmt: skip
        right.hist(own.apart[members], edges, color=colour, alpha=0.7, label=f"planted: {name}")
    right.axvline(0, color="#666666", lw=0.8)
    right.set_xlabel("variance unique to z less unique to c")
    right.set_ylabel("voxels")
    right.set_title(f"planted map recovered: AUC {own.area:.3f}, r {own.likeness:.2f}", fontsize=10)
    right.legend(fontsize=8, frameon=False)
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    return png(drawn)


def _with_interval(told: Told) -> str:
    return f"{told.value:.3f} [{told.low:.3f}, {told.high:.3f}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the lines; draw the synthetic participant's figure where it is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the real recordings")
    parser.add_argument("--figure", type=Path, help="file of the figure (.png)")
    given = parser.parse_args(arguments)
    own = recovered()
    for line in [*_of_digits(given.data), *_of_synthetic(own)]:
        print("| " + " | ".join(line.cells()) + " |")
    if given.figure:
        given.figure.write_bytes(figure(own))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
