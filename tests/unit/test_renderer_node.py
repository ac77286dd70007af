from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.bus import Puller, RunFolder
from phosphene.clock import FakeClock
from phosphene.messages import Command
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import RendererSettings
from renderer.node import RendererNode
from renderer.studio import Studio


class NoPainter:
    modes = ("z", "c", "zc")
    size_px = 64

    def render(self, *_: object, **__: object) -> object:
        raise AssertionError("without a percept nothing is painted")


def test_a_late_cheap_frame_after_costly_ones_never_turns_the_clock_back(tmp_path: Path) -> None:
    source = {"kind": "recording", "path": "x"}
    plan = Plan.model_validate(
        {
            "run": "r",
            "folder": RunFolder.create("t", tmp_path).path,
            "mode": "replay",
            "session": {"person": "p", "modality": "fmri", "source": source},
        }
    )
    clock = FakeClock(10.0)
    context = NodeContext("renderer", plan, clock)
    records = Puller(context.zmq, context.endpoint("records"))
    studio = Studio(NoPainter(), RendererSettings(), clock.now())  # type: ignore[arg-type]
    node = RendererNode(context, studio, "m")
    try:
        go = Command(
            run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="supervisor", id="1", action="go"
        )
        node.command(go)
        for _ in range(20):
            node._lead.learn(0.02)
        before_s = node._lead.seconds
        # 5 ms after frame 4 was due: it is out at once, and costs nothing.
        clock.advance(5 / 24 + 0.005)
        node.step()
        assert node._lead.seconds < before_s == pytest.approx(0.022)
        node.step()
        assert node.counts()["frames"] == 1
    finally:
        node.close()
        records.close()
        context.close()
