"""A canary in every field of every file leaves no trace in a live session or a replay."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
import pytest

from acquisition.bridge.sources import Replay
from acquisition.bridge.timeline import VolumeItem
from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import VolumeFormat
from acquisition.sources.dicom import DicomReader
from acquisition.sources.recording import open_recording
from tests.canary import FILE_STEM, WORD, every_part, seeded, traces_in
from tests.finished_series import read_folder
from tests.system.chain import (
    SCANNED,
    Running,
    opened,
    phosphene,
    put,
    report,
    running,
    steward,
    volumes_told,
    wait_for,
)
from tests.system.conftest import TR_S, Participant

VOLUMES = 16
LOOK = """
import sys
import pylsl
from acquisition.lsl.config import LslConfig, configure_lsl

configure_lsl(LslConfig(session_id=sys.argv[1]))
for info in pylsl.resolve_streams(wait_time=1.5):
    print(pylsl.StreamInlet(info).info(timeout=5.0).as_xml())
"""


def assert_silent(what: str, content: bytes | str) -> None:
    traces = traces_in(content)
    assert traces == [], f"{what}: {traces}"


def streams(run: Running) -> Iterator[str]:
    """Descriptions of the run's LSL streams, its sockets' names, and how processes are called."""
    folder = run.folder()
    assert folder is not None
    # liblsl keeps one session for a whole process, hence another one
    session = json.loads((folder / "plan.json").read_text())["lsl_session"]
    look = [sys.executable, "-c", LOOK, session]
    found = subprocess.run(look, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "phosphene-volumes" in found
    assert "phosphene-markers" in found
    yield found
    for path in folder.rglob("*"):
        if path.name == "plan.json":
            continue  # where the files are is what the bridge has to know
        yield path.name
        if path.is_file():
            yield path.read_bytes().decode("latin-1")
    for child in psutil.Process(run.process.pid).children(recursive=True):
        yield " ".join(child.cmdline())


def test_a_live_session_holds_nothing_of_it(participant: Participant, tmp_path: Path) -> None:
    incoming = tmp_path / FILE_STEM
    incoming.mkdir()
    originals = [path.read_bytes() for path in sorted(participant.dicom.iterdir())[: VOLUMES + 3]]
    files = [seeded(raw) for raw in originals]
    session, out = tmp_path / "session.toml", tmp_path / "out"
    key, public = steward(tmp_path)
    words = {"person": participant.person, "bundle": participant.bundle, "folder": FILE_STEM}
    session.write_text(SCANNED.format(**words))
    with running(
        "live", session, "--consent", participant.consent, "--confirmed-by", "test", "--out", out,
        "--seal", public, "--programme", participant.programme,
        runtime=tmp_path / "run", log=tmp_path / "log",
    ) as run:  # fmt: skip
        wait_for("readiness", lambda: "all nodes are ready" in run.said(), 60)
        for k in range(VOLUMES):
            put(incoming, f"{FILE_STEM}_{k + 1:04d}.dcm", files[k])
            if k == 3:
                for name, raw in faults(files, originals):
                    put(incoming, name, raw)
        bridge = out / "logs" / "bridge.log"
        # all faults are told, and the volumes have come through, before the end is asked for
        wait_for("the refusals", lambda: bridge.read_text().count("left out") >= 5, 30)
        for described in streams(run):
            assert_silent("streams", described)
        wait_for("the volumes", lambda: volumes_told(run.said()) >= VOLUMES - 3, 20)
        assert run.end() == 0
    with opened(out, key):
        assert report(out)["counts"]["volumes"] >= VOLUMES - 1
        seen = [(name, content) for name, content in every_part(out)]
    assert any(name.endswith("/features") or "features" in name for name, _ in seen)
    assert any(name.endswith(".log") for name, _ in seen)
    for name, content in seen:
        assert_silent(name, content)
    assert_silent("stdout", run.said())


def faults(files: list[bytes], originals: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Files that are refused, each for another reason."""
    yield f"{FILE_STEM}_0901.dcm", seeded(originals[VOLUMES], malformed=True)
    yield "1937-04-12_0905.dcm", seeded(originals[VOLUMES], malformed=True)
    yield f"{FILE_STEM}_0902.dcm", files[VOLUMES + 1][:9000]
    yield f"{FILE_STEM}_0903.dcm", originals[VOLUMES + 2]  # another series
    yield f"{FILE_STEM}.{WORD}.txt", f"{WORD} was born on 1937-04-12".encode() * 20
    yield (
        f"{FILE_STEM}_0904.dcm",
        files[0].replace(b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.276.0.73164.29.31337\0\0"),
    )


def nifti(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    """Write a NIfTI-1 file whose header names somebody, with a comment of 128 bytes behind it."""
    image = nib.Nifti1Image(data, affine)
    header = image.header
    header["descrip"], header["aux_file"] = WORD.encode(), WORD.encode()
    header["db_name"], header["intent_name"] = WORD.encode(), WORD.encode()
    header.set_xyzt_units("mm", "sec")
    header["pixdim"][4] = TR_S
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", WORD.encode() * 10))
    image.to_filename(path)


def test_a_replay_holds_nothing_of_it(participant: Participant, tmp_path: Path) -> None:
    folder, out = tmp_path / FILE_STEM, tmp_path / "out"
    folder.mkdir()
    source = write_nifti(folder, participant, "bids")
    said = phosphene(
        "replay", source, "--speed", "max", "--bundle", participant.bundle, "--consent",
        participant.consent, "--out", out,
        runtime=tmp_path / "run",
    )  # fmt: skip
    assert report(out)["counts"]["volumes"] == VOLUMES
    assert_silent("stdout", said)
    for name, content in every_part(out):
        assert_silent(name, content)


@pytest.mark.parametrize("kind", ["dicom", "nifti-folder"])
def test_what_a_bridge_replays_holds_nothing_of_it(
    participant: Participant, tmp_path: Path, kind: str
) -> None:
    """All that leaves the bridge of such a recording, without the processes behind it."""
    folder = tmp_path / FILE_STEM
    folder.mkdir()
    if kind == "dicom":
        for k, path in enumerate(sorted(participant.dicom.iterdir())[:VOLUMES]):
            (folder / f"{FILE_STEM}_{k + 1:04d}.dcm").write_bytes(seeded(path.read_bytes()))
    else:
        write_nifti(folder, participant, kind)
    (folder / f"{FILE_STEM}_0005.{'dcm' if kind == 'dicom' else 'nii'}").write_bytes(
        b"\0" * 128 + b"DICM" + WORD.encode() * 99
    )
    replay = Replay(open_recording(folder), 0, 1.0)
    # the settings that the other tests of this process use: liblsl keeps the first
    configure_lsl(LslConfig(session_id=f"phosphene-test-{os.getpid()}"))
    layout = replay.layout()
    assert isinstance(layout, VolumeFormat)
    assert_silent("stream", layout.info("volumes").as_xml())
    taken = []
    while not replay.ended():
        taken.append(item := replay.take())
        assert_silent("item", repr(item))
        if isinstance(item, VolumeItem):
            assert_silent("volume", f"{item.volume} {item.volume.affine}")
            assert_silent("pixels", item.volume.data.tobytes())
    assert len([item for item in taken if isinstance(item, VolumeItem)]) == VOLUMES - 1
    told = replay.complaints()
    assert len(told) == 1
    assert_silent("complaint", told[0])


def write_nifti(folder: Path, participant: Participant, kind: str) -> Path:
    """Write volumes as files of their own or as a BIDS run, each with a sidecar that says much."""
    volumes = list(islice(read_folder(participant.dicom, DicomReader(b"k" * 32)), VOLUMES))
    data, affine = np.stack([v.data for v in volumes], -1).astype(np.int16), volumes[0].affine
    sidecar = {
        "RepetitionTime": TR_S, "TaskName": "look", "PatientName": WORD, "InstitutionName": WORD,
        "AcquisitionTime": "03:41:27.918273", "ConversionSoftware": WORD, "PatientWeight": 73164.29,
        "SeriesInstanceUID": "1.2.276.0.73164.29.31337.2", "global": {"const": {"PatientID": WORD}},
    }  # fmt: skip
    if kind == "nifti-folder":
        for k in range(data.shape[3]):
            nifti(folder / f"{FILE_STEM}_{k + 1:04d}.nii", data[..., k], affine)
        (folder / f"{FILE_STEM}.json").write_text(json.dumps(sidecar))
        return folder
    stem = f"sub-{WORD.lower()}_task-look_run-1"
    nifti(folder / f"{stem}_bold.nii.gz", data, affine)
    (folder / f"{stem}_bold.json").write_text(json.dumps(sidecar))
    (folder / f"{stem}_events.tsv").write_text("onset\tduration\ttrial_type\n2.0\t2.0\tface\n")
    return folder / f"{stem}_bold.nii.gz"


def test_a_start_that_fails_holds_nothing_of_it(tmp_path: Path) -> None:
    """The terminal names the file as it was typed; log, report and recording do not."""
    folder, out = tmp_path / FILE_STEM, tmp_path / "out"
    folder.mkdir()
    source = folder / f"{FILE_STEM}.xdf"
    source.write_text(f"{WORD} is not a recording")
    said = phosphene(
        "replay", source, "--speed", "max", "--out", out, runtime=tmp_path / "run", check=False
    )
    assert str(source) in said
    assert "not an XDF file" in said
    assert "Traceback" not in said
    assert "not an XDF file" in (out / "logs" / "bridge.log").read_text()
    for name, content in every_part(out):
        assert_silent(name, content)


def test_the_canary_is_seen_where_it_is(tmp_path: Path) -> None:
    """The search itself finds text, wide text, numbers and names."""
    (tmp_path / f"{WORD}.txt").write_text("nothing")
    (tmp_path / "wide.bin").write_bytes(WORD.encode("utf-16-le"))
    (tmp_path / "number.bin").write_bytes(struct.pack("<d", 73164.29))
    found = {name for name, content in every_part(tmp_path) if traces_in(content)}
    assert found == {f"{WORD}.txt", "wide.bin", "number.bin"}
    assert traces_in(gzip.compress(WORD.encode() * 9)) != [WORD]
