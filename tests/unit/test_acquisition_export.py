from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyxdf

from acquisition.export.bids_facts import bad_channels
from acquisition.export.own_eeg import owner_of
from acquisition.sources.eeg import EegRecording, read_eeg
from phosphene.cli import main
from phosphene.consent import Consent, Scope
from phosphene.consent.withdrawal import withdraw
from phosphene.messages import Event, Message, Quality, RunStart, Samples, describe, encode
from phosphene.recorder.writer import RecordingFile
from phosphene.release import release

FS_HZ = 100.0
T0_S = 5000.0
NAMES = ("Oz", "Pz", "Cz")


def stamp(seq: int, t_acquired: float = T0_S) -> dict[str, Any]:
    return {"run": "r7", "seq": seq, "t_acquired": t_acquired, "t_sent": 0.0, "producer": "x"}


def values() -> np.ndarray:
    rng = np.random.default_rng(5)
    data = rng.normal((4000.0, 0.0, -4000.0), 30, (1000, 3)).astype(np.float32)
    data[400:450] = np.nan
    return data


def record(path: Path, **told: str) -> np.ndarray:
    """Write 10 s of EEG with half a second missing and two events; return the samples."""
    data = values()
    facts: dict[str, Any] = {
        "person": "p-01",
        "mode": "live",
        "modality": "eeg",
        "t_wall": 0.0,
        "facts": told,
    }
    messages = [Message(RunStart(**stamp(0), **facts))]
    for first in range(0, 1000, 50):
        block = {"samples": data[first : first + 50]}
        specs = describe(block, {"samples": ("time", "channel")}, {"samples": "uV"})
        header = Samples(
            **stamp(first, T0_S + (first + 49) / FS_HZ), arrays=specs, stream="cap",
            first_index=first, fs_hz=FS_HZ, t_data=first / FS_HZ, channels=NAMES,
        )  # fmt: skip
        if first != 400:
            messages.append(Message(header, block))
    for t_s, label, length_s in ((1.23, "face", 0.5), (7.0, "house", 0.0)):
        shown = Event(
            **stamp(0), t_data=t_s, label=label, stream="cap-markers", duration_s=length_s
        )
        messages.append(Message(shown))
    for index, flags in enumerate((8, 8, 9, 0)):
        judged = {"flags_Oz": 0.0, "flags_Pz": float(flags)}
        messages.append(Message(Quality(**stamp(0), index=index, t_data=1.0, values=judged)))
    file = RecordingFile(path.with_name(path.name + ".part"))
    for message in messages:
        file.add(message, encode(message))
    file.finish()
    return data


def let_go(folder: Path, since_s: float = 60) -> None:
    """Release the run of a folder, as somebody did a while ago."""
    run = owner_of(folder, None).run
    then = datetime.now(UTC) - timedelta(seconds=since_s)
    release(folder, run, "AB", then, lambda *_a, **_k: "")


def consent(folder: Path, *scopes: str, person: str = "p-01") -> Path:
    path = folder / "consent.json"
    expires = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    path.write_text(json.dumps({"person": person, "scopes": scopes, "expires": expires}))
    return path


def test_xdf_holds_the_same_samples_and_markers(tmp_path: Path) -> None:
    data = record(tmp_path / "recording.mcap")
    consent(tmp_path, "export")
    let_go(tmp_path)
    out = tmp_path / "run.xdf"
    arguments = ["export", str(tmp_path / "recording.mcap"), "--format", "xdf", "--out", str(out)]
    assert main(arguments) == 0
    streams, _ = pyxdf.load_xdf(out, dejitter_timestamps=False)
    eeg = next(s for s in streams if s["info"]["type"] == ["EEG"])
    marks = next(s for s in streams if s["info"]["type"] == ["Markers"])
    assert eeg["time_series"].tobytes() == data.tobytes()
    np.testing.assert_allclose(eeg["time_stamps"], T0_S + np.arange(1000) / FS_HZ, atol=1e-9)
    more = next(s for s in streams if s["info"]["type"] == ["MarkerDetails"])
    assert [row[0] for row in marks["time_series"]] == ["face", "house"]
    assert [json.loads(row[0])["duration"] for row in more["time_series"]] == [0.5, 0.0]
    origins = [s["info"]["desc"][0]["original"][0]["source_id"] for s in (eeg, marks)]
    assert origins == [["cap"], ["cap-markers"]]
    np.testing.assert_allclose(marks["time_stamps"], [T0_S + 1.23, T0_S + 7.0], atol=1e-9)
    again = read_eeg(out)
    np.testing.assert_array_equal(again.data, data)
    assert [(m.label, m.duration_s) for m in again.markers] == [("face", 0.5), ("house", 0.0)]
    assert "p-01" not in out.read_bytes().decode("latin1")
    assert main(arguments) == 1  # nothing is overwritten


