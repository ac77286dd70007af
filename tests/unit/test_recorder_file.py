from __future__ import annotations

import io
import stat
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader

from phosphene.cli import main
from phosphene.errors import ConfigError, MessageError, RecordingError
from phosphene.messages import Frame, Message, Percept, Quality, Volume, describe, encode
from phosphene.recorder.framing import pack, unpack
from phosphene.recorder.gaps import GapWatch
from phosphene.recorder.info import info
from phosphene.recorder.names import next_free, recordings_in
from phosphene.recorder.reader import RecordingReader, parts_of, read_run
from phosphene.recorder.recover import recover
from phosphene.recorder.writer import RecordingFile


def stamp(seq: int, producer: str = "acquisition") -> dict[str, Any]:
    return {
        "run": "r",
        "seq": seq,
        "t_acquired": 100.0 + seq,
        "t_sent": 100.1 + seq,
        "producer": producer,
    }


def volume(seq: int, shape: tuple[int, ...] = (4, 3, 2)) -> Message:
    rng = np.random.default_rng(seq)
    arrays = {"volume": rng.integers(0, 999, shape).astype("<i2")}
    specs = describe(arrays, {"volume": ("x", "y", "z")}, {})
    header = Volume(
        **stamp(seq), arrays=specs, index=seq, t_data=2.0 * seq, tr_s=2.0, affine=(1.0,) * 16
    )
    return Message(header, arrays)


def percept(seq: int) -> Message:
    rng = np.random.default_rng(seq)
    arrays = {
        "z": rng.standard_normal((4, 16, 16)).astype("<f4"),
        "c": rng.standard_normal(17).astype("<f4"),
    }
    specs = describe(arrays, {"z": ("channel", "y", "x"), "c": ("feature",)}, {})
    header = Percept(
        **stamp(seq, "decoder"), arrays=specs, index=seq, t_data=1.0, t_seen=0.0, t_features=0.0,
        confidence=0.5, label="face", probabilities={"face": 1.0}, bundle="b",
    )  # fmt: skip
    return Message(header, arrays)


def frame(seq: int) -> Message:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    picture = np.stack([np.tile(ramp, (64, 1)), np.tile(ramp[:, None], 64), np.full((64, 64), seq)])
    arrays = {"picture": np.ascontiguousarray(picture.transpose(1, 2, 0).astype(np.uint8))}
    specs = describe(arrays, {"picture": ("y", "x", "rgb")}, {})
    header = Frame(
        **stamp(seq, "renderer"), arrays=specs, t_due=0, t_rendered=0, late=False, skipped=0,
        render_ms=1.0, state="picture", percept_seq=seq, percept_index=seq, confidence=0.9,
        age_s=0.1, t_percept=0.0, seed=0, model="m", sink="recorder",
    )  # fmt: skip
    return Message(header, arrays)


def quality(seq: int) -> Message:
    return Message(Quality(**stamp(seq), index=seq, t_data=2.0 * seq, values={"fd_mm": 0.1}))


def write(path: Path, messages: list[Message], flush_every: int = 3) -> RecordingFile:
    file = RecordingFile(path)
    for i, message in enumerate(messages):
        file.add(message, encode(message))
        if i % flush_every == flush_every - 1:
            file.flush()
    return file


def same(a: Message, b: Message) -> bool:
    return (
        a.header == b.header
        and list(a.arrays) == list(b.arrays)
        and all(np.array_equal(a.arrays[k], b.arrays[k]) for k in a.arrays)
    )


MIXED = [make(k) for k in range(6) for make in (volume, quality, percept)]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_framing_keeps_every_byte_and_is_one_messagepack_object(buffers: list[bytes]) -> None:
    header = msgspec.msgpack.encode({"type": "volume", "seq": 7})
    data = pack([header, *buffers])
    assert [bytes(p) for p in unpack(data)] == [header, *buffers]
    assert msgspec.msgpack.decode(data) == [{"type": "volume", "seq": 7}, *buffers]
    with pytest.raises(MessageError):
        unpack(data[:-1])


