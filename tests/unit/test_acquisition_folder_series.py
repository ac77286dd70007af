"""Whose files they are: series that begin anew, lie beside it or are written over the last one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acquisition.errors import OtherSeriesError
from acquisition.fmri.volume import Volume
from acquisition.sources.folder import FolderScan
from acquisition.sources.reorder import Reorderer
from tests.unit.test_acquisition_folder_faults import (
    HEAD,
    MOCO,
    OTHER,
    OWN,
    PATIENCE_S,
    TestReader,
    bytes_of,
    indices_of,
    scan_of,
    told,
)


def test_the_series_that_came_first_is_followed_again(tmp_path: Path) -> None:
    for k in range(2):
        (tmp_path / f"a{k}").write_bytes(bytes_of(k, OTHER))
        (tmp_path / f"b{k}").write_bytes(bytes_of(k))

    class Pinning(TestReader):
        def __init__(self) -> None:
            self.series = 0

        def read(self, raw: bytes, name: str) -> list[Volume]:
            _, series, index, _ = HEAD.unpack_from(raw)
            self.series = self.series or series
            if series != self.series:
                raise OtherSeriesError(name, str(series), index)
            return super().read(raw, name) if series == OWN else []

    first = FolderScan(tmp_path, Pinning(), Reorderer(1.0))
    assert first.hear(told(tmp_path / "b0", 0.0), 0.0)
    assert indices_of(first.poll(1.0)) == [1]
    again = FolderScan(tmp_path, Pinning(), Reorderer(1.0), first=first.first)
    assert indices_of(again.poll(2.0)) == [0, 1]


def test_a_gap_is_told_with_what_is_known_of_it(tmp_path: Path) -> None:
    scan = scan_of(tmp_path)
    for k in (0, 1, 3):
        (tmp_path / f"a{k}").write_bytes(bytes_of(k))
    scan.poll(0.0)
    assert scan.due_s(0.0) == PATIENCE_S
    assert indices_of(scan.hear([], PATIENCE_S)) == [3]
    assert list(scan.refusals) == [
        "volume 3 did not come in time (volume 3: 34 of 35 parts), the run goes on without"
    ]


def other(scan: FolderScan, root: Path, index: int, series: int, now_s: float) -> str:
    path = root / f"other{series}-{index}"
    path.write_bytes(bytes_of(index, series))
    scan.hear(told(path, now_s), now_s)
    return scan.refusals.pop() if scan.refusals else ""


def test_a_scan_that_was_started_anew_is_told_and_never_mixed_in(tmp_path: Path) -> None:
    scan = scan_of(tmp_path)
    for k in range(3):
        (tmp_path / f"a{k}").write_bytes(bytes_of(k))
    assert indices_of(scan.poll(0.0)) == [0, 1, 2]
    assert "STARTED ANEW" in other(scan, tmp_path, 0, OTHER, 20.0)
    assert other(scan, tmp_path, 1, OTHER, 22.0) == "", "told once"
    (tmp_path / "a3").write_bytes(bytes_of(3))
    assert indices_of(scan.poll(30.0)) == [3], "the first series keeps its numbers"
    assert (scan.counts["restarts"], scan.counts["other_series"]) == (1, 2)


@pytest.mark.parametrize(("series", "index", "now_s"), [(OTHER, 0, 2.0), (OTHER, 9, 20.0)])
def test_a_series_beside_the_own_one_is_no_restart(
    tmp_path: Path, series: int, index: int, now_s: float
) -> None:
    scan = scan_of(tmp_path)
    (tmp_path / "a").write_bytes(bytes_of(0))
    scan.poll(0.0)
    assert "second series is left out" in other(scan, tmp_path, index, series, now_s)
    assert (scan.counts["restarts"], scan.counts["other_series"]) == (0, 1)


def test_images_that_the_scanner_corrected_are_counted_apart(tmp_path: Path) -> None:
    scan = scan_of(tmp_path)
    (tmp_path / "a").write_bytes(bytes_of(0))
    scan.poll(0.0)
    assert "corrected for motion" in other(scan, tmp_path, 0, MOCO, 20.0)
    assert (scan.counts["moco"], scan.counts["other_series"], scan.counts["restarts"]) == (1, 0, 0)


def test_what_a_reader_did_not_foresee_is_damage_to_one_file(tmp_path: Path) -> None:
    class Fragile(TestReader):
        def read(self, raw: bytes, name: str) -> list[Volume]:
            if name == "a1":
                raise OverflowError("Doe, Jane")
            return super().read(raw, name)

    for k in range(3):
        (tmp_path / f"a{k}").write_bytes(bytes_of(k))
    scan = FolderScan(tmp_path, Fragile(), Reorderer(PATIENCE_S), settle_s=1.0)
    out = [v for now_s in (0.0, 1.0, PATIENCE_S, 2 * PATIENCE_S) for v in scan.poll(now_s)]
    assert indices_of(out) == [0, 2]
    assert scan.counts["damaged"] == 1
    (told_of,) = [line for line in scan.refusals if "left out" in line]
    assert "OverflowError" in told_of
    assert "Doe" not in told_of


def rewrite(root: Path, index: int, raw: bytes, at: int) -> None:
    path = root / f"a{index}"
    path.write_bytes(raw)
    os.utime(path, ns=(at, at))


def test_a_scan_written_over_the_last_one_is_noticed_by_looking_alone(tmp_path: Path) -> None:
    scan, out, now_s = scan_of(tmp_path, steady_s=0.05), [], 0.0
    for at in (1, 2):
        for k in range(50):
            rewrite(tmp_path, k, bytes_of(k, shade=at), at)
        for _ in range(6):
            now_s += 0.2
            out += scan.poll(now_s)
    assert indices_of(out) == list(range(50))
    assert (scan.counts["rewritten"], scan.counts["damaged"]) == (50, 0)
    assert scan.counts["duplicates"] + scan.counts["late"] == 50
    assert len([line for line in scan.refusals if "WRITTEN AGAIN" in line]) == 1


def test_a_new_time_stamp_alone_is_no_new_file(tmp_path: Path) -> None:
    scan, now_s, out = scan_of(tmp_path, steady_s=0.05), 0.0, []
    for at in (1, 2, 3):
        rewrite(tmp_path, 0, bytes_of(0), at)
        for _ in range(4):
            now_s += 0.2
            out += scan.poll(now_s)
    assert indices_of(out) == [0]
    assert scan.counts["rewritten"] == scan.counts["duplicates"] == 0
    assert not scan.refusals
    assert scan.due_s(now_s) is None


def test_a_file_of_before_is_read_when_it_is_written_again(tmp_path: Path) -> None:
    rewrite(tmp_path, 0, bytes_of(7), 1)
    scan = scan_of(tmp_path, steady_s=0.05, skip=["a0"])
    assert scan.poll(0.0) == []
    rewrite(tmp_path, 0, bytes_of(0), 2)
    assert indices_of(scan.poll(0.1) + scan.poll(0.2)) == [0]
