"""How changes of a folder become known."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from acquisition.bridge import feed as bridge_feed
from acquisition.bridge.before import kept_name, there_before
from acquisition.bridge.feed import FolderFeed
from acquisition.fmri.volume import Volume
from acquisition.sources import notify
from acquisition.sources.inotify import FileEvent
from acquisition.sources.mounts import filesystem_of, hearing_of
from acquisition.sources.notify import Watch, open_watch
from phosphene.clock import MonotonicClock
from phosphene.errors import InputError

MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /mnt rw - tmpfs none rw
31 30 0:40 / /mnt/scanner\040share rw,relatime master:3 - cifs //host/export rw,vers=3.0
32 30 0:41 / /mnt/pool rw - nfs4 host:/pool rw
33 30 0:42 / /mnt/pool rw - xfs /dev/sdb rw
34 22 0:43 / /home/me rw - fuse.sshfs me@host: rw
garbage
"""
CLOCK = MonotonicClock()


@pytest.mark.parametrize(
    ("folder", "kind", "hearing"),
    [
        ("/data/scans", "ext4", "events"),
        ("/mnt/other", "tmpfs", "events"),
        ("/mnt/scanner share/study", "cifs", "looking"),
        ("/mnt/scanner sharehold", "tmpfs", "events"),
        ("/mnt/pool/x", "xfs", "events"),
        ("/home/me/images", "fuse.sshfs", "looking"),
    ],
)
def test_the_mount_decides_how_to_listen(folder: str, kind: str, hearing: str) -> None:
    assert filesystem_of(Path(folder), MOUNTS) == kind
    assert hearing_of(kind) == hearing


def test_what_is_not_known_is_heard_and_looked_at() -> None:
    assert hearing_of("newfs") == hearing_of("") == "both"
    assert filesystem_of(Path("/x"), "") == ""


@pytest.mark.parametrize(
    ("kind", "words", "interval_s", "steady_s"),
    [
        ("ext4", "as soon as the system tells", 2.0, 1.0),
        ("cifs", "a network share", 0.1, 0.05),
        ("newfs", "file events are heard", 0.1, 0.05),
    ],
)
def test_the_choice_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    words: str,
    interval_s: float,
    steady_s: float,
) -> None:
    monkeypatch.setattr(notify, "filesystem_of", lambda folder: kind)
    with closing(open_watch(tmp_path, None, CLOCK.now)) as watch:
        assert words in watch.words
        assert kind in watch.words
        assert (watch.interval_s, watch.steady_s) == (interval_s, steady_s)
    with closing(open_watch(tmp_path, 0.5, CLOCK.now)) as watch:
        assert "source.poll_s" in watch.words
        assert watch.interval_s == 0.5


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with closing(notify._Events("", 2.0, CLOCK.now)) as made:
        assert made.follow([tmp_path])
        assert not made.follow([tmp_path])
        yield made


def heard(watch: Watch, wanted: int) -> tuple[list[FileEvent], bool]:
    files: list[FileEvent] = []
    look, end_s = False, time.monotonic() + 10.0
    while len(files) < wanted and time.monotonic() < end_s:
        news = watch.wait(0.2)
        files, look = files + news.files, look or news.look
    return files, look


def test_closing_renaming_and_linking_are_told_writing_is_not(watch: Watch, tmp_path: Path) -> None:
    before_s = CLOCK.now()
    with (tmp_path / "a").open("wb") as file:
        for _ in range(50):
            file.write(b"x")
            file.flush()
    (tmp_path / "a").rename(tmp_path / "b")
    os.link(tmp_path / "b", tmp_path / "c")
    (tmp_path / "b").read_bytes()
    files, look = heard(watch, 4)
    assert [(f.path, f.complete) for f in files if f.path is not None] == [
        (tmp_path / "a", False),
        (tmp_path / "a", True),
        (tmp_path / "b", True),
        (tmp_path / "c", False),
    ]
    assert not look
    assert all(before_s <= f.at_s <= CLOCK.now() for f in files)


def test_a_file_taken_out_of_the_folder_holds_nothing_back(
    watch: Watch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "a").touch()
    heard(watch, 2)
    (tmp_path / "a").rename(tmp_path_factory.mktemp("other") / "a")
    written_s = CLOCK.now()
    (tmp_path / "b").touch()
    files, _ = heard(watch, 2)
    assert {f.path for f in files} == {tmp_path / "b"}
    assert files[-1].at_s - written_s < 0.3


