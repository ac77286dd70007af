from __future__ import annotations

import threading
from pathlib import Path

import zmq

from phosphene.bus import RunFolder
from phosphene.clock import FakeClock
from phosphene.node import NodeContext
from phosphene.plan import Plan


def make_plan(tmp_path: Path) -> Plan:
    return Plan.model_validate(
        {
            "run": "r",
            "folder": RunFolder.create("t", tmp_path).path,
            "mode": "pilot",
            "session": {
                "person": "p",
                "modality": "fmri",
                "source": {"kind": "recording", "path": "x"},
            },
        }
    )


def test_a_node_beats_on_while_nobody_takes_its_beats(tmp_path: Path) -> None:
    context = NodeContext("n", make_plan(tmp_path), FakeClock())
    most = context.control_socket().sndhwm
    try:
        assert all(context.beat({}, force=True) for _ in range(most + 50))
    finally:
        context.control_socket().linger = 0
        context.close()


def test_a_half_built_node_with_an_open_socket_still_ends(tmp_path: Path) -> None:
    context = NodeContext("n", make_plan(tmp_path), FakeClock())
    left = context.zmq.socket(zmq.PULL)
    closing = threading.Thread(target=context.close)
    closing.start()
    closing.join(10)
    ended = not closing.is_alive()
    left.close()
    closing.join()
    assert ended
