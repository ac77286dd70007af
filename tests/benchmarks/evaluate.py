"""Replay the real recordings through the whole chain and write the table of figures.

``make evaluate DATA=path/to/recordings`` runs this. Nothing is fitted on the replayed run: each
bundle is fitted on the other runs of the same person, by the same commands a user types.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from phosphene.messages import Quality
from phosphene.recorder.reader import read_run

HAXBY_RUNS = 12
SIEMENS_VOLUMES, SIEMENS_SKIPPED, SIEMENS_TR_S = 155, 5, 1.97
XDF_SAMPLES = 34320
# First and last volume of each regulation block of the Siemens run, counted from 1 behind the
# skipped volumes (protocol file of that recording).
REGULATION = tuple((begin, begin + 9) for begin in range(11, 140, 20))

NOTES = """\
How to read this:

- **Haxby.** Eight-way means the most probable of the eight categories; "rest", which the
  decoder also knows, is left out, as every scored volume shows something. Window and delay are
  chosen on the eleven training runs. The family of models (discriminant with rest, running
  mean) was chosen while looking at all twelve runs.
- **Muse.** Filter band and epoch are the defaults, which were found while looking at all six runs
  of this one recording, so the figure is somewhat flattering; whether a discriminant or the
  committee decodes, and every shrinkage, is chosen on training runs. `evaluation-eeg.md` has the
  figure with the band and the epoch that are usual for faces.
- **Siemens.** ROI curves are causal (drift removed as it comes); the blocks are convolved with
  a canonical haemodynamic response before they are compared.
- **Synthetic.** The participant's brain responds to pooled picture features and to c plus
  noise, so figures say that the chain works, not how well people can be decoded. Identification
  is of the decoded embedding among the session's other clips; calibration and session share the
  person, not clips or noise.
- Latency counts from the moment the volume's file was closed (the sample was pushed to LSL) to
  the moment the first frame that shows it was published; the haemodynamic delay is not in it.
