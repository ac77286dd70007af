"""Measure the ways to make a stream of slow percepts, and write the table.

``make bench-stream`` runs this. Percepts, noise and clips come from fixed seeds, so the figures do
not depend on the machine. The default is chosen on one set of clips and reported on another.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from phosphene.errors import PhospheneError
from phosphene.session import RendererSettings
from phosphene.stimuli.encoder import WorldEncoder
from renderer.painter import Painter, open_painter
from tests.benchmarks.bench_stream_modes import (
    FPS,
    MODES,
    Mode,
    Row,
    Stream,
    row_of,
    stream,
    true_stream,
    truth_of,
)
from tests.benchmarks.bench_stream_page import PICTURE, Part, page, plot
from tests.benchmarks.bench_stream_world import Numbers, PlaceReader, percepts_of, programme_of

TUNING, TEST = (11, 12), (21, 22)
STRANGERS = tuple(range(1000, 1020))
STEPS = {"world-64": 1, "world-256": 1}


@dataclass(frozen=True)
class Job:
    """Programmes of some seeds, shown in some modes, with a percept every `every_s` seconds."""

    title: str
    model: str
    every_s: float
    seeds: tuple[int, ...]
    modes: tuple[Mode, ...]
    seconds: float = 24.0

    @property
    def frames(self) -> int:
        """Frames of each programme."""
        return round(self.seconds * FPS)

    def files(self, work: Path) -> Iterator[tuple[Mode, int, Path]]:
        """Each mode and seed with the file that its figures go to."""
        for seed in self.seeds:
            for mode in self.modes:
                name = f"{self.model} {self.every_s:g} {seed} {self.frames} {mode.name}"
                yield mode, seed, work / f"{name.replace(' ', '_')}.npz"


def jobs(models: list[str]) -> list[Job]:
    """All that is measured, tuning first."""
    main = tuple(mode for mode in MODES if mode.main)
    found = []
    if "world-64" in models:
        real = tuple(mode for mode in MODES if not mode.fresh)
        found += [
            Job("tuning", "world-64", 1.5, TUNING, real),
            Job("test", "world-64", 1.5, TEST, MODES),
            Job("test", "world-64", 0.5, TEST[:1], main[1:]),
            Job("test", "world-64", 2.0, TEST[:1], main[1:]),
        ]
    if "world-256" in models:
        found.append(Job("test", "world-256", 1.5, TEST[:1], main, 12.0))
    return found


class Bench:
    """Measures jobs, one frame after the other, and keeps the figures in a folder."""

    def __init__(self, work: Path) -> None:
        self._work, self._encoder, self.reader = work, WorldEncoder(), PlaceReader()
        self._painters: dict[str, Painter] = {}

    def measure(self, job: Job, bar: tqdm[Any]) -> None:
        """Measure what of a job is not yet in the folder."""
        for mode, seed, file in job.files(self._work):
            bar.set_description(f"{job.title} {job.model} {job.every_s:g} s, {mode.name}"[:60])
            if not file.exists():
                percepts = percepts_of(programme_of(seed), job.every_s, self._encoder)
                painter, steps = self._painter(job.model), STEPS[job.model]
                _save(file, stream(mode, painter, steps, percepts, job.frames, self.reader))
            bar.update()

    def part(self, job: Job) -> Part:
        """Sum up a job."""
        programmes = [programme_of(seed) for seed in job.seeds]
        truth = [truth_of(programme, job.frames) for programme in programmes]
        strangers = [truth_of(programme_of(seed), job.frames) for seed in STRANGERS]
        streams: dict[str, list[Stream]] = {}
        for mode, _, file in job.files(self._work):
            streams.setdefault(mode.name, []).append(_load(file))
        side = 256 if job.model == "world-256" else 64
        true = [true_stream(p, job.frames, side, self.reader) for p in programmes]
        rows: list[Row] = [
            row_of(name, found, truth, strangers)
            for name, found in {"(true pictures)": true, **streams}.items()
        ]
        percepts = [percepts_of(p, job.every_s, self._encoder) for p in programmes]
        rs = (float(np.mean([p.r_z for p in percepts])), float(np.mean([p.r_c for p in percepts])))
        shown: dict[str, Numbers] = {name: found[0].shown for name, found in streams.items()}
        return Part(job.title, job.model, job.every_s, STEPS[job.model], job.seeds, rows, rs,
                    truth[0], shown)  # fmt: skip

    def _painter(self, model: str) -> Painter:
        if model not in self._painters:
            settings = RendererSettings.model_validate(
                {"model": model, "engine": "cpu", "precision": "fp32"}
            )
            self._painters[model] = open_painter(None, settings)
        return self._painters[model]


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="page to write, with a picture in its images/")
    parser.add_argument("--models", nargs="*", choices=tuple(STEPS), help="models; all by default")
    parser.add_argument("--work", type=Path, help="folder to keep figures in and to go on from")
    parser.add_argument(
        "--tuning", action="store_true", help="only the clips that modes are chosen on"
    )
    given = parser.parse_args()
    chosen = [
        job for job in jobs(given.models or _there()) if not given.tuning or job.title == "tuning"
    ]
    with tempfile.TemporaryDirectory(prefix="phosphene-bench-") as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(work)
        runs = sum(len(job.modes) * len(job.seeds) for job in chosen)
        bar: tqdm[Any] = tqdm(total=runs, unit="run")
        with bar:
            for job in chosen:
                bench.measure(job, bar)
        parts = [bench.part(job) for job in chosen]
    text = page(parts, bench.reader)
    if given.out is not None:
        plot(parts[min(1, len(parts) - 1)], given.out.parent / PICTURE)
        given.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


def _there() -> list[str]:
    """Return the models whose weights are shipped."""
    found = []
    for model in STEPS:
        try:
            open_painter(None, RendererSettings.model_validate({"model": model, "engine": "cpu"}))
        except PhospheneError as error:
            print(f"{model} is left out: {error}", file=sys.stderr)
        else:
            found.append(model)
    return found


def _save(file: Path, found: Stream) -> None:
    # Under another name first: a run that is cut off leaves no half a file.
    begun = file.with_suffix(".part.npz")
    np.savez(begun, step=found.step, change=found.change, sharp=found.sharp, shown=found.shown)
    begun.replace(file)


def _load(file: Path) -> Stream:
    with np.load(file) as held:
        return Stream(held["step"], held["change"], held["sharp"], held["shown"])


if __name__ == "__main__":
    sys.exit(main())
