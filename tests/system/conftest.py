from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest


def module(name: str, arguments: Sequence[object]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", name, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        # Several BLAS threads on few busy cores are slower than one.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Participant:
    """A synthetic person: bundle, consent, and a DICOM recording of a later session."""

    person: str
    bundle: Path
    consent: Path
    programme: Path
    dicom: Path


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of the participant more time: the first one makes it."""
    for item in items:
        made_here = HERE in item.path.parents and "participant" in getattr(item, "fixturenames", ())
        if made_here and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(240))


TR_S = 0.5
VOLUMES = 48


@pytest.fixture(scope="session")
def participant(shared: Path) -> Participant:
    """A synthetic person, calibrated and scanned once for all processes of these tests."""
    folder = shared / "participant"
    with (shared / "participant.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "consent.toml").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _scan(folder)
    from phosphene.bundle import Bundle

    person = Bundle.load(folder / "bundle").manifest.person
    names = ("bundle", "consent.toml", "programme.json", "dicom")
    return Participant(person, *(folder / name for name in names))


def _scan(folder: Path) -> None:
    """Calibrate a synthetic person and write a session's DICOM files, as fast as possible."""
    data, bundle = folder / "calibration.npz", folder / "bundle"
    programme, dicom = folder / "programme.json", folder / "dicom"
    dicom.mkdir(parents=True)
    simulate = "acquisition.simulate"

    def calibrate() -> None:
        module(simulate, ["calibration", "--seed", 3, "--modality", "fmri", "--out", data,
                          "--tr", TR_S, "--runs", 3])  # fmt: skip
        module("decoder.fit", [data, "--out", bundle])

    def scan() -> None:
        seconds = VOLUMES * TR_S
        module(simulate, ["programme", "--seed", 11, "--seconds", seconds, "--out", programme])
        module(simulate, ["scanner", "--seed", 3, "--to", dicom, "--tr", TR_S, "--volumes", VOLUMES,
                          "--programme", programme, "--speed", "max"])  # fmt: skip

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(calibrate), pool.submit(scan)]:
            done.result()
    from phosphene.bundle import Bundle

    person = Bundle.load(bundle).manifest.person
    # Last: with it the person is there.
    (folder / "consent.toml").write_text(
        f'person = "{person}"\nexpires = "2099-01-01"\n'
        'scopes = ["view_self", "view_operator", "record_brain", "record_images"]\n'
    )
