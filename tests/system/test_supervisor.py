from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import pytest

from phosphene.bus import RunFolder
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.supervisor import NodeSpec, Outcome, Snapshot, Supervisor
from phosphene.supervisor.supervisor import BEAT_GRACE_S

PATIENCE_S = 40.0


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    session = Session.model_validate(
        {"person": "p", "modality": "fmri", "source": {"kind": "recording", "path": tmp_path}}
    )
    folder = RunFolder.create("t", tmp_path)
    return Plan(run="t", folder=folder.path, mode="pilot", session=session, watchdog_s=1.5)


def fake(name: str) -> NodeSpec:
    return NodeSpec(name, "tests.system.fakenode", arguments=(name,))


def supervise(plan: Plan, specs: list[NodeSpec], until: object, tmp_path: Path) -> Outcome:
    said: list[str] = []
    supervisor = Supervisor(plan, specs, tmp_path, said.append)

    def ends(now: Snapshot) -> str | None:
        assert now.elapsed_s < PATIENCE_S, said
        return until(supervisor, now)  # type: ignore[operator]

    return supervisor.run(ends, lambda _now: None)


def test_nodes_go_and_end_in_peace(plan: Plan, tmp_path: Path) -> None:
    def until(_s: Supervisor, now: Snapshot) -> str | None:
        ready = all(now.count(n, "went") == 1 for n in ("a", "b"))
        return "both went" if ready else None

    outcome = supervise(plan, [fake("a"), fake("b")], until, tmp_path)
    assert (outcome.status, outcome.reason, outcome.interrupted) == ("success", "both went", False)
    assert outcome.counts == {"a": {"went": 1}, "b": {"went": 1}}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_node_comes_back_and_the_run_is_marked(
    plan: Plan, tmp_path: Path, number: signal.Signals
) -> None:
    killed: list[int] = []

    def until(_s: Supervisor, now: Snapshot) -> str | None:
        beat = now.beats.get("a")
        if not killed and beat is not None and beat.counts == {"went": 1}:
            killed.append(beat.pid)
            os.kill(beat.pid, number)
        back = killed and beat is not None and beat.pid != killed[0]
        return "back" if back and now.count("a", "went") == 2 else None

    outcome = supervise(plan, [fake("a"), fake("b")], until, tmp_path)
    assert (outcome.status, outcome.interrupted) == ("success", True)
    assert outcome.counts["a"]["went"] == 2
    assert outcome.counts["b"]["went"] == 1


def test_a_hung_node_ends_itself_and_comes_back(plan: Plan, tmp_path: Path) -> None:
    first: list[int] = []

    def until(s: Supervisor, now: Snapshot) -> str | None:
        beat = now.beats.get("a")
        if not first and beat is not None and beat.counts == {"went": 1}:
            first.append(beat.pid)
            s._room.send("a", "hang")
        back = first and beat is not None and beat.pid != first[0]
        return "back" if back and now.count("a", "went") == 2 else None

    outcome = supervise(plan, [fake("a")], until, tmp_path)
    assert outcome.interrupted
    assert "Timeout" in (tmp_path / "a.log").read_text()


def test_a_stopped_node_is_killed_and_comes_back(plan: Plan, tmp_path: Path) -> None:
    first: list[int] = []

    def until(_s: Supervisor, now: Snapshot) -> str | None:
        beat = now.beats.get("a")
        if not first and beat is not None and beat.counts == {"went": 1}:
            first.append(beat.pid)
            os.kill(beat.pid, signal.SIGSTOP)
        back = first and beat is not None and beat.pid != first[0]
        return "back" if back and now.count("a", "went") == 2 else None

    outcome = supervise(plan, [fake("a")], until, tmp_path)
    assert (outcome.status, outcome.interrupted) == ("success", True)


def fallen_and_back(
    plan: Plan, names: tuple[str, ...], tmp_path: Path, *, stumbling: str = ""
) -> tuple[Outcome, list[str]]:
    """Kill nodes together and run until all of them are back; return what was told, too."""
    killed: dict[str, int] = {}
    said: list[str] = []
    supervisor = Supervisor(plan, [fake(name) for name in "abc"], tmp_path, said.append)

    def until(now: Snapshot) -> str | None:
        assert now.elapsed_s < PATIENCE_S, said
        if not killed and all(now.count(name, "went") == 1 for name in "abc"):
            killed.update({name: now.beats[name].pid for name in names})
            if stumbling:
                (plan.folder / f"stumble-{stumbling}").touch()
            for pid in killed.values():
                os.kill(pid, signal.SIGKILL)
        back = killed and all(now.count(name, "went") == 2 for name in names)
        return "all back" if back and not now.returning else None

    return supervisor.run(until, lambda _now: None), said


