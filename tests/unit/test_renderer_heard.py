"""At full speed nothing is painted before the gate listens: what it misses would be lost."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np

from phosphene.bus import Publisher, Puller, Subscriber
from phosphene.clock import FakeClock
from phosphene.messages import Percept
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import RendererSettings
from renderer.node import RendererNode
from renderer.outlet import Outlet
from renderer.studio import Studio
from tests.unit.test_renderer_stream import Costly


def plan_in(folder: Path, nodes: tuple[str, ...]) -> Plan:
    source = {"kind": "recording", "path": "x"}
    session = {"person": "p", "modality": "fmri", "source": source}
    return Plan.model_validate(
        {"run": "r", "folder": folder, "mode": "replay", "speed": None, "session": session,
         "nodes": nodes}
    )  # fmt: skip


def test_percepts_wait_until_the_gate_listens() -> None:
    settings = RendererSettings.model_validate({"model": "world-64", "mode": "c"})
    with tempfile.TemporaryDirectory(prefix="ph-") as folder:
        clock = FakeClock(1.0)
        context = NodeContext("renderer", plan_in(Path(folder), ("gate", "renderer")), clock)
        painter = Costly(clock, itertools.repeat(0.01))
        decoder = Publisher(context.zmq, context.endpoint("decoder"))
        pulled = [Puller(context.zmq, context.endpoint(n)) for n in ("records", "render-acks")]
        node = RendererNode(context, Studio(painter, settings, 1.0), "m")
        gate = None
        try:
            decoder.wait_for_subscribers(b"percept", 1, 5)
            decoder.send(
                context.message(
                    Percept, t_acquired=1.0, index=0, confidence=1.0, t_data=0.0, t_seen=0.0,
                    t_features=1.0, label=None, probabilities={}, bundle="b",
                    arrays={"c": np.ones(3, np.float32)}, dims={"c": ("features",)},
                )
            )  # fmt: skip
            assert node.sockets()[0].poll(2000)
            node.step()
            assert node.counts()["frames"] == 0
            gate = Subscriber(context.zmq, [context.endpoint("renderer")], [b"frame"])
            for _ in range(200):
                node.step()
                if node.counts()["frames"]:
                    break
            assert node.counts()["frames"] == 1
            assert gate.socket.poll(2000)
            assert len(list(gate.receive())) == 1
        finally:
            node.close()
            for socket in (decoder, gate, *pulled):
                if socket is not None:
                    socket.close()
            context.close()


def test_without_a_gate_nobody_is_waited_for() -> None:
    with tempfile.TemporaryDirectory(prefix="ph-") as folder:
        context = NodeContext("renderer", plan_in(Path(folder), ("renderer",)), FakeClock(1.0))
        outlet = Outlet(context, lambda: True)
        assert outlet.heard()
        outlet.close()
        context.close()
