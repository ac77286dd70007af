"""The check before a live session: real streams in another process, the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.system.acquisition_rig import Rig

SENDER = """
import sys
from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import EegFormat
from acquisition.lsl.outlet import EegOutlet, MarkerOutlet
configure_lsl(LslConfig(session_id=sys.argv[1]))
eeg = [EegOutlet(name, EegFormat(250.0, ("Oz",))) for name in sys.argv[2].split(",")]
marks = [MarkerOutlet(name) for name in sys.argv[3].split(",") if name]
print("up", flush=True)
sys.stdin.readline()
"""


class Senders:
    def __init__(self) -> None:
        self.session = f"test-{uuid.uuid4().hex[:10]}"
        self._running: list[subprocess.Popen[str]] = []

    def start(self, eeg: str, markers: str = "") -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", SENDER, self.session, eeg, markers],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"

    def stop(self) -> None:
        for process in self._running:
            process.communicate("\n", timeout=10)


@pytest.fixture
def session_file(tmp_path: Path) -> Path:
    path = tmp_path / "session.toml"
    path.write_text(
        'person = "p01"\nmodality = "eeg"\n'
        '[source]\nkind = "lsl-eeg"\nsource_ids = ["cap-1", "marks"]\n'
    )
    return path


def phosphene(*arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "phosphene.cli", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout


def test_a_session_starts_only_with_its_streams(session_file: Path) -> None:
    senders = Senders()
    check = ("live", session_file, "--lsl-session", senders.session, "--wait", "2")
    try:
        senders.start("cap-1,the-neighbours-cap")
        status, said = phosphene(*check)
        assert status == 1
        assert "ok       EEG 'cap-1': there" in said
        assert "ERROR    markers 'marks': missing" in said
        assert "'the-neighbours-cap': EEG" in said
        assert "the session does not start" in said
        assert "all nodes are ready" not in said
        senders.start("cap-1")
        status, said = phosphene(*check, "--check", "--without", "marks")
        assert status == 1
        assert "EEG 'cap-1': several" in said
        assert "markers 'marks': left out" in said
    finally:
        senders.stop()


def test_a_live_run_without_its_stream_says_so_in_red() -> None:
    source = {"kind": "lsl-eeg", "source_ids": ["no-such-cap"]}
    session = {"person": "p01", "modality": "eeg", "source": source}
    with Rig(session, mode="live", nodes=("recorder", "acquisition")) as rig:
        rig.start("acquisition")
        rig.go("acquisition")
        rig.until(lambda: rig.count("acquisition", "stale") == 2)
        rig.until(lambda: "no LSL stream with source id no-such-cap" in rig.note("acquisition"))