def test_a_new_subfolder_and_the_end_of_one_ask_for_a_look(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    assert watch.wait(10.0).look
    assert watch.follow([tmp_path, tmp_path / "s"])
    (tmp_path / "s" / "x").touch()
    assert {f.path for f in heard(watch, 2)[0]} == {tmp_path / "s" / "x"}
    (tmp_path / "s" / "x").unlink()
    (tmp_path / "s").rmdir()
    assert watch.wait(10.0).look
    (tmp_path / "s").mkdir()
    assert watch.wait(10.0).look
    assert watch.follow([tmp_path / "s"]), "a folder made again is listened to again"


def test_without_events_to_be_had_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(notify, "Inotify", none_left)
    with closing(open_watch(tmp_path, None, CLOCK.now)) as watch:
        assert "no file events (Too many open files)" in watch.words
        assert watch.interval_s == 0.1
        assert not watch.follow([tmp_path])


def test_another_systems_events_do_as_well(tmp_path: Path) -> None:
    with closing(notify._ForeignEvents(tmp_path, "", 2.0, CLOCK.now)) as watch:
        (tmp_path / "s").mkdir()
        (tmp_path / "a.part").write_bytes(b"x")
        (tmp_path / "a.part").rename(tmp_path / "a")
        done: set[Path | None] = set()
        end_s = time.monotonic() + 10.0
        look = False
        while tmp_path / "a" not in done and time.monotonic() < end_s:
            news = watch.wait(0.2)
            done |= {f.path for f in news.files if f.complete}
            look = look or news.look
        assert tmp_path / "a" in done
        assert look


# ---- the feed ----------------------------------------------------------------------------------


class Numbered:
    """One volume per file: its number is the text, complete when it ends in a full stop."""

    counts: ClassVar[dict[str, int]] = {}

    def __init__(self, *_: object) -> None: ...

    def read(self, raw: bytes, name: str) -> list[Volume]:
        if not raw.endswith(b"."):
            raise InputError(name)
        return [Volume(np.zeros((1, 1, 1), np.float32), np.eye(4), int(raw[:-1]), 0.5)]


@pytest.fixture
def open_feed(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(bridge_feed, "AnyReader", Numbered)

    def made(folder: Path, poll_s: float | None = None, keep: Path | None = None) -> FolderFeed:
        return FolderFeed(folder, 0.5, poll_s, (), CLOCK, lambda: None, keep)

    return made


def taken(feed: FolderFeed, wanted: int) -> list[Volume]:
    found: list[Volume] = []
    end_s = time.monotonic() + 10.0
    while len(found) < wanted and time.monotonic() < end_s:
        found += feed.take()
        time.sleep(0.002)
    return found


@pytest.mark.parametrize("poll_s", [None, 0.02])
def test_volumes_are_stamped_when_their_file_is_complete(
    tmp_path: Path,
    open_feed: object,
    poll_s: float | None,
) -> None:
    (folder := tmp_path / "in").mkdir()
    with closing(open_feed(folder, poll_s, tmp_path / "kept")) as feed:  # type: ignore[operator]
        assert "the folder is" in feed.complaints()[0]
        (folder / "series").mkdir()
        with (folder / "series" / "x1").open("wb") as file:
            file.write(b"1")
            file.flush()
            (folder / "x0").write_bytes(b"0.")
            (first,) = taken(feed, 1)
            file.write(b".")
        closed_s = CLOCK.now()
        (second,) = taken(feed, 1)
        assert (first.index, second.index) == (0, 1)
        if poll_s is None:
            assert abs(second.arrived_s - closed_s) < 0.1
        assert first.arrived_s <= second.arrived_s <= CLOCK.now()
        assert feed.counts()["gaps"] == feed.counts()["truncated"] == 0
    # for a process that starts again; the name itself is not written down
    assert kept_name(tmp_path / "kept", folder, 4) == "x0"
    assert "x0" not in (tmp_path / "kept").read_text()


@pytest.mark.parametrize("poll_s", [None, 0.02])
def test_what_nobody_takes_is_not_read_yet(
    tmp_path: Path, open_feed: object, monkeypatch: pytest.MonkeyPatch, poll_s: float | None
) -> None:
    read, waits = [], threading.Event()

    class Counting(Numbered):
        def read(self, raw: bytes, name: str) -> list[Volume]:
            read.append(name)
            return super().read(raw, name)

    class Bounded(queue.Queue[Volume]):
        def put(self, item: Volume, block: bool = True, timeout: float | None = None) -> None:
            try:
                super().put(item, block, 0.01)
            except queue.Full:
                waits.set()
                raise

    monkeypatch.setattr(bridge_feed, "AnyReader", Counting)
    monkeypatch.setattr(bridge_feed.queue, "Queue", Bounded)
    (folder := tmp_path / "in").mkdir()
    many = 150
    for index in range(many):
        (folder / f"x{index}").write_bytes(f"{index}.".encode())
    with closing(open_feed(folder, poll_s)) as feed:  # type: ignore[operator]
        assert waits.wait(10)
        assert len(read) <= 128 + 1
        assert [v.index for v in taken(feed, many)] == list(range(many))
        assert feed.counts()["gaps"] == 0
    # one that waits for room gives way to the end
    (other := tmp_path / "other").mkdir()
    for index in range(many):
        (other / f"x{index}").write_bytes(f"{index}.".encode())
    waits.clear()
    with closing(open_feed(other, poll_s)):  # type: ignore[operator]
        assert waits.wait(10)


def test_what_was_there_before_is_left_alone_until_it_is_written_again(tmp_path: Path) -> None:
    (folder := tmp_path / "in").mkdir()
    (kept := tmp_path / "run").mkdir()
    (folder / "s").mkdir()
    for name in ("a", "s/b"):
        (folder / name).write_bytes(b"x")
    assert sorted(there_before(kept, folder, 4)) == ["a", "s/b"]
    (folder / "c").touch()
    (folder / "a").write_bytes(b"longer")
    assert there_before(kept, folder, 4) == ["s/b"]
    with pytest.raises(InputError, match="create it"):
        there_before(kept, tmp_path / "nowhere", 4)
