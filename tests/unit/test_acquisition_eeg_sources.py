from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from acquisition.sources.eeg import EegMarker, EegReadOptions, EegRecording, read_eeg
from acquisition.sources.grid import even_grid, on_grid
from phosphene.errors import InputError, TruncatedError

HEADER = "timestamps,TP9,AF7,Right AUX,Marker0\n"


def muse(path: Path, n: int = 40, tail: str = "\n", flat: bool = False) -> Path:
    marks = {9: 2, 20: 1}
    rows = [
        f"{100 + k / 256:.3f},{k % 7:.3f},{0 if flat else -k},{k % 3},{marks.get(k, 0)}"
        for k in range(n)
    ]
    path.write_text(HEADER + "\n".join(rows) + tail)
    return path


def test_a_muse_file_becomes_a_recording(tmp_path: Path) -> None:
    made = read_eeg(muse(tmp_path / "a.csv"), EegReadOptions(labels={"1": "house", "2": "face"}))
    assert made.channel_names == ("TP9", "AF7")
    assert made.data.shape == (40, 2)
    assert made.data[5].tolist() == [5.0, -5.0]
    assert made.fs_hz == 256.0
    assert made.t0_s == 100.0
    assert made.effective_hz == pytest.approx(256.0, rel=0.01)
    assert made.markers == (
        EegMarker(9 / 256, "face", "Marker0"),
        EegMarker(20 / 256, "house", "Marker0"),
    )
    assert "Right AUX" in made.warnings[0]


def test_a_sidecar_names_the_markers(tmp_path: Path) -> None:
    path = muse(tmp_path / "a.csv")
    (tmp_path / "a.csv.labels.json").write_text(json.dumps({"1": "one", "2": "two"}))
    assert [m.label for m in read_eeg(path).markers] == ["two", "one"]
    options = EegReadOptions(labels={"2": "zwei"})
    assert [m.label for m in read_eeg(path, options).markers] == ["zwei", "one"]


def test_a_flat_channel_is_left_out_with_a_warning(tmp_path: Path) -> None:
    made = read_eeg(muse(tmp_path / "a.csv", flat=True))
    assert made.channel_names == ("TP9",)
    assert "channel AF7 is flat and was left out" in made.warnings


def test_a_truncated_file_is_refused_or_salvaged(tmp_path: Path) -> None:
    path = muse(tmp_path / "a.csv", tail="\n100.2,3")
    with pytest.raises(TruncatedError, match=r"a\.csv: the file ends in the middle of line 42"):
        read_eeg(path)
    assert len(read_eeg(path, EegReadOptions(salvage=True)).data) == 40


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.csv", None, "no such file"),
        ("empty.csv", "", "the file is empty"),
        ("other.csv", "a,b,c\n1,2,3\n", "not a Muse file"),
        ("header.csv", HEADER, "no samples after the header"),
        ("word.csv", HEADER + "1,2,x,4,0\n", "could not convert"),
        ("sound.wav", "RIFF", r"ending '.wav' unknown; allowed: .csv"),
    ],
)
def test_errors_name_the_file_and_the_cause(
    tmp_path: Path, name: str, content: str | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        read_eeg(path)
    assert name in str(caught.value)


def test_a_recording_checks_itself() -> None:
    late = (EegMarker(2.0, "b"), EegMarker(1.0, "a"))
    with pytest.raises(InputError) as caught:
        EegRecording("x", np.zeros((4, 2)), 0.0, ("a", "b", "c"), late)
    assert "4 problem(s)" in str(caught.value)


def test_breaks_become_nan_of_the_right_length() -> None:
    stamps = np.concatenate([10 + np.arange(50) / 100, 11.2 + np.arange(30) / 100])
    grid = even_grid(stamps, [(0, 49), (50, 79)], 100.0)
    assert grid.fs_hz == 100.0
    assert grid.positions[50] == 120
    spread = on_grid(np.arange(80, dtype=np.float32)[:, np.newaxis], grid)
    assert np.isnan(spread[50:120]).all()
    assert spread[120:, 0].tolist() == list(range(50, 80))
    assert grid.time_of(11.2, stamps) == pytest.approx(1.2)
    assert grid.time_of(10.255, stamps) == pytest.approx(0.255)
    assert grid.time_of(9.5, stamps) == pytest.approx(-0.5)
    assert grid.time_of(12.0, stamps) == pytest.approx(2.0)


def test_a_wrong_declared_rate_gives_way() -> None:
    grid = even_grid(np.arange(100) / 93.0, [(0, 99)], 100.0)
    assert grid.fs_hz == pytest.approx(93.0)
    assert "declared 100 Hz, measured 93.0000 Hz" in grid.notes[0]
    close = even_grid(np.arange(1000) / 255.997, [(0, 999)], 256.0)
    assert close.fs_hz == 256.0
    assert close.effective_hz == pytest.approx(255.997)


def test_a_file_that_is_mostly_hole_is_refused() -> None:
    stamps = np.array([0.0, 0.01, 500.0, 500.01])
    grid = even_grid(stamps, [(0, 1), (2, 3)], 100.0)
    with pytest.raises(InputError, match="cut the recording"):
        on_grid(np.zeros((4, 1), dtype=np.float32), grid)


@pytest.mark.realdata
def test_real_muse_runs(realdata: Path) -> None:
    runs = [read_eeg(p) for p in sorted((realdata / "eeg" / "muse-n170").glob("*.csv"))]
    assert len(runs) == 6
    assert sum(len(run.markers) for run in runs) == 1174
    for run in runs:
        assert run.channel_names == ("TP9", "AF7", "AF8", "TP10")
        assert run.effective_hz == pytest.approx(256.0, rel=2e-4)
        assert run.duration_s == pytest.approx(120.0, abs=0.1)
        assert {m.label for m in run.markers} == {"1", "2"}


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "shape", "fs_hz", "n_markers"),
    [
        ("brainvision/test.vhdr", (7900, 26), 1000.0, 13),
        ("edf-bdf/test.edf", (3072, 138), 512.0, 5 + 13),
        ("edf-bdf/test.bdf", (2048, 72), 2048.0, 1),
    ],
)
def test_real_clinical_files(
    realdata: Path, name: str, shape: tuple[int, int], fs_hz: float, n_markers: int
) -> None:
    pytest.importorskip("mne")
    made = read_eeg(realdata / "eeg" / name)
    assert (made.data.shape, made.fs_hz, len(made.markers)) == (shape, fs_hz, n_markers)
    assert 0.1 < np.median(made.data.std(axis=0)) < 2000.0


@pytest.mark.realdata
def test_triggers_of_a_real_status_channel(realdata: Path) -> None:
    pytest.importorskip("mne")
    made = read_eeg(realdata / "eeg" / "edf-bdf" / "test.bdf")
    assert [(m.t_s, m.label, m.stream) for m in made.markers] == [(589 / 2048, "128", "Status")]
