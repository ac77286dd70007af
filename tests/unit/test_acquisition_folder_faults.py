"""Whatever happens to the files: no volume twice, none under a wrong number, every one accounted.

The files are of a format of the test's own, so that thousands of histories can be played; what real
files add is tested where the readers are.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.errors import ForeignFileError, OtherSeriesError
from acquisition.fmri.volume import Volume
from acquisition.sources.assemble import Pending
from acquisition.sources.folder import FolderScan
from acquisition.sources.inotify import FileEvent
from acquisition.sources.reorder import Reorderer
from phosphene.errors import TruncatedError

OWN, OTHER, MOCO = 1, 2, 3
HEAD = struct.Struct("<4sBHI")
PATIENCE_S = 4.0


def bytes_of(index: int, series: int = OWN, shade: int = 1) -> bytes:
    body = zlib.compress(np.full((4, 4), 100 * series * shade + index, np.float32).tobytes(), 0)
    return HEAD.pack(b"VOL1", series, index, len(body)) + body


class TestReader:
    """Takes the series it is told; every file holds one volume."""

    __test__ = False

    def read(self, raw: bytes, name: str) -> list[Volume]:
        if len(raw) < HEAD.size or (raw[:4] == b"VOL1" and len(raw) < len(bytes_of(0))):
            raise TruncatedError(name)
        mark, series, index, length = HEAD.unpack_from(raw)
        if mark != b"VOL1":
            raise ForeignFileError(name)
        if series != OWN:
            raise OtherSeriesError(name, str(series), index, moco=series == MOCO)
        data = np.frombuffer(zlib.decompress(raw[HEAD.size :]), np.float32)
        assert len(raw) == HEAD.size + length
        return [Volume(data.reshape(4, 4, 1), np.eye(4), index, 2.0)]

    def pending(self) -> list[Pending]:
        return [Pending(2, 34, 35)]


@dataclass(frozen=True)
class Write:
    """One thing that happens in the folder; `index` where it leaves a whole volume of the run."""

    name: str
    raw: bytes
    way: str
    index: int | None = None
    wait_s: float = 0.0


Scenario = tuple[list[Write], dict[str, int], set[int]]


def fated(draw: st.DrawFn, fate: str, k: int) -> list[list[Write]]:
    """Return the writes of each file that one volume makes."""
    raw, name = bytes_of(k), f"v{k:03d}"
    cut = draw(st.integers(0, len(raw) - 1))
    if fate == "never":
        return []
    if fate == "cut":
        return [[Write(name, raw[:cut], "close")]]
    if fate == "pieces":
        way = draw(st.sampled_from(["close", "open"]))
        return [[Write(name, raw[:cut], way), Write(name, raw, "close", k)]]
    if fate == "rewritten":  # a second scan, whose files are called as those of the first
        return [[Write(name, raw, "close", k), Write(name, bytes_of(k, OTHER), "close")]]
    if fate == "rename":
        return [[Write(name, raw, "rename", k)]]
    names = [name, f"copy-of-{name}"] if fate == "copied" else [name]
    return [[Write(n, raw, "close", k)] for n in names]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Files in any order, some cut for good, some written in pieces, copied, renamed or foreign."""
    fates = ("whole", "whole", "pieces", "rename", "copied", "cut", "never", "rewritten")
    chosen = draw(st.lists(st.sampled_from(fates), min_size=1, max_size=7))
    files = [file for k, fate in enumerate(chosen) for file in fated(draw, fate, k)]
    present = {k for k, fate in enumerate(chosen) if fate not in ("cut", "never")}
    injected = {
        "whole": len(present) + chosen.count("copied"),
        "truncated": chosen.count("cut"),
        "other_series": draw(st.integers(0, 2)),
        "moco": draw(st.integers(0, 2)),
        "foreign": draw(st.integers(0, 1)),
    }
    for series, kind in ((OTHER, "other_series"), (MOCO, "moco")):
        for k in range(injected[kind]):
            files.append([Write(f"s{series}-{k}", bytes_of(k, series), "close")])
    injected["other_series"] += chosen.count("rewritten")
    injected["rewritten"] = chosen.count("rewritten")
    files += [[Write("notes.txt", b"x" * 99, "close")]] * injected["foreign"]
    # Any interleaving that keeps the writes to one file in order.
    tickets = draw(st.permutations([k for k, steps in enumerate(files) for _ in steps]))
    left = [list(steps) for steps in files]
    pauses = st.sampled_from([0.0, 0.1, 1.0, 3.0, 5.0])
    writes = [replace(left[k].pop(0), wait_s=draw(pauses)) for k in tickets]
    return writes, injected, present


