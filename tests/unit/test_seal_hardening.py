"""What a sealed recording is kept from: other processes, core dumps, full disks, wrong clocks."""

from __future__ import annotations

import errno
import io
import os
import resource
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lz4.frame
import pytest
from mcap.records import Chunk
from PIL import Image

from phosphene.cli import main
from phosphene.commands import unseal
from phosphene.recorder import writer
from phosphene.recorder.bounds import MOST_CHUNK_BYTES, MOST_SIDE_PX, picture_of, unpacked
from phosphene.recorder.writer import RecordingFile
from phosphene.seal import erase, reader
from phosphene.seal.chunks import ChunkHead
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import KEYS_VARIABLE
from phosphene.seal.passphrase import VARIABLE
from phosphene.seal.present import MOST_APART, clock_trouble
from phosphene.seal.reader import layout_of
from phosphene.seal.writer import Seal
from phosphene.supervisor import NodeSpec
from phosphene.supervisor.child import Child

KEY = StewardKey.new()
PHRASE = "correct horse battery"
NOW = datetime.now(UTC)
SHOW = "import os; print(sorted(n for n in os.environ if n.startswith('PHOSPHENE_')))"


def sealed(folder: Path, until: datetime | None = None) -> Path:
    folder.mkdir()
    seal = Seal((KEY.public,), "r1", 1, NOW - timedelta(days=40), until)
    file = RecordingFile(folder / "recording.mcap.sealed.part", seal=seal)
    file.note("facts", {"a": "b" * 1000})
    return file.finish()


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, PHRASE)
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    # The process of the tests keeps its own limit.
    monkeypatch.setattr("phosphene.commands.keys.no_core_dumps", lambda: None)
    path = tmp_path / "steward.key"
    KEY.save(path, tmp_path / "steward.pub", PHRASE, cost=2**4)
    return path


# ---- keys of other processes -------------------------------------------------------------------


@pytest.mark.parametrize(("reads", "gets"), [(False, False), (True, True)])
def test_only_what_reads_the_recording_gets_its_keys_and_nothing_the_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: bool, gets: bool
) -> None:
    monkeypatch.setenv(KEYS_VARIABLE, "id:key")
    monkeypatch.setenv(VARIABLE, PHRASE)
    package = tmp_path / "shows.py"
    package.write_text(SHOW)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = Child(
        NodeSpec("x", "shows", "tool", reads_recording=reads), tmp_path / "plan", tmp_path / "log"
    )
    assert child.wait(30.0)
    assert (KEYS_VARIABLE in child.last_words()) is gets
    assert VARIABLE not in child.last_words()
    assert child.exit_code() == 0


def test_what_reads_the_decoder_gets_its_key_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEYS_VARIABLE, "recording:aa decoder:bb")
    (tmp_path / "shows.py").write_text(f"import os; print(os.environ.get({KEYS_VARIABLE!r}))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = []
    for reads in ((), ("decoder",)):
        spec = NodeSpec("x", "shows", "tool", reads=reads)
        child = Child(spec, tmp_path / "plan", tmp_path / f"log{len(told)}")
        assert child.wait(30.0)
        told.append(child.last_words().strip())
    assert told == ["None", "decoder:bb"]


# ---- core dumps --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "from types import SimpleNamespace as P; from phosphene import node\n"
        "node.NodeContext = lambda *a: P(discretion=None)\n"
        "node.DiscreetLog = lambda d: (lambda r: True)\n"
        "node.prepare('x', None)",
        "from types import SimpleNamespace as P; from pathlib import Path\n"
        "from phosphene.commands.keys import steward_key\n"
        "steward_key(P(key=Path(sys.argv[1]), passphrase_fd=None))",
    ],
    ids=["node shell", "commands with --key"],
)
def test_nothing_that_holds_pictures_or_keys_dumps_its_memory(key: Path, call: str) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    program = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_CORE, ({hard}, {hard}))\n{call}\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(key)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(0, 0)"


# ---- unseal ------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_of_an_unsealed_recording(
    tmp_path: Path,
    key: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    final = sealed(tmp_path / "in")
    out = tmp_path / "open"

    def full(_handle: int) -> None:
        assert [p.name for p in out.iterdir()] == ["recording.mcap.part"]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    call = ["unseal", str(final), "--key", str(key), "--out", str(out)]
    with monkeypatch.context() as patched:
        patched.setattr(unseal.os, "fsync", full)
        # The audit log syncs too, before.
        patched.setattr("phosphene.seal.places.note", lambda *_a, **_k: "")
        assert main(call) == 1
    assert "No space left" in capsys.readouterr().err
    assert list(out.iterdir()) == []
    assert main(call) == 0
    assert [p.name for p in out.iterdir()] == ["recording.mcap"]


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    final = sealed(tmp_path / "in")
    (tmp_path / "file").touch()
    call = ["unseal", str(final), "--key", str(key), "--out", str(tmp_path / "file" / "x")]
    assert main(call) == 1
    assert "Not a directory" in capsys.readouterr().err