@pytest.mark.filterwarnings("ignore")
def test_bids_holds_the_same_samples_and_markers(tmp_path: Path) -> None:
    mne_bids = pytest.importorskip("mne_bids")
    data = record(tmp_path / "recording.mcap")
    allowed = consent(tmp_path, "export")
    let_go(tmp_path)
    root = tmp_path / "set"
    for _ in range(2):
        status = main(["export", str(tmp_path), "--format", "bids", "--out", str(root),
                       "--consent", str(allowed), "--task", "faces",
                       "--mains-hz", "60"])  # fmt: skip
        assert status == 0
    place = mne_bids.BIDSPath(
        subject="p01", task="faces", run="02", datatype="eeg", suffix="eeg", root=root,
        extension=".vhdr",
    )  # fmt: skip
    raw = mne_bids.read_raw_bids(place, verbose="error")
    assert raw.ch_names == list(NAMES)
    got = raw.get_data().T * 1e6
    np.testing.assert_array_equal(np.isnan(got), np.isnan(data))
    np.testing.assert_allclose(got, data, rtol=3e-7, atol=0)  # float32, stored in steps of 0.1 uV
    rows = (place.directory / "sub-p01_task-faces_run-02_events.tsv").read_text().splitlines()
    table = [dict(zip(rows[0].split("\t"), row.split("\t"), strict=True)) for row in rows[1:]]
    told = [(float(r["onset"]), float(r["duration"]), r["trial_type"]) for r in table]
    assert told == [(1.23, 0.5, "face"), (4.0, 0.5, "BAD_lost"), (7.0, 0.0, "house")]
    assert [r["value"] for r in table] == ["face", "n/a", "house"]
    sidecar = json.loads(place.copy().update(extension=".json").fpath.read_text())
    assert (sidecar["Manufacturer"], sidecar["PowerLineFrequency"]) == ("n/a", 60)
    channels = place.copy().update(suffix="channels", extension=".tsv").fpath.read_text()
    state = {r.split("\t")[0]: r.split("\t")[-2:] for r in channels.splitlines()[1:]}
    assert state["Oz"] == ["good", "n/a"]
    assert state["Pz"] == ["bad", "noisy in 75 % of 4 epochs"]
    assert "date of measurement is left out" in (root / "README").read_text()
    again = read_eeg(Path(place.fpath))
    assert again.data.shape == data.shape


def test_a_channel_that_never_moves_is_bad_without_any_epoch() -> None:
    data = values()
    data[:, 1] = 7.0
    held = EegRecording("r", data, FS_HZ, NAMES)
    assert list(bad_channels(held, {})) == ["Pz"]
    assert bad_channels(held, {"Cz": [8, 0, 0]})["Pz"].startswith("flat over the whole run")


@pytest.mark.parametrize(
    ("scopes", "person", "why"),
    [
        (("record_brain",), "p-01", "does not include export"),
        (("export",), "p-02", "is for 'p-02'"),
        (None, "", "no consent file"),
    ],
)
def test_nothing_leaves_without_the_scope(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    scopes: tuple[str, ...] | None,
    person: str,
    why: str,
) -> None:
    record(tmp_path / "recording.mcap")
    if scopes is not None:
        consent(tmp_path, *scopes, person=person)
    out = tmp_path / "run.xdf"
    assert main(["export", str(tmp_path), "--format", "xdf", "--out", str(out)]) == 1
    assert why in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("kind", ["xdf", "bids"])
def test_nothing_leaves_unnoted_or_after_its_own_consent_was_withdrawn(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    run = tmp_path / "run"
    run.mkdir()
    now = datetime.now(UTC)
    first = Consent(person="p-01", scopes=frozenset(Scope), expires=now + timedelta(hours=1))
    record(run / "recording.mcap", consent_id=first.id)
    consent(run, "export")  # a second one, which holds
    let_go(run)
    out = tmp_path / "out"
    export = ["export", str(run), "--format", kind, "--out", str(out)]
    with monkeypatch.context() as broken:
        broken.setattr("acquisition.export.cli.note", lambda *_a, **_k: "the disk is full")
        assert main(export) == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not out.exists()
    withdraw(first, "participant", now)
    for command in (export, ["replay", str(run), "--speed", "max", "--headless"]):
        assert main(command) == 1
        assert "withdrawn" in capsys.readouterr().err
    assert not out.exists()


def test_nothing_leaves_before_the_release_and_its_delay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    record(tmp_path / "recording.mcap")
    consent(tmp_path, "export")
    out = tmp_path / "run.xdf"
    export = ["export", str(tmp_path), "--format", "xdf", "--out", str(out)]
    assert main(export) == 1
    assert "phosphene release" in capsys.readouterr().err
    assert main(["release", str(tmp_path)]) == 1, "nobody is named"
    assert main(["release", str(tmp_path), "--by", "AB"]) == 0
    assert main(export) == 1
    assert "held until" in capsys.readouterr().err
    let_go(tmp_path)
    assert main(["release", str(tmp_path), "--withdraw"]) == 0
    assert main(export) == 1
    assert not out.exists()
    let_go(tmp_path)
    assert main(export) == 0