class Folder:
    """A real folder with a scan, either told by events or looked at."""

    def __init__(self, root: Path, told: bool) -> None:
        self.root, self.told, self.now_s = root, told, 0.0
        self.scan = FolderScan(
            root, TestReader(), Reorderer(PATIENCE_S), settle_s=1e6, steady_s=1e6 if told else 0.01
        )
        self.out: list[Volume] = []
        self.done_s: dict[int, float] = {}
        self.writes = 0

    def write(self, write: Write) -> None:
        path = self.root / write.name
        if write.way == "rename":
            hidden = self.root / f"{write.name}.part"
            hidden.write_bytes(write.raw)
            hidden.rename(path)
        else:
            path.write_bytes(write.raw)
        # two writes may come within one tick of the disk's clock
        self.writes += 1
        os.utime(path, ns=(self.writes, self.writes))
        if write.index is not None:
            self.done_s.setdefault(write.index, self.now_s)
        if self.told:
            event = FileEvent(path, self.now_s, complete=write.way != "open")
            self.out += self.scan.hear([event], self.now_s)
        else:
            self.look()
        self.now_s += write.wait_s

    def look(self) -> None:
        for _ in range(2):
            self.out += self.scan.poll(self.now_s)
            self.now_s += 0.02


@settings(max_examples=60, deadline=None)
@given(scenarios(), st.booleans())
def test_counters_add_up_to_what_was_injected(scenario: Scenario, told: bool) -> None:
    writes, injected, present = scenario
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place), told)
        for write in writes:
            folder.write(write)
        folder.look()
        out = folder.out + folder.scan.close()
    indices = [volume.index for volume in out]
    assert indices == sorted(set(indices)), "each once, in order"
    for volume in out:
        assert (volume.data == 100 * OWN + volume.index).all(), "each under its own number"
        assert volume.arrived_s is not None
    counts = folder.scan.counts
    assert counts["passed"] == len(indices)
    assert counts["passed"] + counts["duplicates"] + counts["late"] == injected["whole"]
    for kind in ("truncated", "foreign", "other_series", "moco", "rewritten"):
        assert counts[kind] == injected[kind], kind
    assert counts["gaps"] == (indices[-1] + 1 - len(indices) if indices else 0)
    assert counts["outages"] == counts["damaged"] == counts["other_matrix"] == 0
    # Whatever came before anything after it had waited in vain was processed.
    for index in present:
        later = [s for k, s in folder.done_s.items() if k > index]
        if all(folder.done_s[index] < s + PATIENCE_S - 0.2 for s in later):
            assert index in indices


def scan_of(root: Path, **more: object) -> FolderScan:
    return FolderScan(root, TestReader(), Reorderer(PATIENCE_S), **more)  # type: ignore[arg-type]


def told(path: Path, at_s: float, *, complete: bool = True) -> list[FileEvent]:
    return [FileEvent(path, at_s, complete)]


def indices_of(volumes: list[Volume]) -> list[int]:
    return [volume.index for volume in volumes]


def test_a_file_that_is_still_written_is_not_read_however_whole_it_looks(tmp_path: Path) -> None:
    """A share may set the full length aside before the first byte is there."""
    scan, path = scan_of(tmp_path, steady_s=1.0), tmp_path / "a"
    path.write_bytes(bytes_of(0)[:-4] + bytes(4))
    assert scan.hear(told(path, 0.0, complete=False), 0.0) == scan.poll(0.5) == []
    path.write_bytes(bytes_of(0))
    os.utime(path, ns=(1, 1))
    assert scan.poll(0.9) == scan.poll(1.1) == []
    (volume,) = scan.poll(1.9)
    assert volume.arrived_s == 0.9, "the moment it was first seen as it then stayed"
    assert (volume.data == 100).all()