def test_what_is_written_comes_back_bit_for_bit(tmp_path: Path) -> None:
    final = write(tmp_path / "recording.mcap.part", MIXED).finish()
    assert final.name == "recording.mcap"
    back = list(RecordingReader(final))
    assert len(back) == len(MIXED)
    assert all(same(a, b) for a, b in zip(MIXED, back, strict=True))
    with final.open("rb") as file:
        summary = make_reader(file, validate_crcs=True).get_summary()
    assert summary is not None
    names = {s.name for s in summary.schemas.values()}
    assert {"phosphene.volume", "phosphene.percept", "phosphene.quality"} == names
    assert {c.message_encoding for c in summary.channels.values()} == {"msgpack"}


def test_frames_are_foxglove_pictures_beside_their_header(tmp_path: Path) -> None:
    final = write(tmp_path / "recording.mcap.part", [frame(k) for k in range(3)]).finish()
    back = list(RecordingReader(final))
    assert [m.header for m in back] == [frame(k).header for k in range(3)]
    error = back[1].arrays["picture"].astype(float) - frame(1).arrays["picture"]
    assert np.abs(error).mean() < 4
    with final.open("rb") as file:
        pictures = list(make_reader(file).iter_messages(topics=["/frames"]))
    assert [p[0].name for p in pictures] == ["foxglove.CompressedImage"] * 3


@pytest.fixture(scope="module")
def recorded() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        messages = [*MIXED, frame(1), frame(2)]
        return write(Path(folder) / "recording.mcap.part", messages).finish().read_bytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_recording_cut_anywhere_is_an_exact_prefix_and_can_be_repaired(
    recorded: bytes, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(recorded) - 1))
    whole = [*MIXED, frame(1).header, frame(2).header]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mcap.part"
        path.write_bytes(recorded[:cut])
        back = list(RecordingReader(path))
        result = recover(path)
        assert stat.S_IMODE(result.path.stat().st_mode) == 0o600
        again = list(RecordingReader(result.path))
    assert all(
        same(a, b) if isinstance(a, Message) else a == b.header
        for a, b in zip(whole, back, strict=False)
    )
    assert result.messages >= len(back) == len(again)
    assert not result.damage


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_never_yields_wrong_data(recorded: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(8, len(recorded) - 9))
    spoiled = bytearray(recorded)
    spoiled[at] ^= 1 << data.draw(st.integers(0, 7))
    whole = [*(m.header for m in MIXED), frame(1).header, frame(2).header]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mcap.part"
        path.write_bytes(spoiled)
        back = [m.header for m in RecordingReader(path)]
        assert back == whole[: len(back)]
        if recover(path).damage:
            assert Path(f"{path}.damaged").read_bytes() == bytes(spoiled)


def test_what_was_flushed_survives_without_any_closing(tmp_path: Path) -> None:
    file = write(tmp_path / "recording.mcap.part", MIXED[:6], flush_every=6)
    copy = tmp_path / "copy.mcap"
    copy.write_bytes(file.path.read_bytes())
    assert len(list(RecordingReader(copy))) == 6
    with pytest.raises(RecordingError, match="still writing"):
        recover(file.path)
    file.finish()


