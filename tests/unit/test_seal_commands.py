"""Sealed recordings by the command line: keys, verify, unseal, info, recover, report, purge."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.writer import Writer

from phosphene.cli import main
from phosphene.errors import RecordingError
from phosphene.messages import Message, Percept, RunStart, describe, encode
from phosphene.recorder.names import next_free
from phosphene.recorder.reader import RecordingReader, read_run
from phosphene.recorder.recover import recover, recover_all
from phosphene.recorder.writer import RecordingFile
from phosphene.seal import keys
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import KEYS_VARIABLE, sealed_header, unlocked
from phosphene.seal.purge import candidates, erase
from phosphene.seal.writer import Seal

KEY = StewardKey.new()
PHRASE = "correct horse battery"
CANARY = b"CANARYWREN"
MADE = datetime.now(UTC) - timedelta(days=40)


def messages(count: int = 6) -> list[Message]:
    """A run whose person, labels and arrays hold the canary."""
    word = CANARY.decode()
    stamp: dict[str, Any] = {"run": "r1", "t_acquired": 1.0, "t_sent": 1.0}
    found = [
        Message(RunStart(**stamp, seq=0, producer="recorder", person=word, mode="live",
                         modality="fmri", t_wall=0.0, facts={}))
    ]  # fmt: skip
    for k in range(count):
        arrays = {"c": np.frombuffer(CANARY * 2, np.uint8).astype(np.uint8)}
        header = Percept(
            **stamp, seq=k, producer="decoder", index=k, t_data=float(k), t_seen=0.0,
            t_features=0.0, confidence=0.5, label=word, probabilities={word: 1.0}, bundle="b",
            arrays=describe(arrays, {"c": ("feature",)}, {}),
        )  # fmt: skip
        found.append(Message(header, arrays))
    return found


def record(
    folder: Path, *, end: bool = True, days: int | None = 30, sealed: bool = True
) -> tuple[Path, RecordingFile]:
    folder.mkdir(exist_ok=True)
    until = None if days is None else MADE + timedelta(days=days)
    seal = Seal((KEY.public,), "r1", 1, MADE, until) if sealed else None
    file = RecordingFile(next_free(folder, sealed=sealed), seal=seal)
    for message in messages():
        file.add(message, encode(message))
        file.flush()
    return (file.finish() if end else file.path), file


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_PASSPHRASE", PHRASE)
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    path = tmp_path / "steward.key"
    KEY.save(path, tmp_path / "steward.pub", PHRASE, cost=2**4)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*arguments: object) -> tuple[int, str]:
        code = main([str(a) for a in arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


Run = Callable[..., tuple[int, str]]


def test_a_new_pair_of_keys(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COST", 2**4)
    reading, writing = os.pipe()
    os.write(writing, PHRASE.encode() + b"\n")
    os.close(writing)
    code, said = run("keys", "new", "lab", "--out", tmp_path / "k", "--passphrase-fd", reading)
    os.close(reading)
    assert code == 0
    print_ = said.split("fingerprint: ")[1].split("\n")[0]
    for name in ("lab.key", "lab.pub"):
        assert run("keys", "show", tmp_path / "k" / name) == (0, print_ + "\n")
    assert PHRASE not in said
    assert StewardKey.load(tmp_path / "k" / "lab.key", PHRASE)
    assert run("keys", "new", "../x")[0] == 1
    monkeypatch.delenv("PHOSPHENE_PASSPHRASE", raising=False)
    code, said = run("keys", "new", "other", "--out", tmp_path / "k")
    assert code == 1
    assert "no passphrase" in said


def test_nothing_of_a_sealed_recording_is_readable_at_any_time(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path, file = record(out, end=False)
    assert CANARY not in path.read_bytes()
    final = file.finish()
    assert final.name == "recording.mcap.sealed"
    assert [p.name for p in out.iterdir()] == [final.name]
    assert CANARY not in final.read_bytes()
    assert final.stat().st_mode & 0o077 == 0
    plain, _ = record(tmp_path / "plain", sealed=False)
    assert any(CANARY in bytes(m.arrays["c"]) for m in RecordingReader(plain) if m.arrays)


def test_a_sealed_recording_is_read_like_any_other_once_it_is_unlocked(tmp_path: Path) -> None:
    final, _ = record(tmp_path / "out")
    with pytest.raises(RecordingError, match=r"sealed to .*--key"):
        list(RecordingReader(final))
    plain, _ = record(tmp_path / "plain", sealed=False)
    with unlocked([final], KEY):
        reader = RecordingReader(final)
        assert [m.header for m in reader] == [m.header for m in read_run(plain)]
        assert reader.ending.complete
        assert KEY.secret.hex() not in os.environ[KEYS_VARIABLE]
    assert KEYS_VARIABLE not in os.environ


def test_one_cut_off_can_be_read_and_repaired_by_the_steward_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path, file = record(out, end=False)
    file._file.close()  # as if the process had been killed
    os.truncate(path, path.stat().st_size - 10)
    os.link(path, tmp_path / "freed blocks")
    assert recover_all(out) == []
    with pytest.raises(RecordingError, match="sealed to"):
        recover(path)
    assert [p.name for p in out.iterdir()] == [path.name]
    with unlocked([path], KEY):
        reader = RecordingReader(path)
        assert len(list(reader)) == len(messages()) - 1
        assert not reader.ending.complete
        assert not reader.ending.damage
        (result,) = recover_all(out)
    assert result.messages == len(messages()) - 1
    assert [p.name for p in out.iterdir()] == ["recording.mcap.sealed"]
    assert CANARY not in result.path.read_bytes()
    assert sealed_header(tmp_path / "freed blocks").erased
    header = sealed_header(result.path)
    assert (header.core.run, header.core.made) == ("r1", MADE.isoformat())
    with unlocked([result.path], KEY):
        reader = RecordingReader(result.path)
        assert len(list(reader)) == len(messages()) - 1
        assert reader.ending.complete


def test_an_altered_one_gives_the_messages_before_the_place(tmp_path: Path) -> None:
    final, _ = record(tmp_path / "out")
    raw = bytearray(final.read_bytes())
    raw[len(raw) // 2] ^= 1
    final.write_bytes(raw)
    with unlocked([final], KEY):
        reader = RecordingReader(final)
        found = [m.header for m in reader]
    assert found == [m.header for m in messages()][: len(found)]
    assert 0 < len(found) < len(messages())
    assert "was altered" in reader.ending.damage
    assert not reader.ending.complete


def test_verify_and_info_tell_what_is_known_with_and_without_the_key(
    tmp_path: Path, key: Path, run: Run
) -> None:
    final, _ = record(tmp_path / "out")
    code, said = run("verify", final)
    assert code == 0
    assert f"{final}: whole" in said
    assert "signatures of 9 chunks" in said
    assert CANARY.decode() not in said
    code, said = run("verify", tmp_path / "out", "--key", key)
    assert code == 0
    assert "signatures and tags of 9 chunks" in said
    code, said = run("info", final)
    assert code == 0
    assert "needs --key" in said
    assert CANARY.decode() not in said
    assert CANARY.decode() in run("info", final, "--key", key)[1]
    final.write_bytes(final.read_bytes()[:-30])
    code, said = run("verify", final)
    assert code == 1
    assert "end marker is missing" in said
    plain, _ = record(tmp_path / "plain", sealed=False)
    assert "checksums find accidents" in run("verify", plain)[1]
    code, said = run("verify", final, "--audit", tmp_path / "none")
    assert code == 1
    assert "does not exist" in said


def test_unseal_makes_an_ordinary_recording(tmp_path: Path, key: Path, run: Run) -> None:
    final, _ = record(tmp_path / "out")
    code, said = run("unseal", tmp_path / "out", "--key", key, "--out", tmp_path / "open")
    assert code == 0, said
    made = tmp_path / "open" / "recording.mcap"
    assert made.stat().st_mode & 0o077 == 0
    assert [m.header for m in RecordingReader(made)] == [m.header for m in messages()]
    code, said = run("unseal", final, "--key", key, "--out", tmp_path / "open")
    assert code == 1
    assert "never overwritten" in said
    final.write_bytes(final.read_bytes()[:-30])
    code, said = run("unseal", final, "--key", key, "--out", tmp_path / "cut")
    assert code == 0
    part = tmp_path / "cut" / "recording.mcap.part"
    assert str(part) in said
    assert run("recover", part)[0] == 0
    assert len(list(RecordingReader(tmp_path / "cut" / "recording.mcap"))) == len(messages())
    log = run("audit", "show")[1]
    assert log.count("unsealed") == 2
    assert run("audit", "verify")[0] == 0


def test_purge_erases_what_is_due_and_nothing_else(tmp_path: Path, key: Path, run: Run) -> None:
    due, _ = record(tmp_path / "due")
    kept, _ = record(tmp_path / "kept", days=60)
    endless, _ = record(tmp_path / "endless", days=None)
    plain, _ = record(tmp_path / "plain", sealed=False)
    writing, file = record(tmp_path / "writing", end=False)
    (tmp_path / "due" / "preview.mp4").write_bytes(b"pictures")
    (tmp_path / "due" / "notes.txt").write_bytes(b"mine")
    backup = tmp_path / "backup"
    os.link(due, backup)  # another name of the same blocks
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    code, said = run("purge", tmp_path, "--dry-run")
    assert "1 would be erased" in said
    code, said = run("purge", tmp_path)
    assert "say --yes" in said
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    code, said = run("purge", tmp_path, "--yes")
    assert code == 1, "one that was due is being written"
    assert f"{writing}: is being written" in said
    assert not due.exists()
    assert [p.name for p in (tmp_path / "due").iterdir()] == ["notes.txt"]
    assert all(p.exists() for p in (kept, endless, plain, writing))
    assert sealed_header(backup).erased
    with pytest.raises(RecordingError, match="erased"), unlocked([backup], KEY):
        pass
    file.finish()
    assert run("purge", tmp_path / "due", "--yes") == (0, "nothing is to be erased\n")
    assert run("purge", kept, "--now", "--yes")[0] == 0
    assert not kept.exists()
    log = run("audit", "show")[1]
    assert "erased  why time is over" in log
    assert "erased  why asked for" in log
    assert run("audit", "verify")[0] == 0


def test_a_damaged_header_is_told_instead_of_judged(tmp_path: Path, key: Path, run: Run) -> None:
    final, _ = record(tmp_path / "out")
    raw = bytearray(final.read_bytes())
    raw[40] ^= 1
    final.write_bytes(raw)
    (found,) = candidates(final)
    assert found.obstacle.startswith("cannot be judged")
    assert run("purge", tmp_path, "--yes")[0] == 1
    assert final.exists()


def test_ordinary_recordings_are_read_beside_sealed_ones(tmp_path: Path) -> None:
    """An ordinary recording is read as before where keys are lent for others."""
    plain, _ = record(tmp_path / "plain", sealed=False)
    final, _ = record(tmp_path / "out")
    with unlocked([final, plain], KEY):
        assert len(list(RecordingReader(plain))) == len(list(RecordingReader(final)))


def test_what_the_steward_repaired_is_known_to_the_log(tmp_path: Path, key: Path, run: Run) -> None:
    path, file = record(tmp_path / "out", end=False)
    file._file.close()
    assert run("recover", path, "--key", key)[0] == 0
    log = tmp_path / "state" / "audit.jsonl"
    code, said = run("verify", tmp_path / "out", "--audit", log)
    assert code == 0
    assert "the audit log knows it" in said


def test_verify_takes_no_other_file_for_a_sealed_one(tmp_path: Path, key: Path, run: Run) -> None:
    final, _ = record(tmp_path / "out")
    plain, _ = record(tmp_path / "plain", sealed=False)
    beside = tmp_path / "out" / "recording.mcap"
    beside.write_bytes(plain.read_bytes())
    whole = final.read_bytes()
    final.write_bytes(whole[:-1])
    code, said = run("verify", tmp_path / "out")
    assert code == 1, "the ordinary one beside it must not hide it"
    assert f"{final}: cut off" in said
    assert "cut off later" in said
    final.write_bytes(plain.read_bytes())
    code, said = run("verify", final)
    assert code == 1
    assert f"{final}: DAMAGED" in said
    final.write_bytes(b"")
    assert run("verify", final)[0] == 1


def test_an_empty_unfinished_one_is_no_ordinary_recording(tmp_path: Path) -> None:
    path = tmp_path / "recording.mcap.sealed.part"
    path.touch()
    assert recover_all(tmp_path) == []
    assert path.exists()


def test_purge_at_once_erases_a_damaged_one_too(tmp_path: Path, key: Path, run: Run) -> None:
    final, _ = record(tmp_path / "out")
    wrapped = sealed_header(final).wrapped
    raw = bytearray(final.read_bytes())
    raw[40] ^= 1
    final.write_bytes(raw)
    backup = tmp_path / "blocks"
    os.link(final, backup)
    assert run("purge", final, "--now", "--yes")[0] == 0
    assert not final.exists()
    assert wrapped not in backup.read_bytes()


def test_purge_stays_within_its_folder_and_among_our_files(
    tmp_path: Path, key: Path, run: Run
) -> None:
    final, _ = record(tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.log").write_bytes(b"mine")
    (tmp_path / "out" / "logs").symlink_to(elsewhere)
    (tmp_path / "out" / "report.docx").write_bytes(b"mine")
    foreign = tmp_path / "out" / "recording_2024.mcap"
    with foreign.open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start()
        writer.finish()
    link = tmp_path / "link.mcap.sealed"
    link.symlink_to(final)
    code, said = run("purge", link, "--now", "--yes")
    assert code == 1
    assert "symbolic link" in said
    assert final.exists()
    code, said = run("purge", foreign, "--now", "--yes")
    assert code == 1
    assert "not a recording of ours" in said
    assert run("purge", tmp_path / "out", "--now", "--yes")[0] == 0
    assert not final.exists()
    assert foreign.exists()
    assert (elsewhere / "other.log").exists()
    assert (tmp_path / "out" / "report.docx").exists()


def test_what_changed_since_it_was_judged_is_not_erased(tmp_path: Path) -> None:
    final, _ = record(tmp_path / "out")
    (found,) = candidates(tmp_path / "out")
    other, _ = record(tmp_path / "other")
    other.replace(final)
    with pytest.raises(RecordingError, match="has changed meanwhile"):
        erase(found)
    assert not sealed_header(final).erased
