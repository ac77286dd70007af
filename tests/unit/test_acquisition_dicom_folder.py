"""Folders: every volume once and in order, whatever happens to the files."""

from __future__ import annotations

import io
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from acquisition.fmri.volume import Volume
from acquisition.simulate.head import slice_times_s
from acquisition.simulate.mosaic import file_name, make_series, mosaic_bytes
from acquisition.simulate.scanner import Fault, ScannerFile, ScannerScript, export_files, write_file
from acquisition.sources.dicom import DicomReader
from acquisition.sources.folder import FolderScan
from acquisition.sources.notify import Heard, Told, open_watch
from acquisition.sources.reorder import Reorderer
from acquisition.sources.watching import watch_folder
from phosphene.clock import FakeClock, MonotonicClock
from phosphene.errors import ConfigError, InputError, TruncatedError

SHAPE = (8, 8, 8)
SERIES = make_series(1, np.diag([3.0, 3.0, 3.0, 1.0]), 1.0, slice_times_s(8, 1.0))
N = 6


def picture(index: int) -> np.ndarray:
    return np.full(SHAPE, 10 + index, np.int16)


RAW = [mosaic_bytes(picture(k), SERIES, k) for k in range(N)]


def reader() -> DicomReader:
    return DicomReader(b"k" * 32)


def scan_of(folder: Path, wait_s: float = 5.0, settle_s: float = 1.0, **more: bool) -> FolderScan:
    return FolderScan(folder, reader(), Reorderer(wait_s), settle_s, **more)