def test_nodes_that_fall_together_come_back_together(plan: Plan, tmp_path: Path) -> None:
    outcome, said = fallen_and_back(plan, ("a", "b"), tmp_path)
    assert (outcome.status, outcome.interrupted) == ("success", True)
    assert {name: held["went"] for name, held in outcome.counts.items()} == {"a": 2, "b": 2, "c": 1}
    told = [line.split(" ", 1) for line in said]
    fell = [at for at, (_name, what) in enumerate(told) if what.startswith("fell")]
    back = [at for at, (_name, what) in enumerate(told) if what == "is back"]
    assert len(fell) == len(back) == 2
    assert max(fell) < min(back), "the second is started while the first is awaited"


def test_a_restart_that_dies_is_tried_again(plan: Plan, tmp_path: Path) -> None:
    outcome, said = fallen_and_back(plan, ("a",), tmp_path, stumbling="a")
    assert (outcome.status, outcome.interrupted) == ("success", True)
    assert any(line.startswith("a fell (exit 7)") for line in said)
    assert outcome.counts["a"]["went"] == 2


def test_ctrl_c_before_everything_is_ready_is_no_failure(plan: Plan, tmp_path: Path) -> None:
    supervisor = Supervisor(plan, [fake("a")], tmp_path, lambda _line: None)
    supervisor._interrupt(signal.SIGINT, None)
    outcome = supervisor.run(lambda _now: "never reached", lambda _now: None)
    assert (outcome.status, outcome.reason) == ("abort", "stopped by Ctrl-C")
    assert not outcome.began


