"""kill -9 of each node in turn: views blank, the recording stays readable, the chain comes back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from phosphene.messages import Header
from phosphene.recorder.reader import read_run
from tests.system.chain import Running, ViewWatch, report, running, wait_for
from tests.system.conftest import Participant

pytestmark = pytest.mark.timing

BLANK_WITHIN_S = 1.0
BACK_WITHIN_S = 30.0
LOST_AT_MOST_S = 0.5

NODES = ("decoder", "renderer", "sink", "gate", "acquisition", "bridge", "recorder")


def kill(run: Running, name: str) -> float:
    process = run.node(name)
    assert process is not None, f"{name} does not run"
    killed_s = time.monotonic()
    process.kill()
    return killed_s


@pytest.mark.timeout(300)
def test_views_blank_and_the_chain_comes_back(participant: Participant, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with running(
        "replay", participant.dicom, "--bundle", participant.bundle, "--consent",
        participant.consent, "--speed", "0.2", "--out", out,
        runtime=tmp_path / "run", log=tmp_path / "log",
    ) as run:  # fmt: skip
        watch = ViewWatch(run)
        try:
            wait_for("pictures", watch.look, 90)
            for name in NODES:
                killed_s = kill(run, name)
                wait_for(f"blank after {name}", lambda: not watch.look(), BLANK_WITHIN_S + 0.5)
                assert time.monotonic() - killed_s <= BLANK_WITHIN_S, name
                if name == "recorder":
                    assert_readable_until(out, killed_s)
                wait_for(f"pictures after {name}", watch.look, BACK_WITHIN_S)
        finally:
            watch.close()
    assert report(out)["interrupted"] is True


def assert_readable_until(out: Path, killed_s: float) -> None:
    """At most half a second before the kill may be missing from the recording."""
    newest = max(
        message.header.t_sent
        for message in read_run(out)
        if isinstance(message.header, Header) and message.header.t_sent <= killed_s
    )
    assert killed_s - newest <= LOST_AT_MOST_S