- A frame is late when it is out more than half a period after its due time, or skipped.
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: what, on which split, the figure and what it stands beside.

    `number` is the figure before it is rounded, where the line has one.
    """

    data: str
    figure: str
    value: str
    required: str
    beside: str
    number: float | None = None


class Bench:
    """Runs commands in a scratch folder.

    Parameters
    ----------
    data : Path
        Folder of the real recordings.
    work : Path
        Scratch folder.
    keep : Path or None
        Where output folders are kept for looking at.
    """

    def __init__(self, data: Path, work: Path, keep: Path | None) -> None:
        self.data, self.work = data, work
        self.outputs = keep or work / "out"
        self._log = work / "log.txt"

    def phosphene(self, *arguments: object) -> None:
        """Run a command; show what it has said when it fails."""
        hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        environment = {k: v for k, v in os.environ.items() if k not in hidden}
        with self._log.open("w") as log:
            done = subprocess.run(
                [sys.executable, "-m", "phosphene.cli", *map(str, arguments)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                check=False,
            )
        if done.returncode != 0:
            raise SystemExit(f"phosphene {arguments}\n{self._log.read_text()[-4000:]}")

    def consent(self, person: str) -> Path:
        """Write a consent for evaluating a recording on this machine."""
        path = self.work / f"{person}.toml"
        path.write_text(
            f'person = "{person}"\nexpires = "2099-01-01"\n'
            'scopes = ["view_self", "view_operator", "record_brain", "record_images"]\n'
        )
        return path

    def replay(self, recording: Path, name: str, *options: object) -> dict[str, Any]:
        """Replay headless and return the report."""
        out = self.outputs / name
        self.phosphene("replay", recording, "--headless", "--out", out, *options)
        loaded: dict[str, Any] = json.loads((out / "report.json").read_text())
        return loaded


def haxby(bench: Bench, step: Callable[[], None]) -> list[Row]:
    """Leave one run out, all twelve: fit on eleven, replay the twelfth."""
    folder = bench.data / "fmri" / "haxby2001"
    found, shuffled = [], []
    for left_out in range(1, HAXBY_RUNS + 1):
        others = ",".join(str(r) for r in range(1, HAXBY_RUNS + 1) if r != left_out)
        bundle = bench.work / f"haxby-{left_out}"
        bench.phosphene("fit", folder, "--runs", others, "--person", "haxby1", "--out", bundle)
        report = bench.replay(
            folder, f"haxby-run{left_out:02d}", "--run", left_out, "--bundle", bundle,
            "--consent", bench.consent("haxby1"), "--speed", "max",
        )  # fmt: skip
        found.append(float(report["accuracy"]["n_way"]))
        shuffled.append(float(report["accuracy"]["shuffled"]["n_way"]))
        step()
    each = ", ".join(f"{value:.2f}" for value in found)
    beside = f"chance 0.125, shuffled {np.mean(shuffled):.3f}; offline, non-causal ridge 0.691"
    return [
        Row(
            "Haxby 2001, subject 1, one slice",
            f"8-way accuracy per labelled volume, causal, 12 left-out runs ({each})",
            f"{np.mean(found):.3f} ± {np.std(found):.3f}",
            "at least 0.62",
            beside,
            float(np.mean(found)),
        )
    ]


def siemens(bench: Bench, step: Callable[[], None], speeds: Sequence[str]) -> list[Row]:
    """Quality control of a neurofeedback run: nothing lost, ROI means follow the blocks."""
    folder = bench.data / "fmri" / "siemens-mosaic"
    masks = sorted(folder.glob("**/*ROI*/*.nii*"))
    rois = [part for mask in masks for part in ("--roi", f"{mask.stem.split('.')[0]}={mask}")]
    events = bench.work / "siemens_events.tsv"
    events.write_text(regulation_events())
    rows = []
    for speed in speeds:
        name = f"siemens-{speed}"
        # What regions do is brain data: it is recorded only under the scope record_brain.
        report = bench.replay(
            folder / "dicom", name, "--speed", speed, "--events", events, *rois,
            "--consent", bench.consent("siemens1"),
        )  # fmt: skip
        counts, quality = report["counts"], quality_series(bench.outputs / name)
        found = [
            f"{key.removeprefix('roi_')} r = {block_correlation(values):.2f}"
            for key, values in sorted(quality.items())
            if key.startswith("roi_")
        ]
        fd = quality.get("fd_mm", np.zeros(1))
        rows.append(
            Row(
                f"Siemens mosaic, 155 volumes, speed {speed}",
                "volumes processed / lost; ROI mean against blocks; FD mean",
                f"{counts['volumes']} / {counts['volumes_lost']}; {', '.join(found)}; "
                f"{np.nanmean(fd):.3f} mm",
                "155 / 0",
                "known: r = 0.70 and 0.41, FD mean 0.058 mm",
            )
        )
        step()
    return rows


def regulation_events() -> str:
    """Write the regulation blocks as a BIDS events file."""
    lines = ["onset\tduration\ttrial_type"]
    for begin, end in REGULATION:
        onset_s = (SIEMENS_SKIPPED + begin - 1) * SIEMENS_TR_S
        lines.append(f"{onset_s:.3f}\t{(end - begin + 1) * SIEMENS_TR_S:.3f}\tregulation")
    return "\n".join(lines) + "\n"


def quality_series(out: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Collect every quality figure of a recording in the order of volumes."""
    series: dict[str, dict[int, float]] = {}
    for message in read_run(out):
        if isinstance(message.header, Quality):
            for key, value in message.header.values.items():
                series.setdefault(key, {})[message.header.index] = value
    return {
        key: np.array([values.get(i, np.nan) for i in range(SIEMENS_VOLUMES)])
        for key, values in series.items()
    }


def block_correlation(values: npt.NDArray[np.float64]) -> float:
    """Correlate a ROI curve with the 7 regulation blocks, convolved with a canonical response.

    The protocol alternates 20 volumes of rest with 10 of regulation behind the first 5 volumes.
    """
    boxcar = np.zeros(len(values))
    for begin, end in REGULATION:
        boxcar[SIEMENS_SKIPPED + begin - 1 : SIEMENS_SKIPPED + end] = 1.0
    t = np.arange(0, 30, SIEMENS_TR_S)
    response = t**5 * np.exp(-t) / 120 - t**15 * np.exp(-t) / (6 * 1.307674368e12)
    expected = np.convolve(boxcar, response)[: len(values)]
    kept = slice(SIEMENS_SKIPPED, None)
    drift = np.polynomial.polynomial.polyvander(np.linspace(-1, 1, len(values))[kept], 2)
    known = np.isfinite(values[kept])
    cleaned = [
        x[kept][known] - drift[known] @ np.linalg.lstsq(drift[known], x[kept][known], rcond=None)[0]
        for x in (values, expected)
    ]
    return float(np.corrcoef(*cleaned)[0, 1])


