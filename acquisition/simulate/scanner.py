"""A scanner that exports a volume file after each repetition time, with faults on request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from acquisition.simulate.head import SimulatedVolume
from acquisition.simulate.mosaic import MosaicSeries, file_name, make_series, mosaic_bytes
from phosphene.clock import Clock
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["Fault", "FaultKind", "ScannerFile", "ScannerScript", "export_files", "run_scanner"]

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
        "other_matrix": the volume comes in another matrix size.
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
class ScannerFile:
    """One file to appear in the folder.

    Attributes
    ----------
    name : str
        Name in the folder.
    raw : bytes
        Content.
    at_once : bool
        False: written in place under its final name, as a slow copy is; True: written under a
        temporary name and renamed.
    """

    name: str
    raw: bytes = field(repr=False)
    at_once: bool = True


def export_files(
    data: npt.NDArray[np.int16], index: int, series: MosaicSeries, script: ScannerScript
) -> list[ScannerFile]:
    """Files that appear for one volume, in order.

    Parameters
    ----------
    data : array of int16 (X, Y, Z)
        The volume.
    index : int
        Its number, from 0.
    series : MosaicSeries
        The series.
    script : ScannerScript
        Faults.

    Returns
    -------
    list of ScannerFile
    """
    fault = script.fault_at(index)
    name = file_name(series.series_number, index)
    raw = mosaic_bytes(data, series, index)
    good = ScannerFile(name, raw)
    cut = ScannerFile(name, raw[: len(raw) * 3 // 5], at_once=False)
    if fault == "drop":
        return []
    if fault == "duplicate":
        return [good, ScannerFile(name.replace(".dcm", "_copy.dcm"), raw)]
    if fault == "truncate":
        return [cut]
    if fault == "slow_copy":
        return [cut, ScannerFile(name, raw, at_once=False)]
    if fault == "other_series":
        other = make_series(
            index, series.affine, series.tr_s, series.slice_times_s, _OTHER_SERIES_NUMBER
        )
        other_name = file_name(_OTHER_SERIES_NUMBER, index)
        return [ScannerFile(other_name, mosaic_bytes(data, other, index)), good]
    if fault == "foreign":
        return [ScannerFile(f"notes_{index}.txt", b"not an image\n" * 20), good]
    if fault == "other_matrix":
        return [ScannerFile(name, mosaic_bytes(data[2:-2, 2:-2], series, index))]
    return [good]


def write_file(folder: Path, file: ScannerFile) -> None:
    """Put a file into the folder."""
    final = folder / file.name
    if not file.at_once:
        final.write_bytes(file.raw)
        return
    hidden = folder / f".{file.name}.part"
    hidden.write_bytes(file.raw)
    hidden.replace(final)


def run_scanner(
    volumes: Iterable[SimulatedVolume],
    folder: Path,
    series: MosaicSeries,
    clock: Clock,
    script: ScannerScript | None = None,
    start_s: float | None = None,
) -> int:
    """Export volumes at the pace of a scanner.

    Parameters
    ----------
    volumes : iterable of SimulatedVolume
        What is measured.
    folder : Path
        Where the files appear.
    series : MosaicSeries
        Identifiers, timing and place.
    clock : Clock
        Time and waiting.
    script : ScannerScript, optional
        Delay and faults.
    start_s : float, optional
        Start of the first volume on the clock, in seconds; by default now.

    Returns
    -------
    int
        Number of files written.
    """
    script = script or ScannerScript()
    start_s = clock.now() if start_s is None else start_s
    n_files = 0
    for volume in volumes:
        files = export_files(volume.data, volume.index, series, script)
        clock.wait_until(start_s + (volume.index + 1) * series.tr_s + script.export_delay_s)
        for file in files:
            write_file(folder, file)
            n_files += 1
    return n_files
