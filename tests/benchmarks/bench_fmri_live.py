"""Parts of the fMRI benchmark that run the bridge and the acquisition node as real processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import psutil

from tests.benchmarks.bench_fmri_data import SPM_REFERENCE, folder_of, real_series
from tests.benchmarks.bench_fmri_steps import SMOOTH_MM, spread
from tests.system.acquisition_rig import Rig

APART_S = 0.3
# After the first volume the streams are found and the reference is set up: the scan goes on at
# this distance at least, a usual TR. (Multiband goes on at once.)
FIRST_APART_S = 2.0
XA_VOLUMES = 150
MULTIBAND, MULTIBAND_TR_S, MULTIBAND_VOLUMES = "104x104x72", 0.8, 40
LONG_VOLUMES = 2000
MEMORY_FROM = 500

Figures = dict[str, Any]


class BenchRig(Rig):
    """A rig that keeps only the latest messages, so that its own memory stays small."""

    def tick(self) -> None:
        super().tick()
        del self.heard[:-8], self.recorded[:-8]


def session(path: Path, kind: str) -> dict[str, Any]:
    """A session with everything on: realignment, smoothing, maps."""
    return {
        "person": "bench",
        "modality": "fmri",
        "source": {"kind": kind, "path": str(path)},
        "acquisition": {"fmri": {"smooth_mm": SMOOTH_MM}},
    }


class Scanner:
    """Writes files into a watched folder, one at a time, and notes when each was closed.

    Parameters
    ----------
    files : sequence of Path
        One file for each volume, in order.
    apart_s : float
        Seconds from one to the next.
    first_apart_s : float
        Seconds from the first to the second, where that is more.
    begin : int
        First volume that counts.
    """

    def __init__(
        self,
        files: Sequence[Path],
        apart_s: float,
        first_apart_s: float = FIRST_APART_S,
        begin: int = 1,
    ) -> None:
        self._raw = [(f.name, f.read_bytes()) for f in files]
        self._apart_s, self._first_apart_s, self._begin = apart_s, first_apart_s, begin

    def run(self) -> Figures:
        """Return latencies (file closed to features published, ms) and use of the processor.

        The first volume, behind which the streams are found and the reference is set up, is told
        by itself.
        """
        with tempfile.TemporaryDirectory(prefix="ph-bench-") as name:
            folder = Path(name)
            with Rig(session(folder, "folder"), mode="live") as rig:
                rig.start("acquisition", "bridge")
                rig.go("acquisition", "bridge", timeout_s=90.0)
                rig.until(lambda: _running(rig), 30.0)
                return self._feed(rig, folder)

    def _feed(self, rig: Rig, folder: Path) -> Figures:
        closed_s: list[float] = []
        used = _processor_s(rig)
        start_s = rig.clock.now() + 0.5
        for k, (name, raw) in enumerate(self._raw):
            due_s = start_s + k * self._apart_s
            if k > 0:
                due_s += max(0.0, self._first_apart_s - self._apart_s)
            rig.until(lambda at=due_s: rig.clock.now() >= at)  # type: ignore[misc]
            with (folder / name).open("wb") as file:
                file.write(raw)
            closed_s.append(rig.clock.now())
        end_s = rig.clock.now() + 10.0
        rig.until(lambda: len(rig.features()) == len(closed_s) or rig.clock.now() > end_s)
        rig.until(lambda: rig.clock.now() > closed_s[-1] + self._apart_s)
        used = (_processor_s(rig) - used) / len(closed_s)
        headers = {m.header.index: m.header for m in rig.features()}
        begin = self._begin
        after_close = {k: 1e3 * (h.t_sent - closed_s[k]) for k, h in headers.items()}
        stamped = {k: 1e3 * (h.t_sent - h.t_acquired) for k, h in headers.items()}
        return {
            "after_close_ms": spread(np.array([ms for k, ms in after_close.items() if k >= begin])),
            "after_stamp_ms": spread(np.array([ms for k, ms in stamped.items() if k >= begin])),
            "first_ms": after_close.get(0, float("nan")),
            "volumes": len(closed_s),
            "missing": len(closed_s) - len(headers),
            "processor_s": used,
            "apart_s": self._apart_s,
        }


def _running(rig: Rig) -> bool:
    beats = rig.room.beats
    return all(beats[n].state == "running" for n in ("acquisition", "bridge"))


def _processor_s(rig: Rig) -> float:
    total = 0.0
    for process in rig.processes.values():
        used = psutil.Process(process.pid).cpu_times()
        total += used.user + used.system
    return total


# ---- parts -------------------------------------------------------------------------------------


def live_mosaic(data: Path, work: Path) -> Figures:
    """Real Siemens mosaic files."""
    del work
    files = sorted((folder_of(data, "siemens-mosaic") / "dicom").glob("*.dcm"))
    return Scanner(files, APART_S).run()


def live_xa(data: Path, work: Path) -> Figures:
    """Real Siemens XA30 files, of which there are twenty."""
    del work
    files = sorted(f for f in folder_of(data, "siemens-xa30").rglob("*.dcm") if f.is_file())
    return Scanner(files, APART_S).run()


def live_xa_simulated(data: Path, work: Path) -> Figures:
    """As many simulated XA files as a run has."""
    del data
    folder = simulated(work, "siemens-xa", "64x64x33", XA_VOLUMES, 1.0)
    return Scanner(sorted(folder.iterdir()), APART_S).run()


def live_multiband(data: Path, work: Path) -> Figures:
    """Large volumes in quick succession."""
    del data
    folder = simulated(work, "siemens-mosaic", MULTIBAND, MULTIBAND_VOLUMES, MULTIBAND_TR_S)
    return Scanner(sorted(folder.iterdir()), MULTIBAND_TR_S, 0.0, begin=5).run()


def simulated(work: Path, vendor: str, matrix: str, volumes: int, tr_s: float) -> Path:
    """Write a series of the synthetic head, as fast as possible, with the head wandering."""
    folder = work / f"{vendor}-{matrix}"
    folder.mkdir()
    command = [sys.executable, "-m", "acquisition.simulate", "scanner", "--vendor", vendor]
    command += ["--to", str(folder), "--matrix", matrix, "--volumes", str(volumes)]
    command += ["--tr", str(tr_s), "--speed", "max", "--motion", "walk:0.05"]
    command += ["--truth", str(work / "truth.csv")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def memory(data: Path, work: Path) -> Figures:
    """Replay 2,000 volumes at full speed: memory of the processes as it goes on."""
    real = real_series(data)
    few = real.data[:, ::2, ::2, :].astype(np.int16)  # half the matrix: a file of 200 MB
    order = [SPM_REFERENCE, *(k % len(few) for k in range(LONG_VOLUMES - 1))]
    image = nib.Nifti1Image(
        np.ascontiguousarray(np.moveaxis(few[order], 0, -1)),
        real.affine @ np.diag([2.0, 2.0, 1.0, 1.0]),
    )
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = 1.0
    path = work / "long_bold.nii"
    nib.save(image, path)
    onsets = range(10, LONG_VOLUMES - 20, 20)
    rows = ["onset\tduration\ttrial_type", *(f"{t}\t10\t{'ab'[t // 20 % 2]}" for t in onsets)]
    (work / "long_events.tsv").write_text("\n".join(rows) + "\n")
    del few, image
    taken: dict[str, list[tuple[int, float]]] = {"acquisition": [], "bridge": []}
    with BenchRig(session(path, "recording"), speed=None) as rig:
        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge", timeout_s=90.0)
        began_s = rig.clock.now()
        for done in range(100, LONG_VOLUMES + 1, 100):
            rig.until(lambda at=done: rig.count("acquisition", "volumes") >= at, 120.0)  # type: ignore[misc]
            for name, process in rig.processes.items():
                size = psutil.Process(process.pid).memory_info().rss / 2**20
                taken[name].append((rig.count("acquisition", "volumes"), size))
        seconds = rig.clock.now() - began_s
        lost = rig.count("acquisition", "volumes_lost")
    found: Figures = {"volumes": LONG_VOLUMES, "lost": lost, "seconds": seconds}
    for name, sizes in taken.items():
        late = [mib for count, mib in sizes if count >= MEMORY_FROM]
        slope = np.polyfit([c for c, _ in sizes if c >= MEMORY_FROM], late, 1)[0]
        found[name] = {
            "mib": late[-1],
            "growth_mib": late[-1] - late[0],
            "slope_mib_per_1000": float(1000 * slope),
        }
    return found