def muse(bench: Bench, step: Callable[[], None]) -> list[Row]:
    """Leave one run out, all six: fit on five, replay the sixth."""
    files = sorted((bench.data / "eeg" / "muse-n170").glob("*.csv"))
    labels = ("--labels", "1=house,2=face")
    found, shuffled = [], []
    for index, left_out in enumerate(files):
        bundle = bench.work / f"muse-{index}"
        others = [file for file in files if file != left_out]
        bench.phosphene("fit", *others, *labels, "--person", "muse1", "--out", bundle)
        report = bench.replay(
            left_out, f"muse-run{index + 1}", *labels, "--bundle", bundle,
            "--consent", bench.consent("muse1"), "--speed", "max",
        )  # fmt: skip
        found.append(float(report["accuracy"]["auc"]))
        shuffled.append(float(report["accuracy"]["shuffled"]["auc"]))
        step()
    each = ", ".join(f"{value:.2f}" for value in found)
    return [
        Row(
            "Muse N170, one person",
            f"face against house AUC, causal, 6 left-out runs ({each})",
            f"{np.mean(found):.3f} ± {np.std(found):.3f}",
            "at least 0.62",
            f"chance 0.5, shuffled {np.mean(shuffled):.3f}; offline reference 0.73",
        )
    ]


def xdf(bench: Bench, step: Callable[[], None]) -> list[Row]:
    """A real XDF file: every sample arrives."""
    file = bench.data / "eeg" / "xdf-g-usbamp" / "switch_example.xdf"
    report = bench.replay(file, "xdf", "--speed", "max")
    counts = report["counts"]
    step()
    return [
        Row(
            "g.USBamp XDF, 16 channels, 134 s",
            "samples processed / lost",
            f"{counts['samples']} / {counts['samples_lost']}",
            f"{XDF_SAMPLES} / 0",
            "samples in the file",
        )
    ]


def synthetic(bench: Bench, step: Callable[[], None]) -> list[Row]:
    """The two demos, seed 0."""
    rows = []
    for name, options in (("scanner", ()), ("EEG", ("--eeg",))):
        out = bench.outputs / f"demo-{name.lower()}"
        bench.phosphene("demo", "--headless", "--seconds", 120, "--out", out, *options)
        report = json.loads((out / "report.json").read_text())
        accuracy, counts, latency = report["accuracy"], report["counts"], report["latency_ms"]
        rows.append(
            Row(
                f"synthetic participant, {name}, 120 s, seed 0",
                "2-way identification of the seen picture",
                f"{accuracy['two_way']:.3f}",
                "at least 0.8",
                f"chance 0.5, shuffled {accuracy['shuffled']['two_way']:.3f}",
            )
        )
        late = 100 * counts["frames_late"] / max(1, counts["frames"])
        total = latency["acquired_to_frame"]
        rows.append(
            Row(
                f"synthetic participant, {name}",
                "late frames; acquired to frame p50 / p99",
                f"{late:.2f} % of {counts['frames']}; {total['p50']:.0f} / {total['p99']:.0f} ms",
                "at most 1 %",
                "24 frames per second, all nodes on this machine",
            )
        )
        step()
    return rows


def machine() -> str:
    """Name the machine that the figures come from."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            x.split(":")[1].strip() for x in info.read_text().splitlines() if "model name" in x
        ]
        model = names[0] if names else model
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out as the page ``docs/evaluation.md``."""
    lines = [
        "# Measured figures",
        "",
        "Made by `make evaluate` "
        f"on {datetime.now(UTC):%Y-%m-%d}: {machine()}. Every figure comes from the reports of "
        "ordinary `phosphene fit` and `phosphene replay` runs through all processes. Nothing is "
        "fitted on the replayed run; what was chosen while looking at a recording is told below.",
        "",
        "| data | figure | measured | required | stands beside |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {r.data} | {r.figure} | {r.value} | {r.required} | {r.beside} |" for r in rows]
    return "\n".join([*lines, "", NOTES])


def main() -> int:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real recordings")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    parser.add_argument("--keep", type=Path, help="keep all output folders here")
    parser.add_argument("--only", nargs="*", help="haxby, siemens, muse, xdf, synthetic")
    parser.add_argument("--no-real-time", action="store_true", help="leave out the 5-minute replay")
    given = parser.parse_args()
    if not given.data.is_dir():
        raise SystemExit(f"{given.data}: no such folder; give the recordings with DATA=...")
    speeds = ("max",) if given.no_real_time else ("max", "1")
    parts: dict[str, tuple[int, Callable[[Bench, Callable[[], None]], list[Row]]]] = {
        "xdf": (1, xdf),
        "muse": (6, muse),
        "haxby": (HAXBY_RUNS, haxby),
        "siemens": (len(speeds), lambda bench, step: siemens(bench, step, speeds)),
        "synthetic": (2, synthetic),
    }
    chosen = {k: v for k, v in parts.items() if not given.only or k in given.only}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="phosphene-evaluate-") as work:
        bench = Bench(given.data, Path(work), given.keep)
        with tqdm(total=sum(n for n, _ in chosen.values()), unit="run") as bar:
            for name, (_count, part) in chosen.items():
                bar.set_description(name)
                rows += part(bench, lambda: bar.update() and None)
    given.out.write_text(table(rows), encoding="utf-8")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
