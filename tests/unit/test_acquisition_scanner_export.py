"""The scanner's pace and its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquisition.simulate.head import SimulatedVolume, slice_times_s
from acquisition.simulate.mosaic import make_series
from acquisition.simulate.scanner import Fault, ScannerScript, run_scanner
from acquisition.sources.dicom import DicomReader
from phosphene.clock import FakeClock
from phosphene.errors import ConfigError
from tests.finished_series import read_folder

SERIES = make_series(1, np.diag([3.0, 3.0, 3.0, 1.0]), 2.0, slice_times_s(8, 2.0))


def volumes(n: int) -> list[SimulatedVolume]:
    return [
        SimulatedVolume(np.full((8, 8, 8), k, np.int16), k, 2.0 * k, np.zeros(6)) for k in range(n)
    ]


class Recording(FakeClock):
    """Notes what lies in the folder at each wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(100.0)
        self.folder = folder
        self.seen: list[tuple[float, int]] = []

    def wait_until(self, due_s: float) -> None:
        self.seen.append((due_s, len(list(self.folder.iterdir()))))
        super().wait_until(due_s)


def test_each_file_appears_after_its_volume_and_the_delay(tmp_path: Path) -> None:
    clock = Recording(tmp_path)
    n = run_scanner(volumes(3), tmp_path, SERIES, clock, ScannerScript(export_delay_s=0.5))
    assert n == 3
    assert clock.seen == [(102.5, 0), (104.5, 1), (106.5, 2)]
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [f"001_000007_{k:06d}.dcm" for k in (1, 2, 3)]  # nothing temporary stays
    back = list(read_folder(tmp_path, DicomReader(b"k")))
    assert [int(v.data[0, 0, 0]) for v in back] == [0, 1, 2]


def test_a_slow_computer_does_not_shift_the_schedule(tmp_path: Path) -> None:
    clock = Recording(tmp_path)
    run_scanner(volumes(2), tmp_path, SERIES, clock, ScannerScript(0.0), start_s=50.0)
    assert [due for due, _ in clock.seen] == [52.0, 54.0]
    assert clock.now() == 100.0


def test_identifiers_follow_the_seed() -> None:
    again = make_series(1, SERIES.affine, 2.0, SERIES.slice_times_s)
    other = make_series(2, SERIES.affine, 2.0, SERIES.slice_times_s)
    assert again.series_uid == SERIES.series_uid
    assert other.series_uid != SERIES.series_uid
    assert len(SERIES.series_uid) <= 64


def test_bad_scripts_are_refused() -> None:
    with pytest.raises(ConfigError, match="one per volume"):
        ScannerScript(faults=(Fault(1, "drop"), Fault(1, "foreign")))
    with pytest.raises(ConfigError, match="explode"):
        ScannerScript(faults=(Fault(1, "explode"),))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="export_delay_s"):
        ScannerScript(export_delay_s=-1.0)


def test_a_sheared_grid_has_no_dicom() -> None:
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    with pytest.raises(ConfigError, match="right angles"):
        make_series(1, sheared, 1.0, [0.0])
