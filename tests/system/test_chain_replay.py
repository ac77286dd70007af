"""Replays through every process: identical percepts, nothing lost, nothing without consent."""

from __future__ import annotations

import signal
import stat
from pathlib import Path

import psutil
import pytest

from tests.system.chain import percepts, phosphene, report, running, wait_for
from tests.system.conftest import VOLUMES, Participant


@pytest.fixture(scope="module")
def first(participant: Participant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One replay at full speed, for several tests to look at."""
    folder = tmp_path_factory.mktemp("first")
    phosphene(
        "replay", participant.dicom, "--bundle", participant.bundle, "--consent",
        participant.consent, "--speed", "max", "--out", folder / "out", runtime=folder / "run",
    )  # fmt: skip
    return folder / "out"


def test_full_speed_loses_nothing(first: Path) -> None:
    counts = report(first)["counts"]
    assert counts["volumes"] == VOLUMES
    assert counts["volumes_lost"] == 0
    assert counts["percepts"] > VOLUMES // 2
    assert counts["frames"] == counts["percepts"] == counts["frames_passed"]


def test_every_part_of_the_report_is_there(first: Path) -> None:
    for name in ("report.json", "report.html", "preview.mp4", "recording.mcap"):
        assert (first / name).stat().st_size > 1000, name
    for path in (first, *first.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, f"{path} is open to others"
    assert not list(first.glob("*.part"))
    latency = report(first)["latency_ms"]
    for stage in ("acquired_to_features", "features_to_percept", "percept_to_frame"):
        assert 0 <= latency[stage]["p50"] <= latency[stage]["p99"], stage


@pytest.mark.parametrize(("speed", "volumes"), [("max", VOLUMES), ("1", VOLUMES // 2)])
def test_percepts_are_bit_identical_at_any_speed(
    participant: Participant, first: Path, tmp_path: Path, speed: str, volumes: int
) -> None:
    """In real time half of the run is replayed: its percepts know nothing of the other half."""
    (tmp_path / "dicom").mkdir()
    for path in sorted(participant.dicom.iterdir())[:volumes]:
        (tmp_path / "dicom" / path.name).hardlink_to(path)
    phosphene(
        "replay", tmp_path / "dicom", "--bundle", participant.bundle, "--consent",
        participant.consent, "--speed", speed, "--out", tmp_path / "out", runtime=tmp_path / "run",
    )  # fmt: skip
    assert report(tmp_path / "out")["counts"]["volumes"] == volumes
    reference = [percept for percept in percepts(first) if percept[0] < volumes]
    assert len(reference) > volumes // 2
    assert percepts(tmp_path / "out") == reference


def test_our_own_recording_can_be_replayed(
    participant: Participant, first: Path, tmp_path: Path
) -> None:
    phosphene(
        "replay", first / "recording.mcap", "--bundle", participant.bundle, "--consent",
        participant.consent, "--speed", "max", "--out", tmp_path / "out", runtime=tmp_path / "run",
    )  # fmt: skip
    assert percepts(tmp_path / "out") == percepts(first)


def test_without_consent_nothing_is_decoded_or_shown(
    participant: Participant, tmp_path: Path
) -> None:
    said = phosphene(
        "replay", participant.dicom, "--bundle", participant.bundle, "--speed", "max",
        "--out", tmp_path / "out", runtime=tmp_path / "run",
    )  # fmt: skip
    assert "no consent file was given" in said
    counts = report(tmp_path / "out")["counts"]
    assert counts["volumes"] == VOLUMES
    assert counts["percepts"] == 0
    assert counts["frames_passed"] == 0
    assert percepts(tmp_path / "out") == []


def test_a_bundle_for_another_person_is_refused(participant: Participant, tmp_path: Path) -> None:
    said = phosphene(
        "replay", participant.dicom, "--bundle", participant.bundle, "--person", "somebody-else",
        "--consent", participant.consent, runtime=tmp_path / "run", check=False,
    )  # fmt: skip
    assert participant.person in said
    assert "somebody-else" in said


def test_an_unwritable_output_folder_is_told_before_anything_starts(
    participant: Participant, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    said = phosphene(
        "replay", participant.dicom, "--out", blocked / "out", runtime=tmp_path / "run",
        check=False,
    )  # fmt: skip
    assert "cannot be written" in said
    assert "Traceback" not in said


def test_ctrl_c_finishes_the_recording_and_leaves_nothing(
    participant: Participant, tmp_path: Path
) -> None:
    out, runtime = tmp_path / "out", tmp_path / "run"
    with running(
        "replay", participant.dicom, "--bundle", participant.bundle, "--consent",
        participant.consent, "--speed", "1", "--out", out, runtime=runtime, log=tmp_path / "log",
    ) as run:  # fmt: skip
        wait_for("data", lambda: "all nodes are ready" in run.said(), 60)
        part = out / "recording.mcap.part"
        wait_for("recording", lambda: part.exists() and part.stat().st_size > 100_000, 20)
        children = psutil.Process(run.process.pid).children(recursive=True)
        run.process.send_signal(signal.SIGINT)
        run.process.wait(40)
    assert (out / "recording.mcap").exists()
    assert report(out)["exit_status"] == "abort"
    assert not [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]
    assert not list(runtime.glob("ph-*"))