def test_a_file_that_ends_blank_is_left_to_stand_still_for_longer(tmp_path: Path) -> None:
    read: list[str] = []

    class Noting(TestReader):
        def read(self, raw: bytes, name: str) -> list[Volume]:
            read.append(name)
            return []

    scan = FolderScan(tmp_path, Noting(), Reorderer(PATIENCE_S), steady_s=0.05)
    for name in ("looked", "told"):
        (tmp_path / name).write_bytes(b"begins well" + bytes(5000))
    scan.hear(told(tmp_path / "told", 0.0), 0.0)
    assert read == ["told"]
    scan.poll(0.0)
    scan.poll(0.1)
    assert scan.due_s(0.1) == 1.0
    scan.poll(0.9)
    assert read == ["told"]
    scan.poll(1.0)
    assert read == ["told", "looked"]


def test_a_file_that_the_system_tells_of_is_stamped_with_that_moment(tmp_path: Path) -> None:
    scan, path = scan_of(tmp_path, steady_s=1.0), tmp_path / "a"
    path.write_bytes(bytes_of(0))
    (volume,) = scan.hear(told(path, 7.25), 7.5)
    assert volume.arrived_s == 7.25
    assert scan.hear(told(path, 7.6), 7.7) == scan.poll(9.0) == []
    assert scan.counts["duplicates"] == 0, "the same file told twice is one file"


def test_a_file_written_again_is_another_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes_of(5))
    scan = scan_of(tmp_path, skip=["a"])
    assert scan.poll(0.0) == []
    (tmp_path / "a").write_bytes(bytes_of(0))
    assert indices_of(scan.hear(told(tmp_path / "a", 1.0), 1.0)) == [0]
    (tmp_path / "a").write_bytes(bytes_of(1))
    os.utime(tmp_path / "a", ns=(1, 1))
    assert indices_of(scan.hear(told(tmp_path / "a", 2.0), 2.0)) == [1]


def test_subfolders_belong_to_it_down_to_a_depth(tmp_path: Path) -> None:
    inner, too_deep, hidden = tmp_path / "p1/e2", tmp_path / "p1/e2/s3", tmp_path / ".away"
    for folder in (inner, too_deep, hidden):
        folder.mkdir(parents=True, exist_ok=True)
    scan = scan_of(tmp_path, depth=2)
    for k, folder in enumerate((tmp_path, tmp_path / "p1", inner, too_deep, hidden)):
        (folder / "x").write_bytes(bytes_of(k))
    assert indices_of(scan.poll(0.0)) == [0, 1, 2]
    assert scan.folders == [tmp_path, tmp_path / "p1", inner]
    (too_deep / "y").write_bytes(bytes_of(3))
    (inner / "y").write_bytes(bytes_of(3))
    assert scan.hear(told(too_deep / "y", 1.0), 1.0) == []
    assert indices_of(scan.hear(told(inner / "y", 1.0), 1.0)) == [3]


def test_a_look_costs_the_same_however_many_files_were_read(tmp_path: Path) -> None:
    reads: list[str] = []

    class Counting(TestReader):
        def read(self, raw: bytes, name: str) -> list[Volume]:
            reads.append(name)
            return []

    names = [f"f{k}" for k in range(400)]
    for name in names:
        (tmp_path / name).touch()
    scan = FolderScan(tmp_path, Counting(), Reorderer(1.0))
    opened: list[str] = []
    real = os.scandir

    def scandir(path: Path) -> object:
        opened.append(str(path))
        return real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        for k in range(40):
            scan.poll(float(k))
        assert sorted(reads) == sorted(names), "each file is read once"
        assert len(opened) < 15, "and a folder whose time stands still is seldom listed"
        (tmp_path / "new").touch()
        scan.poll(41.0)
    assert reads[-1] == "new"