# ---- purge -------------------------------------------------------------------------------------


def test_purge_erases_nothing_by_a_clock_that_jumped(
    tmp_path: Path,
    key: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = sealed(tmp_path / "in", until=NOW + timedelta(days=10))
    call = ["purge", str(tmp_path / "in"), "--yes"]
    assert main(call) == 0, "nothing is due, the log learns the time"
    jumped = (NOW + timedelta(days=300)).timestamp()
    monkeypatch.setattr("phosphene.commands.purge.wall_time_s", lambda: jumped)
    for _ in range(2):  # what was refused teaches the log no time
        assert main(call) == 1
        said = capsys.readouterr().out
        assert "300.0 days after" in said
        assert "--clock-checked" in said
    assert kept.exists()
    assert main([*call, "--clock-checked"]) == 0
    assert not kept.exists()


def test_the_newest_of_what_is_told_counts_on_both_sides() -> None:
    old, step = NOW - timedelta(days=90), timedelta(seconds=1)
    assert clock_trouble(NOW, {"a": old, "b": NOW - MOST_APART}) == ""
    assert "after b" in clock_trouble(NOW, {"a": old, "b": NOW - MOST_APART - step})
    assert "before a" in clock_trouble(NOW, {"a": NOW + MOST_APART + step, "b": NOW})
    assert clock_trouble(NOW, {})


# ---- what a file may ask for -------------------------------------------------------------------


def chunk(data: bytes, size: int, packed: str = "lz4") -> Chunk:
    return Chunk(packed, data, 0, 0, 0, size)


def test_a_chunk_is_as_long_as_it_says_and_not_larger_than_any_of_ours() -> None:
    plain = b"a" * 10_000
    packed = lz4.frame.compress(plain)
    good = chunk(packed, len(plain))
    assert unpacked(good).data == plain
    for wrong in (
        replace(good, uncompressed_size=len(plain) - 1),
        replace(good, uncompressed_size=len(plain) + 1),
        replace(good, uncompressed_size=MOST_CHUNK_BYTES + 1),
        replace(good, uncompressed_size=256 * len(packed)),
        replace(good, compression="zstd"),
        chunk(plain, 5, ""),
    ):
        with pytest.raises(ValueError, match=r"chunk"):
            unpacked(wrong)


def jpeg(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "JPEG")
    return out.getvalue()


def test_a_picture_is_measured_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert picture_of(jpeg(16, 8), (8, 16, 3)).shape == (8, 16, 3)
    raw = bytearray(jpeg(16, 8))
    at = raw.index(b"\xff\xc0") + 5
    monkeypatch.setattr(Image.Image, "load", lambda _self: pytest.fail("decoded"))
    for side in (9, MOST_SIDE_PX + 1, 65_000):
        raw[at : at + 2] = side.to_bytes(2, "big")
        with pytest.raises(ValueError, match="picture"):
            picture_of(bytes(raw), (8, 16, 3))
        raw[at + 2 : at + 4] = side.to_bytes(2, "big")
        if side > MOST_SIDE_PX:
            with pytest.raises(ValueError, match="picture"):
                picture_of(bytes(raw), (side, side, 3))
        raw[at + 2 : at + 4] = (16).to_bytes(2, "big")
    with pytest.raises(ValueError, match="cannot be read"):
        picture_of(b"GIF89a", (8, 16, 3))


def test_millions_of_tiny_chunks_end_the_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sealed(tmp_path / "in")
    with path.open("rb") as file:
        header = reader.header_of(file)
        raw = path.read_bytes()[: header.size]
        monkeypatch.setattr(reader, "MOST_CHUNKS", 50)
        for length, told, most in ((17, "more than 50 chunks", 50), (16, "chunk 0 is empty", 0)):
            heads = (ChunkHead(header.digest[:8], n, length, False).packed() for n in range(80))
            forged = io.BytesIO(raw + b"".join(h + bytes(length + 64) for h in heads))
            found = layout_of(forged, header)
            assert told in found.trouble
            assert len(found.at) == most


# ---- the recorder's last step ------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_the_name_of_a_finished_recording_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    synced: list[list[str]] = []

    def sync(folder: Path) -> None:
        synced.append([p.name for p in folder.iterdir()])
        if fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        erase.sync_folder(folder)

    monkeypatch.setattr(writer, "sync_folder", sync)
    file = RecordingFile(tmp_path / "recording.mcap.part")
    assert file.finish().exists()
    assert synced == [["recording.mcap"]]
    assert ("power cut" in file.unsure) is fails
