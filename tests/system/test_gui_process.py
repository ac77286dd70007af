"""The window as a real process, under Qt's offscreen platform."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from PIL import Image

from phosphene.bus import Publisher, Puller
from phosphene.clock import MonotonicClock
from phosphene.messages import Beat, Command, Frame, Reply, View, decode, encode
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import Session

SESSION = {"person": "p01", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
FACTS = {
    "late": False, "skipped": 0, "render_ms": 1.0, "state": "picture", "percept_seq": 0,
    "percept_index": 0, "confidence": 0.5, "age_s": 0.1, "t_percept": 0.0, "seed": 0, "model": "m",
    "sink": "operator", "level": 4,
}  # fmt: skip
PATIENCE_S = 30.0


class Surroundings:
    """Plays supervisor and gate for one window."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        session = Session.model_validate(SESSION)
        self.plan = Plan(run="r", folder=folder, mode="replay", session=session, nodes=("gui",))
        self.plan_file = self.plan.save()
        self.context = NodeContext("gate", self.plan, MonotonicClock())
        self.room: zmq.Socket[bytes] = self.context.zmq.socket(zmq.ROUTER)
        self.room.bind(self.context.endpoint("control"))
        stack.callback(self.context.close)
        stack.callback(self.room.close, linger=0)
        self.bonds = stack.enter_context(Puller(self.context.zmq, self.context.endpoint("bonds")))
        self.operator = stack.enter_context(
            Publisher(self.context.zmq, self.context.endpoint("view-operator"))
        )
        self.beats: list[Beat] = []
        self.replies: list[Reply] = []

    def listen(self) -> None:
        while self.room.poll(20):
            identity, *frames = self.room.recv_multipart()
            header = decode(frames).header
            if identity == b"gui" and isinstance(header, Beat):
                self.beats.append(header)
            elif isinstance(header, Reply):
                self.replies.append(header)

    def until(self, condition: Callable[[], Any], work: Callable[[], None] | None = None) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, [b.state for b in self.beats[-3:]]
            if work is not None:
                work()
            self.listen()

    def command(self, action: str) -> None:
        message = self.context.message(Command, t_acquired=0.0, id=action, action=action)
        self.room.send_multipart([b"gui", *encode(message)])

    def show(self, picture: np.ndarray) -> None:
        now = self.context.clock.now()
        view = {"sink": "operator", "passing": True, "reason": "", "passed": 0}
        self.operator.send(self.context.message(View, t_acquired=now, **view))
        self.operator.send(
            self.context.message(
                Frame,
                t_acquired=now,
                arrays={"picture": picture},
                dims={"picture": ("height", "width", "colour")},
                t_due=now,
                t_rendered=now,
                **FACTS,
            )
        )


def environment(**fields: str) -> dict[str, str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return {k: v for k, v in os.environ.items() if k not in hidden} | fields


def start(plan_file: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gui", "--plan", str(plan_file), *map(str, arguments)],
        env=environment(QT_QPA_PLATFORM="offscreen"),
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def around() -> Iterator[Surroundings]:
    with tempfile.TemporaryDirectory(prefix="ph-") as folder, ExitStack() as stack:
        yield Surroundings(Path(folder), stack)


def test_shows_the_exact_picture_beats_and_leaves_when_told(
    around: Surroundings, tmp_path: Path
) -> None:
    target = tmp_path / "window.png"
    gui = start(around.plan_file, "--screenshot", target, "--after", 1)
    try:
        around.until(lambda: any(b.state == "ready" for b in around.beats))
        around.command("go")
        picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        around.until(target.exists, lambda: around.show(picture))
        shot = np.asarray(Image.open(target).convert("RGB"))
        assert shot.shape[1] <= 1280
        assert shot.shape[0] <= 720
        large = np.repeat(np.repeat(picture, 5, axis=0), 5, axis=1)
        found = [
            (y, x)
            for y, x in zip(*np.nonzero((shot == large[0, 0]).all(axis=2)), strict=True)
            if np.array_equal(shot[y : y + 320, x : x + 320], large)
        ]
        assert found, "the picture is on the window, pixel by pixel"
        around.listen()
        assert around.beats[-1].state == "running"
        assert around.beats[-1].counts["operator_shown"] > 0
        around.command("stop")
        assert gui.wait(PATIENCE_S) == 0
        around.until(lambda: around.beats[-1].state == "stopped")
    finally:
        gui.kill()
        words = gui.communicate()[1]
    assert "Traceback" not in words


def test_a_frozen_window_stops_beating_and_sigterm_ends_it(around: Surroundings) -> None:
    gui = start(around.plan_file)
    try:
        around.until(lambda: any(b.state == "ready" for b in around.beats))
        gui.send_signal(signal.SIGSTOP)
        around.listen()
        frozen = len(around.beats)
        assert not around.room.poll(500), "no beat while frozen"
        gui.send_signal(signal.SIGCONT)
        around.until(lambda: len(around.beats) > frozen)
        gui.send_signal(signal.SIGTERM)
        assert gui.wait(PATIENCE_S) == 0
    finally:
        gui.kill()
        gui.communicate()


def test_without_a_display_it_points_to_headless(around: Surroundings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gui", "--plan", str(around.plan_file)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "--headless" in done.stderr
    assert "Traceback" not in done.stderr
