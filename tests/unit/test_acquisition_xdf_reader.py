from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import pyxdf

from acquisition.sources.eeg import EegReadOptions, read_eeg
from phosphene.errors import InputError, TruncatedError


def chunk(tag: int, content: bytes) -> bytes:
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def header(number: int, name: str, kind: str, rate: float, fmt: str, desc: str, n: int) -> bytes:
    xml = (
        f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type>"
        f"<channel_count>{n}</channel_count><nominal_srate>{rate}</nominal_srate>"
        f"<channel_format>{fmt}</channel_format>{desc}</info>"
    )
    return chunk(2, struct.pack("<I", number) + xml.encode())


def numbers(number: int, stamps: np.ndarray, values: np.ndarray) -> bytes:
    body = struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(stamps))
    for stamp, row in zip(stamps, values, strict=True):
        body += b"\x08" + struct.pack("<d", stamp) + row.astype("<f4").tobytes()
    return chunk(3, body)


def strings(number: int, events: list[tuple[float, str]]) -> bytes:
    body = struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(events))
    for stamp, text in events:
        body += b"\x08" + struct.pack("<d", stamp) + b"\x01" + bytes([len(text)]) + text.encode()
    return chunk(3, body)


def offset(number: int, at_s: float, value_s: float) -> bytes:
    return chunk(4, struct.pack("<Idd", number, at_s, value_s))


def footer(number: int) -> bytes:
    xml = "<?xml version='1.0'?><info><sample_count>1</sample_count></info>"
    return chunk(6, struct.pack("<I", number) + xml.encode())


UNITS = (
    "<desc><channels>"
    "<channel><label>Oz</label><unit>volts</unit></channel>"
    "<channel><label>Pz</label><unit>microvolts</unit></channel>"
    "</channels></desc>"
)
FILE_HEADER = chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")


def recording(stamps: np.ndarray, shift_s: float = 0.0, kind: str = "EEG") -> bytes:
    """Make an EEG stream on a clock that runs `shift_s` behind, and markers on this clock."""
    values = np.stack([np.arange(len(stamps)) * 1e-6, np.arange(len(stamps))], axis=1)
    parts = [b"XDF:", FILE_HEADER]
    parts += [header(1, "cap", kind, 100.0, "float32", UNITS, 2)]
    parts += [header(2, "marks", "Markers", 0.0, "string", "", 1)]
    for k in range(0, len(stamps), 50):
        parts += [numbers(1, stamps[k : k + 50] - shift_s, values[k : k + 50])]
    parts += [strings(2, [(float(stamps[20]), "house"), (float(stamps[60]), "face")])]
    for at_s in np.arange(stamps[0], stamps[-1] + 5, 5):
        parts += [offset(1, at_s - shift_s, shift_s), offset(2, at_s, 0.0)]
    return b"".join([*parts, footer(1), footer(2)])


STAMPS = 1000.0 + np.arange(600) / 100


def test_streams_are_put_on_one_clock_and_in_microvolts(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(b"XDF:" + recording(STAMPS, shift_s=345.0)[4:])
    made = read_eeg(path, EegReadOptions(labels={"face": "Gesicht"}))
    assert made.channel_names == ("Oz", "Pz")
    assert made.data.shape == (600, 2)
    np.testing.assert_allclose(made.data[:, 0], made.data[:, 1], atol=1e-3)
    assert made.t0_s == pytest.approx(1000.0, abs=1e-3)
    assert made.effective_hz == pytest.approx(100.0, rel=1e-6)
    assert [m.label for m in made.markers] == ["house", "Gesicht"]
    assert [m.t_s for m in made.markers] == pytest.approx([0.20, 0.60], abs=1e-4)
    assert {m.stream for m in made.markers} == {"marks"}
    assert made.warnings == ()


def test_a_break_becomes_nan(tmp_path: Path) -> None:
    stamps = np.concatenate([STAMPS[:300], STAMPS[300:] + 1.5])
    path = tmp_path / "a.xdf"
    path.write_bytes(recording(stamps))
    made = read_eeg(path)
    assert made.data.shape == (750, 2)
    assert np.isnan(made.data[300:450]).all()
    assert made.data[450, 1] == 300.0
    assert any("150 samples missing" in note for note in made.warnings)


def test_a_cut_file_is_refused_or_salvaged(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    whole = recording(STAMPS)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TruncatedError, match=r"a\.xdf: the file is cut off or damaged"):
        read_eeg(path)
    made = read_eeg(path, EegReadOptions(salvage=True))
    assert 50 <= len(made.data) < 600
    assert any("was not closed" in note for note in made.warnings)
    path.write_bytes(whole[:150])
    with pytest.raises(TruncatedError, match="inside a header"):
        read_eeg(path)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(b"hello")
    with pytest.raises(InputError, match=r"a\.xdf: not an XDF file"):
        read_eeg(path)
    path.write_bytes(b"XDF:" + FILE_HEADER + header(2, "m", "Markers", 0, "string", "", 1))
    with pytest.raises(
        InputError, match="no EEG stream of type EEG with samples; the file has 'm'"
    ):
        read_eeg(path)


def test_the_only_regular_stream_is_taken_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(recording(STAMPS, kind="data"))
    assert any("no stream has type EEG" in note for note in read_eeg(path).warnings)
    with pytest.raises(InputError, match="named 'other'"):
        read_eeg(path, EegReadOptions(stream="other"))


@pytest.mark.realdata
def test_a_real_amplifier(realdata: Path) -> None:
    made = read_eeg(realdata / "eeg" / "xdf-g-usbamp" / "switch_example.xdf")
    assert made.data.shape == (34320, 16)
    assert made.effective_hz == pytest.approx(255.997, abs=0.001)
    assert made.fs_hz == 256.0
    assert made.channel_names[:3] == ("F3", "Fz", "F4")
    streams = {m.stream for m in made.markers}
    assert streams == {"PythonResponse", "UnityMarkerStream"}
    assert sum(m.label == "Trial Started" for m in made.markers) > 3


@pytest.mark.realdata
def test_markers_of_a_real_amplifier_lie_at_their_samples(realdata: Path) -> None:
    path = realdata / "eeg" / "xdf-g-usbamp" / "switch_example.xdf"
    made = read_eeg(path)
    streams, _ = pyxdf.load_xdf(path)
    eeg = next(s for s in streams if s["info"]["type"] == ["EEG"])
    truth = sorted(
        float(np.interp(t, eeg["time_stamps"], np.arange(len(eeg["time_stamps"]))))
        for s in streams
        if s["info"]["channel_format"] == ["string"]
        for t in s["time_stamps"]
        if eeg["time_stamps"][0] <= t <= eeg["time_stamps"][-1]
    )
    inside = [m.t_s * made.fs_hz for m in made.markers]
    inside = [k for k in inside if 0 <= k <= len(made.data) - 1]
    assert len(truth) == len(inside) > 10
    assert np.abs(np.array(inside) - truth).max() < 1.0


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "shape", "warning"),
    [
        ("minimal.xdf", (9, 3), "has no clock offsets"),
        ("empty_streams.xdf", (10, 1), "has no samples"),
        ("clock_resets.xdf", (53267, 8), "25452 samples missing"),
    ],
)
def test_the_conformance_files_survive(
    realdata: Path, name: str, shape: tuple[int, int], warning: str
) -> None:
    made = read_eeg(realdata / "eeg" / "xdf-examples" / name)
    assert made.data.shape == shape
    assert any(warning in note for note in made.warnings)
