"""A run whose window came by itself: it is adopted, and replaced when it is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zmq

from phosphene.bus import RunFolder, Subscriber
from phosphene.consent import Consent
from phosphene.messages import View
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.supervisor import NodeSpec, Outcome, Snapshot, Supervisor, patience

PATIENCE_S = 40.0
NAMES = ("gate", "gui", "a")
Guest = subprocess.Popen[bytes]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    session = Session.model_validate(
        {"person": "p", "modality": "fmri", "source": {"kind": "recording", "path": tmp_path}}
    )
    folder = RunFolder.create("t", tmp_path)
    consent = Consent.for_synthetic("p", datetime.now(UTC))
    return Plan(run="t", folder=folder.path, mode="pilot", session=session, watchdog_s=1.5,
                consent=consent, nodes=NAMES)  # fmt: skip


@pytest.fixture
def guest(plan: Plan) -> Iterator[Guest]:
    command = [sys.executable, "-m", "tests.system.fakenode", "--plan", str(plan.save()), "gui"]
    with subprocess.Popen(command) as started:
        yield started
        started.kill()


def fake(name: str, *, is_guest: bool = False) -> NodeSpec:
    return NodeSpec(name, "tests.system.fakenode", arguments=(name,), guest=is_guest)


class Rig:
    """A supervisor with a real gate, a guest for its window, and an ear at the operator's view."""

    def __init__(self, plan: Plan, tmp_path: Path) -> None:
        self.said: list[str] = []
        specs = [NodeSpec("gate", "phosphene.gate"), fake("gui", is_guest=True), fake("a")]
        self.supervisor = Supervisor(plan, specs, tmp_path, self.said.append)
        self.views: list[View] = []
        self._zmq: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        endpoint = RunFolder(plan.folder).endpoint("view-operator")
        self._ear = Subscriber(self._zmq, [endpoint], [b"view"])

    def listen(self) -> None:
        self.views += [m.header for m in self._ear.receive() if isinstance(m.header, View)]

    def passing(self) -> bool:
        return bool(self.views) and self.views[-1].passing

    def run(self, until: object) -> Outcome:
        def ends(now: Snapshot) -> str | None:
            assert now.elapsed_s < PATIENCE_S, self.said
            self.listen()
            return until(now)  # type: ignore[operator]

        try:
            return self.supervisor.run(ends, lambda _now: None)
        finally:
            self._ear.close()
            self._zmq.term()


def test_a_guest_is_adopted_and_outlives_the_run(plan: Plan, tmp_path: Path, guest: Guest) -> None:
    rig = Rig(plan, tmp_path)

    def until(now: Snapshot) -> str | None:
        return "seen" if rig.passing() and now.count("gui", "went") == 1 else None

    outcome = rig.run(until)
    assert (outcome.status, outcome.interrupted) == ("success", False)
    # It was told to leave the run, like every node, and was not killed.
    assert guest.wait(10) == 0
    assert not (tmp_path / "gui.log").exists(), "no window was started"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_views_are_blank_until_an_ordinary_window_has_taken_its_place(
    plan: Plan, tmp_path: Path, guest: Guest, how: signal.Signals
) -> None:
    rig = Rig(plan, tmp_path)
    hit: list[int] = []

    def until(now: Snapshot) -> str | None:
        if not hit and rig.passing() and now.count("gui", "went") == 1:
            hit.append(len(rig.views))
            guest.send_signal(how)
        came = hit and now.count("gui", "went") == 2 and not now.returning
        return "an ordinary window" if came and rig.passing() else None

    outcome = rig.run(until)
    assert (outcome.status, outcome.interrupted) == ("success", True)
    assert guest.wait(10) in (-how, -signal.SIGKILL, 0)
    blank = [view for view in rig.views[hit[0] :] if not view.passing]
    assert blank, "every view is blank meanwhile"
    assert any("gui" in view.reason or "supervisor" in view.reason for view in blank)
    assert (tmp_path / "gui.log").exists(), "an ordinary window was started"
    words = {"the console is gone", "the console has left"}
    assert any(word in line for line in rig.said for word in words), rig.said


def test_a_run_whose_guest_never_comes_does_not_begin(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "GUEST_PATIENCE_S", 1.0)
    rig = Rig(plan, tmp_path)
    outcome = rig.run(lambda _now: "never reached")
    assert (outcome.status, outcome.began) == ("fail", False)
    assert "gui was not ready within 1 s" in outcome.reason
