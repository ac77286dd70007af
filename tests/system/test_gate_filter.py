"""The content filter: what it refuses, breaks on or is late with is a card; the gate goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from phosphene.clock import MonotonicClock
from phosphene.consent import Scope
from phosphene.errors import ConfigError
from phosphene.filters.concept_files import CONCEPTS
from phosphene.gate.card import no_decode_card
from phosphene.gate.screening import Screen
from phosphene.messages import Frame, Message
from phosphene.node import NodeContext
from phosphene.session_gate import FilterSettings
from tests.unit.test_filters_concepts import red_filter
from tests.unit.test_gate_node import Bench, make_plan
from tests.unit.test_gate_orders import made

pytestmark = pytest.mark.timing

MODULE = """
import time
class Picky:
    def __init__(self, mood="calm"):
        self.mood = mood
    def __call__(self, picture, t_s):
        if self.mood == "broken":
            raise ValueError("Erika Muster")
        if self.mood == "slow":
            time.sleep(30)
        if self.mood == "untyped":
            return "yes"
        return int(picture[0, 0, 0]) % 2 == 0
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run folder, and a package with a filter that is installed for it."""
    with tempfile.TemporaryDirectory(prefix="ph-") as name:
        site = Path(name) / "site"
        info = site / "picky-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "picky.py").write_text(MODULE)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: picky\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[phosphene.filters]\npicky = picky:Picky\n")
        monkeypatch.setenv("PYTHONPATH", str(site))
        run = Path(name) / "run"
        run.mkdir(mode=0o700)
        yield run


def gate(folder: Path, mood: str = "calm", limit_s: float = 0.5) -> Bench:
    chosen = {"name": "picky", "limit_s": limit_s, "options": {"mood": mood}}
    return made(folder, gate={"filter": chosen, "observer_release": "live"})


def until(b: Bench, what: Callable[[], Any]) -> Any:
    """Let the gate work, in real time and in that of its clock, until something holds."""
    deadline = time.monotonic() + 20
    while not (found := what()):
        assert time.monotonic() < deadline
        assert b.gate._screen is not None
        b.gate._screen.socket.poll(20)
        b.gate.step()
    return found


def judged(b: Bench, seed: int) -> tuple[bool, Message]:
    """Send a frame; return whether its picture was a card for everybody, and what `self` got."""
    before = b.gate.counts()["frames_passed"]
    picture = b.frame(seed)
    until(b, lambda: b.gate.counts()["frames_passed"] > before)
    (frame,), _ = b.seen("self")
    seen = [frame, *b.seen("operator")[0], *b.recorded(Frame)]
    cards = {bool(np.array_equal(m.arrays["picture"], no_decode_card(64, 64))) for m in seen}
    assert len(seen) == 3
    assert len(cards) == 1
    assert cards == {True} or np.array_equal(frame.arrays["picture"], picture)
    return cards == {True}, frame


def test_what_a_filter_refuses_nobody_gets_and_nobody_records(folder: Path) -> None:
    b = gate(folder)
    try:
        b.beat()
        for seed in range(4):
            first = int(
                np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)[0, 0, 0]
            )
            assert judged(b, seed)[0] == bool(first % 2)
        assert 0 < b.gate.counts()["frames_filtered"] < 4
        assert psutil.Process(b.gate._screen._process.pid).cmdline()[1:3] == [
            "-m",
            "phosphene.filters",
        ]
    finally:
        b.close()


def test_a_picture_of_a_concept_is_a_card_for_everybody(folder: Path) -> None:
    red = red_filter(folder.parent / "red")
    limited = {"name": "concepts", "folder": str(red), "limit_s": 1.0}
    b = made(folder, gate={"filter": limited, "observer_release": "live"})
    try:
        b.beat()
        assert not judged(b, 0)[0], "grey noise"
        table = json.loads((red / CONCEPTS).read_text())
        table["concepts"][0]["threshold"] = 0.3
        (red / CONCEPTS).write_text(json.dumps(table))
    finally:
        b.close()
    b = made(folder, gate={"filter": limited, "observer_release": "live"})
    try:
        b.beat()
        assert judged(b, 0)[0], "the same picture, by a list that refuses it"
        assert b.gate.counts()["frames_filtered"] == 1
        assert b.gate.counts()["filter_late"] == 0
    finally:
        b.close()


@pytest.mark.parametrize("mood", ["broken", "untyped"])
def test_a_filter_that_fails_gives_cards_and_its_words_go_nowhere(folder: Path, mood: str) -> None:
    b = gate(folder, mood)
    try:
        b.beat()
        carded, frame = judged(b, 0)
        assert carded
        assert frame.header.state == "neutral"
        assert b.gate.counts()["filter_failed"] == (mood == "broken")
        assert "Muster" not in b.context.note
        assert ("ValueError" in b.context.note) == (mood == "broken")
    finally:
        b.close()


def test_a_filter_that_hangs_costs_its_limit_and_is_started_again(folder: Path) -> None:
    b = gate(folder, "slow", limit_s=0.1)
    try:
        b.beat()
        b.frame(0)
        assert b.gate.counts()["frames_passed"] == 0, "it is being looked at"
        due_s = b.gate.due_s()
        assert due_s is not None
        assert due_s <= b.clock.now() + 0.1
        assert b.ask("blank").ok, "orders are heard meanwhile"
        b.ask("unblank")
        b.clock.advance(0.11)
        b.gate.step()
        counts = b.gate.counts()
        assert (counts["filter_late"], counts["frames_filtered"], counts["frames_passed"]) == (
            1,
            1,
            1,
        )
        b.frame(1)
        assert b.gate.counts()["frames_filtered"] == 2, "nobody waits for a filter that is stuck"
        hung = b.gate._screen._process.pid
        for _ in range(30):
            b.clock.advance(0.1)
            b.beat()
        b.frame(2)
        assert b.gate.counts()["filter_restarts"] == 1
        assert b.gate._screen._process.pid != hung
        assert not psutil.pid_exists(hung)
    finally:
        b.close()


def test_a_filter_that_is_killed_gives_cards_until_it_is_back(folder: Path) -> None:
    b = gate(folder)
    try:
        b.beat()
        b.gate._screen._process.kill()
        b.gate._screen._process.wait()
        b.clock.advance(0.6)
        b.beat()
        b.clock.advance(0.6)
        b.beat()
        seed = 0
        while not b.gate.counts()["filter_restarts"]:
            b.frame(seed)
            b.clock.advance(0.6)
            b.gate.step()
            b.beat()
        assert b.gate.counts()["frames_filtered"] == b.gate.counts()["frames_seen"]
        until(b, lambda: b.gate._screen._hear() or b.gate._screen._ready)
        even = next(
            s for s in range(50)
            if np.random.default_rng(s).integers(0, 256, (64, 64, 3), np.uint8)[0, 0, 0] % 2 == 0
        )  # fmt: skip
        for sink in ("self", "operator"):
            b.seen(sink)
        b.recorded(Frame)
        assert not judged(b, even)[0]
    finally:
        b.close()


def test_a_stop_forgets_the_picture_that_is_being_looked_at(folder: Path) -> None:
    b = gate(folder, "slow")
    try:
        b.beat()
        b.frame(0)
        assert b.gate._showing.busy
        b.ask("stop")
        assert not b.gate._showing.busy
        b.clock.advance(1.0)
        b.gate.step()
        assert b.seen("self")[0] == []
        assert b.recorded(Frame) == []
    finally:
        b.close()


def test_at_full_speed_every_frame_waits_for_its_answer(folder: Path) -> None:
    plan = make_plan(folder, frozenset(Scope), speed=None)
    gate_settings = type(plan.session.gate).model_validate(
        {"filter": {"name": "picky", "limit_s": 1.0}, "observer_release": "live"}
    )
    session = plan.session.model_copy(update={"gate": gate_settings})
    b = Bench(plan.model_copy(update={"session": session}))
    try:
        b.beat()
        for seed in range(5):
            b.frame(seed)
        until(b, lambda: b.gate.counts()["frames_passed"] == 5)
        assert [m.header.seed for m in b.seen("self")[0]] == list(range(5))
        assert b.gate.counts()["filter_late"] == 0
    finally:
        b.close()


def test_the_filters_process_ends_with_the_gate(folder: Path) -> None:
    script = textwrap.dedent("""
        import os, subprocess, sys, time
        print(subprocess.Popen([sys.executable, "-m", "phosphene.filters", str(os.getpid()),
                                "ipc:///tmp/nobody-here", "flashes", "{}"]).pid, flush=True)
        time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    try:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
        child.wait(10)
    finally:
        if child.is_running():
            child.kill()


def test_a_filter_that_is_not_there_is_refused_in_words(folder: Path) -> None:
    context = NodeContext("gate", make_plan(folder, frozenset(Scope)), MonotonicClock())
    try:
        with pytest.raises(ConfigError, match="Install or correct it"):
            Screen(context, FilterSettings(name="nothing"), Counter())
    finally:
        context.close()