def check(volumes: list[Volume]) -> list[int]:
    """Indices, after checking that each volume holds its own picture."""
    for volume in volumes:
        assert (volume.data == 10 + volume.index).all()
    return [v.index for v in volumes]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Writes in any order: cut versions, whole files and copies of each volume, junk between."""
    events: list[tuple[str, bytes]] = []
    for k in range(N):
        name = file_name(7, k)
        cuts = draw(st.lists(st.integers(0, len(RAW[k]) - 1), max_size=2))
        events += [(name, RAW[k][:cut]) for cut in sorted(cuts)]
        events.append((name, RAW[k]))
        events += [(f"copy{k}.dcm", RAW[k])] * draw(st.integers(0, 1))
    events += [("junk.txt", b"x" * 300)] * draw(st.integers(0, 1))
    # any interleaving that keeps the writes to one name in order
    keys = draw(st.permutations(range(len(events))))
    by_name: dict[str, list[int]] = {}
    for place, event in zip(keys, events, strict=True):
        by_name.setdefault(event[0], []).append(place)
    seen: dict[str, int] = {}
    placed = []
    for name, raw in events:
        rank = seen.get(name, 0)
        seen[name] = rank + 1
        placed.append((sorted(by_name[name])[rank], (name, raw)))
    return [event for _, event in sorted(placed, key=lambda item: item[0])]


@settings(max_examples=40, deadline=None)
@given(histories(), st.data())
def test_every_volume_once_in_order_whatever_the_history(
    history: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    copies = sum(name.startswith("copy") for name, _ in history)
    with tempfile.TemporaryDirectory() as place:
        folder, clock, got = Path(place), FakeClock(), []
        # settling takes longer than the whole history: a cut file may still grow
        scan = FolderScan(folder, reader(), Reorderer(wait_s=1e6), settle_s=1e6)
        for name, raw in history:
            (folder / name).write_bytes(raw)
            clock.advance(0.1)
            if data.draw(st.booleans()):
                got += scan.poll(clock.now())
        got += scan.poll(clock.now())
        got += scan.close()
    assert check(got) == list(range(N))
    assert scan.counts["duplicates"] == copies
    assert scan.counts["gaps"] == scan.counts["late"] == scan.counts["truncated"] == 0
    assert scan.counts["foreign"] == any(name == "junk.txt" for name, _ in history)


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.floats(0.0, 4.0),
    st.lists(st.floats(0.0, 3.0), min_size=30, max_size=30),
)
def test_reorderer_rises_counts_all_and_never_waits_longer(
    arrivals: list[int], wait_s: float, pauses: list[float]
) -> None:
    order, clock, out = Reorderer(wait_s), FakeClock(), []
    held: dict[int, float] = {}
    for index, pause in zip(arrivals, pauses, strict=False):
        clock.advance(pause)
        for volume in order.release(clock.now()):
            held.pop(volume.index)
            out.append(volume.index)
        assert all(clock.now() < since + wait_s or wait_s == 0 for since in held.values())
        fresh = index not in out and index not in held
        if fresh and index > max(out, default=-1):
            held[index] = clock.now()
        for volume in order.push(empty_volume(index), clock.now()):
            held.pop(volume.index)
            out.append(volume.index)
    out += [v.index for v in order.flush()]
    counts = order.counts
    assert out == sorted(set(out))
    assert counts.passed == len(out)
    assert counts.passed + counts.duplicates + counts.late == len(arrivals)
    assert counts.gaps == (max(out) + 1 - len(out) if out else 0)


def empty_volume(index: int) -> Volume:
    return Volume(np.zeros((1, 1, 1), np.float32), np.eye(4), index)


def test_reorderer_may_start_anywhere_and_refuses_a_negative_wait() -> None:
    order = Reorderer(wait_s=1.0, first_index=None)
    assert [v.index for v in order.push(empty_volume(5), 0.0)] == [5]
    assert order.push(empty_volume(4), 0.0) == []
    assert order.counts.late == 1
    with pytest.raises(ConfigError, match="wait_s"):
        Reorderer(wait_s=-1.0)


def play(folder: Path, scan: FolderScan, script: ScannerScript, clock: FakeClock) -> list[Volume]:
    """Write the files of a scripted series, one look after each file."""
    got: list[Volume] = []
    for index in range(N):
        clock.advance(1.0)
        for file in export_files(picture(index), index, SERIES, script):
            write_file(folder, file)
            got += scan.poll(clock.now())
        got += scan.poll(clock.now())
    clock.advance(10.0)
    return got + scan.poll(clock.now()) + scan.close()


@pytest.mark.parametrize(
    ("kind", "indices", "count"),
    [
        ("drop", [0, 1, 3, 4, 5], {"gaps": 1}),
        ("duplicate", [0, 1, 2, 3, 4, 5], {"duplicates": 1}),
        ("truncate", [0, 1, 3, 4, 5], {"truncated": 1, "gaps": 1}),
        ("slow_copy", [0, 1, 2, 3, 4, 5], {}),
        ("other_series", [0, 1, 2, 3, 4, 5], {"other_series": 1}),
        ("foreign", [0, 1, 2, 3, 4, 5], {"foreign": 1}),
        ("other_matrix", [0, 1, 3, 4, 5], {"other_matrix": 1, "gaps": 1}),
    ],
)
def test_each_fault_is_survived_and_counted(
    tmp_path: Path, kind: str, indices: list[int], count: dict[str, int]
) -> None:
    script = ScannerScript(faults=(Fault(2, kind),))  # type: ignore[arg-type]
    scan = scan_of(tmp_path)
    assert check(play(tmp_path, scan, script, FakeClock())) == indices
    expected = dict.fromkeys(scan.counts, 0) | {"passed": len(indices)} | count
    assert scan.counts == expected
    told = ("truncated", "foreign", "other_series", "other_matrix", "gaps")
    assert len(scan.refusals) == sum(count.get(k, 0) for k in told)


def test_a_missing_volume_holds_the_others_no_longer_than_told(tmp_path: Path) -> None:
    scan, clock = scan_of(tmp_path, wait_s=2.0), FakeClock()
    for k in (0, 2, 3):
        (tmp_path / file_name(7, k)).write_bytes(RAW[k])
    assert check(scan.poll(clock.now())) == [0]
    clock.advance(1.9)
    assert scan.poll(clock.now()) == []
    clock.advance(0.2)
    assert check(scan.poll(clock.now())) == [2, 3]
    (tmp_path / file_name(7, 1)).write_bytes(RAW[1])
    assert scan.poll(clock.now()) == []
    assert (scan.counts["gaps"], scan.counts["late"]) == (1, 1)


def test_an_incomplete_file_is_tried_again_only_after_a_change(tmp_path: Path) -> None:
    tries = []

    class Counting:
        def read(self, raw: bytes, name: str) -> list[Volume]:
            tries.append(len(raw))
            raise TruncatedError(name)

    scan = FolderScan(tmp_path, Counting(), Reorderer(1.0), settle_s=3.0)
    path = tmp_path / "a.dcm"
    path.write_bytes(b"12")
    for now in (0.0, 1.0, 2.0):
        scan.poll(now)
    path.write_bytes(b"1234")
    scan.poll(2.5)
    assert tries == [2, 4]
    scan.poll(5.4)
    assert scan.counts["truncated"] == 0
    scan.poll(5.6)
    assert scan.counts["truncated"] == 1
    scan.poll(8.0)
    assert tries == [2, 4]
    path.write_bytes(b"123456")
    scan.poll(9.0)
    assert tries == [2, 4, 6], "written again, it is another file"


def test_a_folder_that_vanishes_is_told_once_and_found_again(tmp_path: Path) -> None:
    folder, away = tmp_path / "share", tmp_path / "away"
    folder.mkdir()
    (folder / file_name(7, 0)).write_bytes(RAW[0])
    scan = scan_of(folder, settle_s=1.0)
    assert check(scan.poll(0.0)) == [0]
    (folder / file_name(7, 1)).write_bytes(RAW[1][:-10])  # the share drops in the middle of it
    assert scan.poll(0.5) == []
    for outage, now_s in ((1, 1.0), (2, 4.0)):
        folder.rename(away)
        assert scan.poll(now_s) == scan.poll(now_s + 2.0) == []
        assert scan.counts["outages"] == len(scan.refusals) == outage
        assert f"outage {outage}" in scan.refusals[-1]
        away.rename(folder)
        assert scan.poll(now_s + 2.1) == []
    (folder / file_name(7, 1)).write_bytes(RAW[1])
    (folder / file_name(7, 2)).write_bytes(RAW[2])
    assert check(scan.poll(6.2)) == [1, 2]
    assert scan.counts["truncated"] == scan.counts["duplicates"] == scan.counts["gaps"] == 0


def test_a_read_error_of_a_moment_costs_no_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file_name(7, 0)).write_bytes(RAW[0])
    scan = scan_of(tmp_path, settle_s=1.0)

    def fail(_path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        assert scan.poll(0.0) == []
    assert check(scan.poll(0.5)) == [0]
    (tmp_path / file_name(7, 1)).write_bytes(RAW[1])
    monkeypatch.setattr(Path, "read_bytes", fail)
    for now_s in (1.0, 1.5, 2.0):
        assert scan.poll(now_s) == []
    assert scan.counts["damaged"] == 1, "what stays unreadable is refused in the end"


def test_hidden_temporary_and_earlier_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / file_name(7, 0)).write_bytes(RAW[0])
    (tmp_path / ".hidden.dcm").write_bytes(RAW[1])
    (tmp_path / "a.dcm.part").write_bytes(RAW[1])
    (tmp_path / "folder").mkdir()
    assert check(scan_of(tmp_path).poll(0.0)) == [0]
    scan = scan_of(tmp_path, wait_s=0.0, skip_existing=True)
    (tmp_path / file_name(7, 1)).write_bytes(RAW[1])
    assert check(scan.poll(0.0)) == [1]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="an existing folder"):
        scan_of(tmp_path / "nowhere")


def test_watching_polls_at_the_interval_and_looks_once_more_at_the_end(tmp_path: Path) -> None:
    clock, looks = FakeClock(), []

    def finished() -> bool:
        looks.append(clock.now())
        k = len(looks) - 1
        if k < 3:
            (tmp_path / file_name(7, k)).write_bytes(RAW[k])
        return k == 2

    class Passing(Told):
        def wait(self, timeout_s: float) -> Heard:
            clock.advance(timeout_s)
            return super().wait(0.0)

    got = watch_folder(scan_of(tmp_path), clock, Passing("watched", 0.5), finished)
    assert check(list(got)) == [0, 1, 2]
    assert looks == [0.0, 0.5, 1.0]


def test_the_system_tells_of_a_finished_file(tmp_path: Path) -> None:
    clock = MonotonicClock()
    with closing(open_watch(tmp_path, None, clock.now)) as watch:
        watch.follow([tmp_path])
        before = clock.now()
        write_file(tmp_path, ScannerFile(file_name(7, 0), RAW[0]))
        told = {}
        while tmp_path / file_name(7, 0) not in told:
            assert clock.now() - before < 20.0
            told.update({event.path: event for event in watch.wait(30.0).files if event.complete})
    (event,) = (event for path, event in told.items() if path == tmp_path / file_name(7, 0))
    (volume,) = scan_of(tmp_path).hear([event], clock.now())
    assert volume.arrived_s == event.at_s >= before


def kind_of(index: int, *, moco: bool, series_uid: str) -> bytes:
    """Return a volume as a scanner sends it twice: as measured, and corrected for motion."""
    dataset = dcmread(io.BytesIO(RAW[index]))
    dataset.ImageType = [*dataset.ImageType, "MOCO"] if moco else dataset.ImageType
    dataset.SeriesInstanceUID = series_uid
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("one_series", [True, False])
@pytest.mark.parametrize(("images", "taken"), [("first", 0), ("original", 0), ("moco", 1)])
def test_of_two_volumes_per_repetition_one_kind_is_taken(
    tmp_path: Path, one_series: bool, images: Literal["first", "original", "moco"], taken: int
) -> None:
    scan = FolderScan(tmp_path, DicomReader(b"k" * 32, images=images), Reorderer(5.0))
    got = []
    for k in range(3):
        for moco in (False, True):
            raw = kind_of(k, moco=moco, series_uid="1.2.3" if one_series or not moco else "1.2.4")
            (tmp_path / f"{k}-{moco}").write_bytes(raw)
            got += scan.poll(float(k))
    assert check(got) == [0, 1, 2]
    kinds = ("moco", "other_series")
    assert [scan.counts[kind] for kind in kinds] == ([3, 0] if taken == 0 else [0, 3])
    assert scan.counts["duplicates"] == 0
    assert len(scan.refusals) == 1, "told once, counted for each file"