def test_what_a_node_reports_is_told_once(plan: Plan, tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(plan, [fake("a")], tmp_path, said.append)
    beats: list[int] = []

    def until(now: Snapshot) -> str | None:
        beat = now.beats["a"]
        if not beats:
            supervisor._room.send("a", "note", {"text": "file 1.dcm left out"})
        beats.append(beat.seq)
        told = [line for line in said if line == "a: file 1.dcm left out"]
        return "told" if told and beats[-1] > beats[0] + 10 else None

    supervisor.run(until, lambda _now: None)
    assert [line for line in said if "left out" in line] == ["a: file 1.dcm left out"]


def test_all_that_is_told_in_one_step_is_told_and_logged_and_floods_are_counted(
    plan: Plan, tmp_path: Path
) -> None:
    said: list[str] = []
    supervisor = Supervisor(plan, [fake("a")], tmp_path, said.append)
    lines = ["volume 6 did not come", "b.dcm is foreign", "volume 10 did not come"]
    lines += [f"file {n} left out" for n in range(30)]
    sent: list[str] = []

    def until(now: Snapshot) -> str | None:
        if not sent:
            sent.append(supervisor._room.send("a", "tell", {"text": "\n".join(lines)}))
        return "told" if "a: file 4 left out" in said else None

    supervisor.run(until, lambda _now: None)
    assert said[1:] == [
        *(f"a: {line}" for line in lines[:8]),
        "a: ... and 25 more like that, see logs/a.log",
    ]
    log = (tmp_path / "a.log").read_text()
    assert [line for line in lines if log.count(f"a: {line}\n") != 1] == []


def test_a_wrong_configuration_ends_the_run_at_once_and_is_told_once(
    plan: Plan, tmp_path: Path
) -> None:
    said: list[str] = []
    supervisor = Supervisor(plan, [fake("a"), fake("b")], tmp_path, said.append)

    def until(now: Snapshot) -> str | None:
        assert now.elapsed_s < PATIENCE_S, said
        supervisor._room.send("a", "misfit", {"text": "no TR is told; set tr_s"})
        return None

    outcome = supervisor.run(until, lambda _now: None)
    assert (outcome.status, outcome.interrupted) == ("fail", False)
    assert outcome.reason == "a: no TR is told; set tr_s"
    assert said == ["all nodes are ready: a, b"], "the reason is told at the end, by the command"
    assert (tmp_path / "a.log").read_text().count("no TR is told") == 1


def test_a_run_without_end_is_ended_by_its_operator_as_it_should(
    plan: Plan, tmp_path: Path
) -> None:
    supervisor = Supervisor(plan, [fake("a")], tmp_path, lambda _line: None, open_ended=True)

    def until(now: Snapshot) -> str | None:
        supervisor._interrupt(signal.SIGINT, None)
        return None

    outcome = supervisor.run(until, lambda _now: None)
    assert (outcome.status, outcome.reason) == ("success", "stopped by the operator")
    assert outcome.began


def test_a_node_that_cannot_start_is_told_with_its_own_words(plan: Plan, tmp_path: Path) -> None:
    outcome = supervise(
        plan, [fake("a"), fake("broken")], lambda _s, _now: "never reached", tmp_path
    )
    assert outcome.status == "fail"
    assert "the broken node cannot be built" in outcome.reason


def test_a_failing_tool_fails_the_run(plan: Plan, tmp_path: Path) -> None:
    tool = NodeSpec("scanner", "phosphene.cli", "tool", ("no-such-command",))
    outcome = supervise(plan, [fake("a"), tool], lambda _s, _now: None, tmp_path)
    assert outcome.status == "fail"
    assert "scanner failed (exit 2)" in outcome.reason


SCRIPT = """
import sys, pathlib
from phosphene.plan import Plan
from phosphene.supervisor import NodeSpec, Supervisor
plan = Plan.load(pathlib.Path(sys.argv[1]))
specs = [NodeSpec(n, "tests.system.fakenode", arguments=(n,)) for n in ("a", "b")]
tell = lambda now: print("running", flush=True) if now.count("b", "went") else None
outcome = Supervisor(plan, specs, plan.folder, print).run(lambda now: None, tell)
print("ended", outcome.status, outcome.reason)
"""


@contextmanager
def supervised(plan: Plan, *before: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Supervise a run in another process; hand over it and what it says, once the run goes on."""
    command = [*before, sys.executable, "-c", SCRIPT, str(plan.save())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "running\n":
            assert process.poll() is None
        yield process, process.stdout


@pytest.mark.parametrize(
    ("number", "by"),
    [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")],
)
def test_a_signal_ends_everything(plan: Plan, number: signal.Signals, by: str) -> None:
    with supervised(plan) as (process, said):
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2
        process.send_signal(number)
        rest = said.read()
        assert process.wait(20) == 0
    assert f"ended abort stopped by {by}" in rest
    assert not [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]


def test_a_run_goes_on_without_its_terminal_where_that_is_wanted(plan: Plan) -> None:
    with supervised(plan, "nohup") as (process, said):
        process.send_signal(signal.SIGHUP)
        for _ in range(40):
            assert said.readline() == "running\n"
        process.send_signal(signal.SIGTERM)
        assert "ended abort stopped by SIGTERM" in said.read()


def test_sigterm_during_the_demo_calibration_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "phosphene.cli", "demo", "--headless", "--out"]
    with subprocess.Popen(
        [*command, str(tmp_path / "out")],
        env={**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("calibrating")
        children: list[psutil.Process] = []
        while not children:
            assert process.poll() is None
            children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    _gone, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    assert list(tmp_path.iterdir()) == []


def test_a_suspended_supervisor_finds_its_nodes_as_they_were(plan: Plan) -> None:
    """Ctrl-Z for longer than a silent node is left alive: no node is killed afterwards."""
    with supervised(plan) as (process, said):
        children = {c.pid for c in psutil.Process(process.pid).children(recursive=True)}
        process.send_signal(signal.SIGSTOP)
        time.sleep(plan.watchdog_s + BEAT_GRACE_S + 0.5)  # the suspension is what is tested
        process.send_signal(signal.SIGCONT)
        for _ in range(10):
            assert said.readline() == "running\n"
        assert {c.pid for c in psutil.Process(process.pid).children(recursive=True)} == children
        process.send_signal(signal.SIGTERM)
        rest = said.read()
    assert "sign of life" not in rest
    assert "fell" not in rest
    assert "ended abort" in rest


def test_nodes_end_themselves_when_the_supervisor_is_killed(plan: Plan) -> None:
    with supervised(plan) as (process, _said):
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    _gone, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
