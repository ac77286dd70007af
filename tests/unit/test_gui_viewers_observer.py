from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.unit.gui_bench import drop, enlarged, pixels_of, screenshot

# isort: split
import numpy as np
import pytest
import zmq
from PySide6.QtWidgets import QApplication

from gui.observer import main
from gui.viewers.inlets import LocalInlet, RemoteInlet
from gui.viewers.watching import Watch, open_window
from phosphene.bus import Publisher, RunFolder
from phosphene.clock import FakeClock
from phosphene.errors import ConfigError
from phosphene.messages import Frame, View
from phosphene.network.keys import load_network_key, new_network_key
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import Session

SESSION = {"person": "p01", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
PICTURE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


class Gate:
    """Stands for the gate on the observers' socket."""

    def __init__(self, folder: Path) -> None:
        session = Session.model_validate(SESSION)
        self.plan = Plan(run="r", folder=folder, mode="replay", session=session)
        # It stands still: on a busy machine a picture would be too old before it is looked at.
        self.clock = FakeClock(100.0)
        self.context = NodeContext("gate", self.plan, self.clock)
        self.context.control_socket().linger = 0
        self.door = Publisher(self.context.zmq, self.context.endpoint("view-observer"))

    def tell(self, *, passing: bool) -> None:
        fields = {"sink": "observer", "passing": passing, "reason": "", "passed": 0}
        self.door.send(self.context.message(View, t_acquired=0.0, **fields))

    def show(self) -> None:
        now = self.context.clock.now()
        self.door.send(
            self.context.message(
                Frame, t_acquired=now, arrays={"picture": PICTURE},
                dims={"picture": ("height", "width", "colour")}, t_due=now - 30.0,
                t_rendered=now - 30.0, late=False, skipped=0, render_ms=1.0, state="picture",
                percept_seq=0, percept_index=0, confidence=0.5, age_s=0.1, t_percept=0.0, seed=0,
                model="m", sink="observer", level=2,
            )
        )  # fmt: skip

    def close(self) -> None:
        self.door.close()
        self.context.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="ph-"))
    made = RunFolder.create("r", base)
    yield made.path
    shutil.rmtree(base)


@pytest.fixture
def gate(folder: Path) -> Iterator[Gate]:
    made = Gate(folder)
    yield made
    made.close()


@pytest.fixture
def watch(gate: Gate, folder: Path, qapp: QApplication) -> Iterator[Watch]:
    window = open_window("PROJECTOR", "CONSOLE", ())
    made = Watch(LocalInlet(folder, gate.clock), window, recording=True)
    yield made
    made.close()
    drop(window)


def until_shown(watch: Watch, picture: bool) -> None:
    inlet = watch.inlet
    assert isinstance(inlet, LocalInlet | RemoteInlet)
    arriving = inlet._subscriber.socket if isinstance(inlet, LocalInlet) else inlet.socket
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        watch.turn()
        if (watch.window.shown.picture is not None) == picture:
            return
        arriving.poll(100)
    raise AssertionError(f"picture={picture} was not reached")


def test_it_shows_what_the_gate_sends_observers_and_goes_blank_with_its_word(
    gate: Gate, watch: Watch
) -> None:
    gate.door.wait_for_subscribers(b"frame", 1, 5.0)
    gate.tell(passing=True)
    gate.show()
    until_shown(watch, True)
    shown = screenshot(watch.window, "observer-of-a-run")
    side = 440  # 480 rows without those of the caption, and as many columns
    rows = (np.arange(8) + 0.5) * side / 8
    at = rows.astype(int)
    assert np.array_equal(shown[at][:, 100 + at], PICTURE)
    assert "30 s" in watch.window.shown.caption
    gate.tell(passing=False)
    until_shown(watch, False)
    assert not pixels_of(watch.window)[100:400].any()


def test_a_gate_that_falls_silent_leaves_nothing_on_the_screen(gate: Gate, watch: Watch) -> None:
    gate.door.wait_for_subscribers(b"frame", 1, 5.0)
    gate.tell(passing=True)
    gate.show()
    until_shown(watch, True)
    gate.clock.advance(0.7)
    watch.turn()
    assert watch.window.shown.picture is not None
    gate.clock.advance(0.1)
    watch.turn()
    assert watch.window.shown.picture is None


