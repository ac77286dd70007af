"""A scanner that exports each volume after its repetition time, with faults on request."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from acquisition.simulate.disturb import Disturbance, Step, steps_of
from acquisition.simulate.files import ScannerFile, write_file
from acquisition.simulate.head import SimulatedVolume
from acquisition.simulate.series import Series, make_series
from acquisition.simulate.vendors import FOLDER_VENDORS, Writer
from phosphene.clock import Clock
from phosphene.errors import ConfigError, check_all, problem

__all__ = [
    "Export",
    "Fault",
    "FaultKind",
    "ScannerFile",
    "ScannerScript",
    "export_files",
    "run_scanner",
    "write_file",
]

FaultKind = Literal[
    "drop", "duplicate", "truncate", "slow_copy", "other_series", "foreign", "other_matrix"
]
_OTHER_SERIES_NUMBER = 99


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with one volume.

    Attributes
    ----------
    index : int
        Number of the volume, from 0.
    kind : FaultKind
        "drop": no file; "duplicate": a second file with the same volume; "truncate": the file ends
        early for good; "slow_copy": it first appears cut and is completed later under the same
        name; "other_series", "foreign": a file that does not belong appears as well;
        "other_matrix": the volume comes in another matrix size. Where a volume has several files,
        the last one is cut or copied.
    """

    index: int
    kind: FaultKind


@dataclass(frozen=True)
class ScannerScript:
    """Behaviour of the export.

    Attributes
    ----------
    export_delay_s : float
        Seconds from the end of a volume to its file.
    faults : tuple of Fault
        What goes wrong; at most one per volume.
    """

    export_delay_s: float = 0.2
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        found = []
        if not self.export_delay_s >= 0:
            got = self.export_delay_s
            found.append(problem("export_delay_s", got, "0 or more seconds", "Correct it."))
        known = get_args(FaultKind)
        found += [
            problem("fault", f.kind, ", ".join(known), "Name one of them.")
            for f in self.faults
            if f.kind not in known
        ]
        indices = [f.index for f in self.faults]
        if len(set(indices)) < len(indices):
            found.append(problem("faults", indices, "one per volume", "Move one of them."))
        check_all(found, ConfigError, "scanner script")

    def fault_at(self, index: int) -> FaultKind | None:
        """Return what goes wrong with a volume, or None."""
        return next((f.kind for f in self.faults if f.index == index), None)


@dataclass(frozen=True)
class Export:
    """How volumes leave the scanner.

    Attributes
    ----------
    writer : Writer
        The vendor's files.
    script : ScannerScript
        Delay, and faults of single volumes.
    disturbance : Disturbance
        What goes wrong at random.
    told : Callable
        Called after each file or piece with the number of its volume and by how many seconds it
        was late.
    """

    writer: Writer = FOLDER_VENDORS["siemens-mosaic"]
    script: ScannerScript = field(default_factory=ScannerScript)
    disturbance: Disturbance = field(default_factory=Disturbance)
    told: Callable[[int, float], None] = lambda _index, _late_s: None


def export_files(
    data: npt.NDArray[np.int16],
    index: int,
    series: Series,
    script: ScannerScript,
    writer: Writer = FOLDER_VENDORS["siemens-mosaic"],
) -> list[ScannerFile]:
    """Files that appear for one volume, in order.

    Parameters
    ----------
    data : array of int16 (X, Y, Z)
        The volume.
    index : int
        Its number, from 0.
    series : Series
        The series.
    script : ScannerScript
        Faults.
    writer : Writer
        The vendor's files.

    Returns
    -------
    list of ScannerFile
    """
    fault = script.fault_at(index)
    if fault == "other_matrix":
        data = data[2:-2, 2:-2]
    good = [ScannerFile(name, raw) for name, raw in writer(data, series, index)]
    last = good[-1]
    cut = ScannerFile(last.name, last.raw[: len(last.raw) * 3 // 5], at_once=False)
    if fault == "drop":
        return []
    if fault == "duplicate":
        stem, _, ending = last.name.rpartition(".")
        return [*good, ScannerFile(f"{stem}_copy.{ending}", last.raw)]
    if fault == "truncate":
        return [*good[:-1], cut]
    if fault == "slow_copy":
        return [*good[:-1], cut, ScannerFile(last.name, last.raw, at_once=False)]
    if fault == "other_series":
        times = series.slice_times_s
        other = make_series(index, series.affine, series.tr_s, times, _OTHER_SERIES_NUMBER)
        return [*(ScannerFile(name, raw) for name, raw in writer(data, other, index)), *good]
    if fault == "foreign":
        return [ScannerFile(f"notes_{index}.txt", b"not an image\n" * 20), *good]
    return good


def run_scanner(
    volumes: Iterable[SimulatedVolume],
    target: Path | Callable[[ScannerFile], None],
    series: Series,
    clock: Clock,
    script: ScannerScript | None = None,
    start_s: float | None = None,
    export: Export | None = None,
) -> int:
    """Export volumes at the pace of a scanner.

    Every file has its place on one schedule, so that a slow moment delays nothing after it.

    Parameters
    ----------
    volumes : iterable of SimulatedVolume
        What is measured.
    target : Path or Callable
        Folder in which the files appear, or what takes them instead.
    series : Series
        Identifiers, timing and place.
    clock : Clock
        Time and waiting.
    script : ScannerScript, optional
        Delay and faults; stands for an `export` that has nothing else.
    start_s : float, optional
        Start of the first volume on the clock, in seconds; by default now.
    export : Export, optional
        Vendor and faults; by default Siemens mosaics.

    Returns
    -------
    int
        Number of files written; a file that grows in pieces counts once.
    """
    export = export or Export(script=script or ScannerScript())
    put = target if callable(target) else lambda file: write_file(target, file)
    start_s = clock.now() if start_s is None else start_s
    due = _Due(put, clock, export.told)
    for volume in volumes:
        files = export_files(volume.data, volume.index, series, export.script, export.writer)
        due_s = start_s + (volume.index + 1) * series.tr_s + export.script.export_delay_s
        due.add(steps_of(files, volume.index, due_s, series.tr_s, export.disturbance))
        due.write_until(due_s + series.tr_s)
    due.write_until(float("inf"))
    return due.n_files


class _Due:
    """Files that wait for their time, of all volumes."""

    def __init__(
        self,
        put: Callable[[ScannerFile], None],
        clock: Clock,
        told: Callable[[int, float], None],
    ) -> None:
        self._put, self._clock, self._told = put, clock, told
        self._waiting: list[tuple[float, int, Step]] = []
        self._number = count()
        self._waited_s = float("-inf")
        self.n_files = 0

    def add(self, steps: Iterable[Step]) -> None:
        """Take steps; those of equal time are kept in the order given."""
        for step in steps:
            heapq.heappush(self._waiting, (step.due_s, next(self._number), step))

    def write_until(self, before_s: float) -> None:
        """Write, each in its time, all that is due before a moment."""
        while self._waiting and self._waiting[0][0] < before_s:
            due_s, _, step = heapq.heappop(self._waiting)
            if due_s > self._waited_s:
                self._clock.wait_until(due_s)
                self._waited_s = due_s
            self._put(step.file)
            self.n_files += not step.file.append
            self._told(step.index, self._clock.now() - due_s)
