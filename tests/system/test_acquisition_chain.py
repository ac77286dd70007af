from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

from phosphene.messages import encode
from phosphene.recorder.writer import RecordingFile
from tests.system.acquisition_rig import Rig, bits, write_run

VOLUMES, TR_S = 36, 0.1


def fmri_session(path: Path, kind: str = "recording") -> dict[str, object]:
    return {"person": "t", "modality": "fmri", "source": {"kind": kind, "path": str(path)}}


def write_muse(folder: Path, seconds: int = 6) -> Path:
    rng = np.random.default_rng(3)
    rows = []
    for k in range(seconds * 256):
        values = ",".join(f"{v:.3f}" for v in 20 * rng.standard_normal(4))
        marker = 1 + (k // 150) % 2 if k % 150 == 149 else 0
        rows.append(f"{100 + k / 256:.6f},{values},{marker}")
    path = folder / "muse.csv"
    path.write_text("\n".join(["timestamps,TP9,AF7,AF8,TP10,Marker0", *rows]) + "\n")
    return path


def replayed(rig: Rig) -> None:
    rig.start("acquisition", "bridge")
    rig.go("acquisition", "bridge")
    rig.until(lambda: rig.done("acquisition", "bridge"))


def test_full_speed_loses_nothing_and_gives_the_bits_of_real_time(tmp_path: Path) -> None:
    session = fmri_session(write_run(tmp_path, VOLUMES, TR_S))
    found = []
    for speed in (None, None, 1.0):
        with Rig(session, speed=speed) as rig:
            replayed(rig)
            rig.until(lambda: len(rig.of("volume")) == VOLUMES)
            found.append(bits(rig.features()))
            events = [(e.header.t_data, e.header.label) for e in rig.events()]
            assert [label for _, label in events] == ["house", "face"] * 2
            np.testing.assert_allclose([t for t, _ in events], [0.0, 0.4, 0.8, 1.2], atol=1e-6)
            assert rig.count("acquisition", "volumes_lost") == 0
            assert rig.count("bridge", "unacknowledged") == 0
            assert len(rig.of("features")) == len(rig.of("quality")) == VOLUMES
    assert found[0] == found[1] == found[2]
    assert [index for index, _, _ in found[0]] == list(range(VOLUMES))
    assert len({x for _, _, x in found[0]}) == VOLUMES


def test_an_own_recording_replays_to_the_same_bits(tmp_path: Path) -> None:
    first_session = fmri_session(write_run(tmp_path, 20, 1.0))
    with Rig(first_session, speed=None) as rig:
        replayed(rig)
        rig.until(lambda: len(rig.of("features")) == len(rig.of("volume")) == 20)
        first, shown = bits(rig.features()), [e.header.label for e in rig.events()]
        recording = RecordingFile(tmp_path / "recording.mcap.part")
        for message in rig.recorded:
            recording.add(message, encode(message))
        path = recording.finish()
    with Rig(fmri_session(path), speed=None) as rig:
        replayed(rig)
        assert bits(rig.features()) == first
        assert [e.header.label for e in rig.events()] == shown
        assert rig.events()[0].header.detail == '{"duration_s": 2.0}'


def test_without_acknowledgement_full_speed_waits_instead_of_losing(tmp_path: Path) -> None:
    session = fmri_session(write_run(tmp_path, 90, TR_S))
    with Rig(session, speed=None) as rig:
        rig.acknowledge = False
        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        rig.until(lambda: len(rig.features()) == 32)
        # 32 features on their way, 8 volumes beyond them: then everybody waits.
        rig.until(lambda: rig.count("bridge", "volumes_pushed") == 40)
        still = rig.clock.now() + 1.0
        rig.until(lambda: rig.clock.now() > still)
        assert len(rig.features()) == 32
        assert rig.count("bridge", "volumes_pushed") == 40
        rig.acknowledge = True
        rig.until(lambda: rig.done("acquisition", "bridge"))
        assert [m.header.index for m in rig.features()] == list(range(90))
        assert rig.count("acquisition", "features_unacknowledged") == 0


def test_eeg_epochs_are_the_same_bits_at_any_speed(tmp_path: Path) -> None:
    source = {
        "kind": "recording",
        "path": str(write_muse(tmp_path)),
        "labels": {"1": "house", "2": "face"},
    }
    session = {"person": "t", "modality": "eeg", "source": source}
    found = []
    for speed in (None, 3.0):
        with Rig(session, speed=speed) as rig:
            replayed(rig)
            assert rig.count("acquisition", "samples") == 6 * 256
            assert rig.count("acquisition", "samples_lost") == 0
            assert {e.header.label for e in rig.events()} == {"house", "face"}
            found.append(bits(rig.features()))
    assert found[0] == found[1]
    assert len(found[0]) >= 8


def test_a_live_amplifier_with_its_markers(tmp_path: Path) -> None:
    source_id = "amplifier-of-a-test"
    source = {"kind": "lsl-eeg", "source_ids": [source_id, f"{source_id}-markers"]}
    session = {"person": "t", "modality": "eeg", "source": source}
    programme = tmp_path / "programme.json"
    module = [sys.executable, "-m", "acquisition.simulate"]
    made = [*module, "programme", "--seconds", "22", "--out", str(programme)]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    nodes = ("recorder", "decoder", "acquisition")
    with Rig(session, mode="live", nodes=nodes) as rig:
        rig.start("acquisition")
        rig.go("acquisition")
        command = [*module, "eeg", "--programme", str(programme), "--source-id", source_id]
        command += ["--session", rig.plan.lsl_session, "--speed", "4"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as amplifier:
            rig.until(lambda: rig.count("acquisition", "epochs") == 6)
            assert amplifier.wait(20) == 0
        events = rig.events()
        assert [e.header.t_data for e in events] == [6.0 + k for k in range(6)]
        assert all('"category"' in e.header.detail for e in events)
        assert [m.header.t_event for m in rig.features()] == [6.0 + k for k in range(6)]
        assert rig.count("acquisition", "samples_lost") == 0


def test_a_watched_folder_survives_every_fault_of_a_scanner(tmp_path: Path) -> None:
    (tmp_path / "old.dcm").write_bytes(b"of an earlier series")
    session = fmri_session(tmp_path, "dicom-folder")
    faults = ["2:duplicate", "4:foreign", "5:other_series", "6:slow_copy", "7:truncate", "9:drop"]
    with Rig(session, mode="live") as rig:
        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        command = [sys.executable, "-m", "acquisition.simulate", "scanner", "--to", str(tmp_path)]
        command += ["--volumes", "14", "--tr", "1.0", "--speed", "4", "--seed", "1"]
        command += [part for fault in faults for part in ("--fault", fault)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rig.until(lambda: rig.count("acquisition", "volumes") == 12)
        indices = [m.header.index for m in rig.features()]
        assert indices == [k for k in range(14) if k not in (7, 9)]
        rig.until(lambda: rig.count("acquisition", "volumes_lost") == 2)
        rig.until(lambda: rig.count("bridge", "duplicates") == 1)
        rig.until(lambda: rig.count("bridge", "second_series") == 1)
        rig.until(lambda: rig.count("bridge", "gaps") == 2)
        rig.until(lambda: rig.count("bridge", "foreign_files") == 1)
        rig.until(lambda: rig.count("bridge", "truncated") == 1)
        rig.until(lambda: "file left out" in rig.note("bridge"))


def killed(rig: Rig, name: str, features: int) -> None:
    """Kill a node once there are so many features, and start it again as a supervisor does."""
    rig.until(lambda: len(rig.features()) >= features)
    process = rig.processes.pop(name)
    process.kill()
    process.wait()
    rig.start(name)
    rig.go(name)


def test_full_speed_loses_nothing_when_either_end_is_killed(tmp_path: Path) -> None:
    session = fmri_session(write_run(tmp_path, 70, 1.0))
    with Rig(session, speed=None) as rig:
        rig.acknowledge = False
        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        rig.until(lambda: rig.count("bridge", "volumes_pushed") == 40)
        killed(rig, "acquisition", 32)
        rig.until(lambda: rig.count("bridge", "repeated") > 0)
        killed(rig, "bridge", 40)
        rig.acknowledge = True
        rig.until(lambda: rig.done("acquisition", "bridge"))
        assert [m.header.index for m in rig.features()] == list(range(70))
        assert rig.count("acquisition", "volumes_lost") == 0


def test_in_real_time_what_a_killed_end_missed_is_counted(tmp_path: Path) -> None:
    # long enough to go on while nodes start again on a busy machine; nobody waits for its end
    session = fmri_session(write_run(tmp_path, 900, 0.1))
    with Rig(session, speed=1.0) as rig:
        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        killed(rig, "acquisition", 10)
        rig.until(lambda: rig.count("acquisition", "volumes_lost") > 0)
        killed(rig, "bridge", 20)
        seen = len(rig.features())
        rig.until(lambda: len(rig.features()) >= seen + 10)
        # One volume may be on its way at each kill: sent and not yet noted, or the other way round.
        rig.until(lambda: abs(unaccounted(rig)) <= 2)
        indices = [m.header.index for m in rig.features()]
        assert indices == sorted(set(indices)), "a volume came twice or out of order"


def unaccounted(rig: Rig) -> int:
    """Return how many volumes up to the newest neither came nor are counted as lost."""
    told = len(rig.features()) + rig.count("acquisition", "volumes_lost")
    return int(rig.features()[-1].header.index) + 1 - told


def test_slice_times_regions_and_maps_go_through_the_chain_and_its_own_recording(
    tmp_path: Path,
) -> None:
    source = write_run(tmp_path, 40, 1.0)
    slices = {"RepetitionTime": 1.0, "SliceTiming": [0.1 * k for k in range(10)]}
    (tmp_path / "run_bold.json").write_text(json.dumps(slices))
    region = np.zeros((32, 36, 20), np.float32)
    region[12:20, 12:20, 8:12] = 1.0
    fine = np.diag([1.5, 1.5, 2.0, 1.0])
    fine[:3, 3] = (-0.75, -0.75, -1.0)
    nib.save(nib.Nifti1Image(region, fine), tmp_path / "roi.nii.gz")
    fmri = {"rois": {"middle": str(tmp_path / "roi.nii.gz")}, "slice_timing": "linear",
            "smooth_mm": 4.0, "contrasts": ["face", "face - house"]}  # fmt: skip
    found = []
    for kind in (source, tmp_path / "recording.mcap"):
        session = {**fmri_session(kind), "acquisition": {"fmri": fmri}}
        with Rig(session, speed=None) as rig:
            replayed(rig)
            rig.until(lambda r=rig: len(r.of("statmap")) == 2)  # type: ignore[misc]
            maps = [(m.header.contrast, m.arrays["t"].tobytes()) for m in rig.of("statmap")]
            assert [contrast for contrast, _ in maps] == ["face", "face - house"]
            (placed,) = rig.of("regions")
            assert placed.header.names == ("middle",)
            assert int(placed.arrays["labels"].sum()) == 4 * 4 * 2
            first = rig.of("volume")[0].header
            np.testing.assert_allclose(first.slice_times_s, slices["SliceTiming"])
            last = rig.of("quality")[-1].header.values
            assert {"fd_mm", "dvars_psc", "tsnr", "roi_middle_psc", "volumes"} <= set(last)
            found.append((bits(rig.features()), maps))
            if kind == source:
                recording = RecordingFile(tmp_path / "recording.mcap.part")
                for message in rig.recorded:
                    recording.add(message, encode(message))
                recording.finish()
    assert found[0] == found[1]
    assert len(found[0][0]) == 40


def test_betas_of_slice_timed_volumes_are_the_same_bits_at_any_speed_and_in_a_replay(
    tmp_path: Path,
) -> None:
    tr_s, recorded = 0.25, tmp_path / "recording.mcap"
    source = write_run(tmp_path, VOLUMES, tr_s)
    slices = {"RepetitionTime": tr_s, "SliceTiming": [0.02 * k for k in range(10)]}
    (tmp_path / "run_bold.json").write_text(json.dumps(slices))
    fmri = {"features": "beta", "beta_delay_s": 2.0, "slice_timing": "linear"}
    found = []
    for path, speed in ((source, None), (source, 3.0), (recorded, None)):
        session = {**fmri_session(path), "acquisition": {"fmri": fmri}}
        with Rig(session, speed=speed) as rig:
            replayed(rig)
            rig.until(lambda r=rig: len(r.of("volume")) == VOLUMES)  # type: ignore[misc]
            betas = [(m.header.t_event, m.header.note, m.header.ready) for m in rig.features()]
            found.append((bits(rig.features()), betas))
            if not recorded.exists():
                recording = RecordingFile(tmp_path / "recording.mcap.part")
                for message in rig.recorded:
                    recording.add(message, encode(message))
                recording.finish()
    assert found[0] == found[1] == found[2]
    assert [note for _, note, _ in found[0][1]] == ["house", "face"] * 2
    assert found[0][1][-1][2], "the last is determined"
    assert len({x for _, _, x in found[0][0]}) >= 2