def test_it_listens_to_nothing_else(gate: Gate, watch: Watch) -> None:
    gate.door.wait_for_subscribers(b"view", 1, 5.0)
    assert gate.door.subscribers(b"frame") == 1
    assert gate.door.subscribers(b"feedback") == 0
    others = ("view-self", "view-operator", "renderer", "decoder", "grants")
    doors = [Publisher(gate.context.zmq, gate.context.endpoint(name)) for name in others]
    for _ in range(20):
        watch.turn()
        doors[0].socket.poll(10)
    assert [door.subscribers(b"frame") + door.subscribers(b"view") for door in doors] == [0] * 5
    for door in doors:
        door.close()


def test_the_run_is_over_when_its_folder_is_nobodys(gate: Gate, watch: Watch, folder: Path) -> None:
    assert not watch.inlet.over()
    (folder / "owner.lock").unlink()
    assert watch.inlet.over()


def test_a_folder_that_others_may_enter_is_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(ConfigError, match="0o700"):
        LocalInlet(folder, FakeClock())


def test_a_run_on_another_machine_is_shown_by_that_machines_time(
    gate: Gate, tmp_path: Path, qapp: QApplication
) -> None:
    for name in ("console", "wall"):
        new_network_key(tmp_path / f"{name}.network", tmp_path / f"{name}.pub")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    door = context.socket(zmq.XPUB)
    door.linger = 0
    door.curve_server = True
    door.curve_secretkey = load_network_key(tmp_path / "console.network").secret.encode()
    port = door.bind_to_random_port("tcp://127.0.0.1")
    inlet = RemoteInlet(
        f"tcp://127.0.0.1:{port}", tmp_path / "console.pub", tmp_path / "wall.network",
        FakeClock(7.0),
    )  # fmt: skip
    watch = Watch(inlet, open_window(None, None, ("PROJECTOR",)), recording=False)
    local, gate.door.socket = gate.door.socket, door
    try:
        assert door.poll(5000), "nobody came in"
        assert not watch.inlet.over()
        gate.tell(passing=True)
        gate.show()
        until_shown(watch, True)
        assert "30 s" in watch.window.shown.caption, "of that machine's clock, not of this one's"
    finally:
        gate.door.socket = local
        door.close()
        context.term()
        watch.close()
        drop(watch.window)


def test_an_address_without_keys_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--connect", "tcp://127.0.0.1:9"]) == 1
    assert "--key" in capsys.readouterr().err


def test_without_a_plan_it_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run", str(folder)]) == 1
    assert "plan" in capsys.readouterr().err


def test_the_pixels_of_their_level_stay_squares(gate: Gate, watch: Watch) -> None:
    gate.door.wait_for_subscribers(b"frame", 1, 5.0)
    gate.tell(passing=True)
    gate.show()
    until_shown(watch, True)
    watch.window.setFixedSize(400, 400 + 35)
    shown = pixels_of(watch.window)
    below_lamp = slice(60, 400)
    assert np.array_equal(shown[below_lamp], enlarged(PICTURE, 50)[below_lamp])


def test_when_nobody_answers_it_says_so_and_goes_on_waiting(
    gate: Gate, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.clock.advance(4.9)
    watch.turn()
    assert "answers" not in watch.window.shown.caption
    gate.clock.advance(0.2)
    watch.turn()
    watch.turn()
    assert watch.window.shown.caption == "Nobody answers: waiting for the run"
    told = capsys.readouterr().err
    assert told.count("nobody answers") == 1, "once in each silence"
    screenshot(watch.window, "observer-of-nobody")
    gate.door.wait_for_subscribers(b"frame", 1, 5.0)
    gate.tell(passing=True)
    gate.show()
    until_shown(watch, True)
    assert "answers" not in watch.window.shown.caption
    gate.clock.advance(5.1)
    watch.turn()
    assert "Nobody answers" in watch.window.shown.caption
    assert capsys.readouterr().err.count("nobody answers") == 1
