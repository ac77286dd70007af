"""The audit log: what was altered, moved, put in or cut off is found."""

from __future__ import annotations

import fcntl
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.clock import FakeClock
from phosphene.errors import SealError
from phosphene.gate.diary import GateDiary
from phosphene.gate.policy import Verdict
from phosphene.seal import audit as audit_module
from phosphene.seal import journal as journal_module
from phosphene.seal.audit import AuditLog, Head, read_head, read_heads, troubles_in
from phosphene.seal.journal import Journal
from phosphene.seal.places import audit_in, machine_public, note

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PUBLIC = KEY.public_key()


def log_in(folder: Path, key: Ed25519PrivateKey = KEY) -> AuditLog:
    return AuditLog(folder / "audit.jsonl", key, lambda: NOW, folder / "second")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], list[Head]]:
    """Two runs' lines: each of three lines and a checkpoint."""
    folder = tmp_path_factory.mktemp("audit")
    log = log_in(folder)
    for run in ("a", "b"):
        for k in range(3):
            log.add("view", run=run, shows=str(k))
        log.checkpoint()
    lines = (folder / "audit.jsonl").read_bytes().splitlines(keepends=True)
    return lines, read_heads(folder / "second")


Written = tuple[list[bytes], list[Head]]


def test_a_log_that_nobody_touched_is_good(written: Written) -> None:
    lines, heads = written
    assert len(lines) == 8
    assert [head.n for head in heads] == [4, 8]
    assert troubles_in(lines, PUBLIC, heads) == []
    assert read_head(str(heads[1])) == heads[1]
    assert json.loads(lines[0])["facts"] == {"run": "a", "shows": "0"}


@settings(max_examples=40)
@given(st.data())
def test_any_flipped_bit_is_found(written: Written, data: st.DataObject) -> None:
    lines, heads = written
    raw = bytearray(b"".join(lines))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert troubles_in(bytes(raw).splitlines(keepends=True), PUBLIC, heads)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 7), max_size=10).filter(lambda o: o != list(range(8))))
def test_lines_moved_doubled_or_left_out_are_found(written: Written, order: list[int]) -> None:
    lines, heads = written
    assert troubles_in([lines[k] for k in order], PUBLIC, heads)


def test_a_cut_at_a_checkpoint_shows_by_a_head_known_elsewhere_only(written: Written) -> None:
    lines, heads = written
    assert troubles_in(lines[:4], PUBLIC) == []
    assert troubles_in(lines[:4], PUBLIC, heads) == [
        "it had 8 lines once and has 4 now: it was cut off"
    ]
    assert "not signed by a checkpoint" in troubles_in(lines[:6], PUBLIC)[0]


def test_what_somebody_else_appends_after_a_cut_is_found(written: Written, tmp_path: Path) -> None:
    lines, heads = written
    (tmp_path / "audit.jsonl").write_bytes(b"".join(lines[:4]))
    forger = log_in(tmp_path, OTHER)
    for _ in range(3):
        forger.add("view", run="b", shows="9")
    forger.checkpoint()
    forged = (tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)
    found = troubles_in(forged, PUBLIC, heads)
    assert "line 8: the checkpoint's signature does not fit" in found
    assert "line 8 is not the one that was known elsewhere" in found