class FullDisk(io.FileIO):
    """A disk with room for so many bytes."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "w")
        self.room = room

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.room:
            taken = self.room - self.tell()
            if taken <= 0:
                raise OSError(28, "No space left on device")
            return super().write(memoryview(data)[:taken]) or 0
        return super().write(data) or 0


@pytest.mark.parametrize("room", [3000, 8000, 20_000])
def test_a_full_disk_leaves_a_readable_prefix(tmp_path: Path, room: int) -> None:
    path = tmp_path / "recording.mcap.part"
    file = RecordingFile(path, lambda p: FullDisk(p, room))  # type: ignore[arg-type,return-value]
    flushed = 0
    with pytest.raises(OSError, match="No space left"):
        for i in range(1000):
            file.add(MIXED[i % len(MIXED)], encode(MIXED[i % len(MIXED)]))
            file.flush()
            flushed = i + 1
    left = file.cut_short()
    back = list(RecordingReader(left))
    assert len(back) == flushed
    assert all(same(a, MIXED[i % len(MIXED)]) for i, a in enumerate(back))
    assert left.stat().st_size <= room
    if left.suffix == ".mcap":
        with left.open("rb") as opened:
            assert len(list(make_reader(opened).iter_messages())) == flushed


def test_names_never_repeat_and_parts_come_in_order(tmp_path: Path) -> None:
    assert next_free(tmp_path).name == "recording.mcap.part"
    (tmp_path / "recording.mcap").touch()
    assert next_free(tmp_path).name == "recording-002.mcap.part"
    (tmp_path / "recording-002.mcap.part").touch()
    (tmp_path / "recording-010.mcap").touch()
    (tmp_path / "notes.mcap").touch()
    assert next_free(tmp_path).name == "recording-011.mcap.part"
    names = [p.name for p in recordings_in(tmp_path)]
    assert names == ["recording.mcap", "recording-002.mcap.part", "recording-010.mcap"]


def test_a_recording_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "recording.mcap.part"
    path.write_bytes(b"precious")
    with pytest.raises(ConfigError, match=r"recorder\.out"):
        RecordingFile(path)
    assert path.read_bytes() == b"precious"
    (tmp_path / "recording.mcap").write_bytes(b"precious too")
    with pytest.raises(RecordingError, match="exists already"):
        recover(path)


def test_a_file_repaired_between_finding_and_reading_is_still_read(tmp_path: Path) -> None:
    write(tmp_path / "recording.mcap.part", MIXED[:3]).finish()
    assert len(list(RecordingReader(tmp_path / "recording.mcap.part"))) == 3
    with pytest.raises(RecordingError, match="No such file"):
        list(RecordingReader(tmp_path / "recording-002.mcap.part"))


def test_gaps_are_counted_and_restarts_are_not_gaps() -> None:
    watch = GapWatch()
    gaps = [watch.see(quality(seq).header) for seq in (5, 6, 9, 10, 0, 1, 4)]
    assert gaps == [0, 0, 2, 0, 0, 0, 2]
    assert watch.missing == {"quality": 4}


def test_info_and_recover_speak_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "recording.mcap.part", [quality(0), quality(3), percept(0)])
    data = file.path.read_bytes()
    file.finish().unlink()
    (tmp_path / "recording.mcap.part").write_bytes(data)
    assert main(["info", str(tmp_path / "recording.mcap.part")]) == 0
    words = capsys.readouterr().out
    assert "cut off" in words
    assert "2 missing" in words
    assert "no stop document" in words
    assert main(["recover", str(tmp_path)]) == 0
    assert "3 messages recovered" in capsys.readouterr().out
    assert main(["recover", str(tmp_path)]) == 0
    assert "nothing to repair" in capsys.readouterr().out
    assert main(["recover", str(tmp_path / "recording.mcap")]) == 1
    assert "*.mcap.part" in capsys.readouterr().err


def test_folders_and_files_without_a_recording_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no recording here"):
        list(read_run(tmp_path))
    other = tmp_path / "recording.mcap"
    other.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(RecordingError, match="not an MCAP file"):
        list(read_run(other))
    assert parts_of(other) == [other]


def test_info_tells_what_each_clock_makes_of_the_repetition_time(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "recording.mcap.part")
    for seq in range(4):
        values = {"tr_announced_s": 2.0, "header_s": 2.01 * seq, "trigger_to_arrival_ms": 2300.0}
        header = Quality(**stamp(seq), index=seq, t_data=2.0 * seq, values=values)
        file.add(Message(header), encode(Message(header)))
    told = info(file.finish())
    assert "TR        2.0000 s announced, 2.0100 s by the scanner's clock, " in told
    assert "volume begun to file closed 2300 ms (median)" in told
