"""A live session on a folder that another process, the simulated scanner, writes to."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from phosphene.bundle import Bundle
from phosphene.seal.bundles import seal_bundle
from phosphene.seal.keys import StewardKey
from phosphene.seal.passphrase import VARIABLE
from tests.system.chain import (
    SCANNED,
    opened,
    percepts,
    report,
    running,
    steward,
    volumes_told,
    wait_for,
)
from tests.system.conftest import TR_S, Participant

VOLUMES = 24
PHRASE = "correct horse battery"
FAULTS = {4: "truncate", 7: "duplicate", 9: "other_series", 11: "foreign", 13: "other_matrix"}


def scanner(participant: Participant, folder: Path, *faults: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "acquisition.simulate", "scanner", "--seed", "3", "--to",
            str(folder), "--tr", str(TR_S), "--volumes", str(VOLUMES),
            "--programme", str(participant.programme), *faults,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def live(participant: Participant, tmp_path: Path, *faults: str) -> tuple[Path, str, StewardKey]:
    """Run a live session to the end of a simulated scan; return folder, words and its key.

    Decoder and recording are sealed, both to that key.
    """
    (tmp_path / "incoming").mkdir()
    session, out = tmp_path / "session.toml", tmp_path / "out"
    key, public = steward(tmp_path)
    decoder = tmp_path / "decoder.phos.sealed"
    seal_bundle(Bundle.load(participant.bundle), decoder, [key.public], datetime.now(UTC))
    key.save(tmp_path / "lab.key", tmp_path / "again.pub", PHRASE, cost=2**4)
    words = {"person": participant.person, "bundle": decoder, "folder": "incoming"}
    session.write_text(SCANNED.format(**words))
    with (
        patch.dict(os.environ, {VARIABLE: PHRASE}),
        running(
            "live", session, "--consent", participant.consent, "--confirmed-by", "test",
            "--out", out, "--seal", public, "--key", tmp_path / "lab.key",
            "--programme", participant.programme, runtime=tmp_path / "run", log=tmp_path / "log",
        ) as run,
    ):  # fmt: skip
        wait_for("readiness", lambda: "all nodes are ready" in run.said(), 60)
        with scanner(participant, tmp_path / "incoming", *faults) as hardware:
            assert hardware.wait(60) == 0
        bridge = out / "logs" / "bridge.log"
        # Ctrl-C ends a live session; the last volume needs a moment to come through.
        wait_for("the last volume", lambda: volumes_told(run.said()) >= VOLUMES - 3, 20)
        assert run.end() == 0
    return out, bridge.read_text(), key


def test_a_live_session_shows_pictures_and_ends_on_ctrl_c(
    participant: Participant, tmp_path: Path
) -> None:
    out, _words, key = live(participant, tmp_path)
    with opened(out, key):
        found = report(out)
        assert (found["exit_status"], found["reason"]) == ("success", "stopped by the operator")
        assert found["counts"]["volumes"] == VOLUMES
        assert found["counts"]["volumes_lost"] == 0
        assert found["counts"]["frames_passed"] > 100
        assert len(percepts(out)) > VOLUMES // 2


def test_bad_files_are_named_and_the_session_goes_on(
    participant: Participant, tmp_path: Path
) -> None:
    # twice as fast as a scanner: what is tested are the files
    faults = ["--speed", "2"]
    faults += [part for k, kind in FAULTS.items() for part in ("--fault", f"{k}:{kind}")]
    out, words, key = live(participant, tmp_path, *faults)
    with opened(out, key):
        counts = report(out)["counts"]
        # Only the truncated file and the one of another size had the volume's only data.
        assert VOLUMES - 3 <= counts["volumes"] <= VOLUMES
        assert counts["volumes"] + counts["volumes_lost"] == VOLUMES
        assert len(percepts(out)) > 5
    for cause in ("whole file", "series", "no DICM mark", "matrix (60, 60, 24)"):
        assert cause in words, words
    assert "Traceback" not in words