def test_a_line_that_was_cut_off_by_a_crash_stays_and_is_told(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.add("view", run="a")
    path = tmp_path / "audit.jsonl"
    path.write_bytes(path.read_bytes() + b'{"n":2,"at":"2026')
    log.add("view", run="b")
    log.checkpoint()
    lines = path.read_bytes().splitlines(keepends=True)
    assert troubles_in(lines, PUBLIC) == ["line 2: cannot be read"]


def test_several_writers_make_one_chain(tmp_path: Path) -> None:
    logs = [log_in(tmp_path) for _ in range(4)]

    def work(log: AuditLog) -> None:
        for k in range(10):
            log.add("view", shows=str(k))

    threads = [threading.Thread(target=work, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logs[0].checkpoint()
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 41
    assert troubles_in(lines, PUBLIC, read_heads(tmp_path / "second")) == []


def test_the_machines_own_log_and_key_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert note("erased", folder=folder, run="r") == ""
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("audit.jsonl", "audit.key"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    lines = (folder / "audit.jsonl").read_bytes().splitlines(keepends=True)
    assert troubles_in(lines, machine_public(folder / "audit.pub")) == []
    (folder / "audit.key").write_bytes(b"nothing")
    assert "cannot be written" in note("erased", folder=folder)
    with pytest.raises(SealError, match="audit key"):
        audit_in(folder)


def test_the_gate_tells_each_change_once_and_never_an_operators_words(tmp_path: Path) -> None:
    diary = GateDiary(tmp_path, "r")
    for _ in range(3):
        diary.view("self", Verdict.blank("Mrs Canarywren asked me to"))
        diary.grant(["view_self"], decode=True)
    diary.view("self", Verdict(passing=True, level=4))
    diary.order("blank")
    diary.close()
    assert not diary.failure
    content = (tmp_path / "audit.jsonl").read_bytes()
    assert b"Canarywren" not in content
    told = [json.loads(line) for line in content.splitlines()]
    assert [(e["what"], e["facts"].get("shows")) for e in told] == [
        ("view", "blank"), ("grant", None), ("view", "level 4"), ("operator", None),
        ("gate stopped", None), ("checkpoint", None),
    ]  # fmt: skip
    lines = content.splitlines(keepends=True)
    assert troubles_in(lines, machine_public(tmp_path / "audit.pub")) == []


def test_a_log_that_cannot_be_written_delays_nothing_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    diary = GateDiary(tmp_path / "file", "r")
    diary.order("blank")
    diary.close()
    assert "cannot be written" in diary.failure


def test_a_checkpoint_is_signed_when_its_time_has_come(tmp_path: Path) -> None:
    clock = FakeClock()
    journal = Journal(lambda: log_in(tmp_path), 60.0, clock)
    path = tmp_path / "audit.jsonl"

    def put(count: int) -> list[str]:
        journal.put("view")
        for _ in range(10_000):
            lines = path.read_bytes().splitlines() if path.exists() else []
            if len(lines) >= count:
                break
            threading.Event().wait(0.001)
        return [json.loads(line)["what"] for line in lines]

    assert put(1) == ["view"]
    clock.wait_until(61.0)
    assert put(3) == ["view", "view", "checkpoint"]
    journal.close()
    assert len(path.read_bytes().splitlines()) == 3, "nothing was left to sign"


def test_a_line_that_no_text_is_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"n":1,"at":"\xff","what":"x","facts":{},"prev":""}\n')
    log = log_in(tmp_path)
    log.add("view", run="b")
    log.checkpoint()
    assert len(path.read_bytes().splitlines()) == 3
    assert "line 1: cannot be read" in troubles_in(path.read_bytes().splitlines(True), PUBLIC)


def test_a_writer_that_was_stopped_while_it_held_the_log_holds_nobody_up_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "_LOCK_S", 0.05)
    log = log_in(tmp_path)
    log.add("view")
    with (tmp_path / "audit.jsonl").open() as other:
        fcntl.flock(other.fileno(), fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another process holds it"):
            log.add("view")
    assert log.add("view").n == 2


def test_a_second_place_that_is_away_does_not_stop_the_log(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    log = log_in(tmp_path)
    log.add("view")
    assert log.checkpoint().n == 2
    assert "second place" in log.trouble
    (tmp_path / "second").rmdir()
    assert log.checkpoint().n == 3
    assert log.trouble == ""
    (tmp_path / "second").write_bytes(b"\xff")
    with pytest.raises(SealError, match="not a list of heads"):
        read_heads(tmp_path / "second")


def test_what_could_not_be_written_is_written_later_and_what_had_no_room_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_MOST_WAITING", 2)
    folder, tried = tmp_path / "state", threading.Semaphore(0)
    folder.touch()

    def open_log() -> AuditLog:
        tried.release()
        return audit_in(folder)

    journal = Journal(open_log)
    for k in range(4):
        journal.put("view", shows=str(k))
    assert tried.acquire(timeout=10)
    for _ in range(10_000):
        if journal.failure:
            break
        threading.Event().wait(0.001)
    assert "cannot be written" in journal.failure
    folder.unlink()
    journal.close()
    assert journal.failure == ""
    told = [json.loads(line) for line in (folder / "audit.jsonl").read_bytes().splitlines()]
    assert [(e["what"], e["facts"].get("shows"), e["facts"].get("count")) for e in told[:-1]] == [
        ("view", "0", None), ("view", "1", None), ("lines missed", None, "2"),
    ]  # fmt: skip
    assert told[-1]["what"] == "checkpoint"


def test_a_disk_that_hangs_keeps_no_process_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_CLOSE_S", 0.05)
    freed = threading.Event()

    def open_log() -> AuditLog:
        freed.wait(10)
        raise SealError("freed")

    journal = Journal(open_log)
    journal.put("view")
    journal.close()
    assert "did not take its last lines" in journal.failure
    freed.set()


def test_a_public_key_that_is_missing_is_made_again(tmp_path: Path) -> None:
    note("a", folder=tmp_path)
    (tmp_path / "audit.pub").unlink()
    note("b", folder=tmp_path)
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)
    assert troubles_in(lines, machine_public(tmp_path / "audit.pub")) == []
