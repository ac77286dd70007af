from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.bus import Puller, RunFolder
from phosphene.clock import FakeClock
from phosphene.errors import ConfigError
from phosphene.messages import Command
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import RendererSettings
from renderer.node import RendererNode
from renderer.studio import Studio


class NoPainter:
    modes = ("z", "c", "zc")
    size_px = 64

    def limits(self) -> str:
        return "only z here"

    def render(self, *_: object, **__: object) -> object:
        raise AssertionError("without a percept nothing is painted")


def plan_in(tmp_path: Path) -> Plan:
    source = {"kind": "recording", "path": "x"}
    return Plan.model_validate(
        {
            "run": "r",
            "folder": RunFolder.create("t", tmp_path).path,
            "mode": "replay",
            "session": {"person": "p", "modality": "fmri", "source": source},
        }
    )


def test_a_late_cheap_frame_after_costly_ones_never_turns_the_clock_back(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
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


def test_strength_and_mode_switch_live_and_what_cannot_be_painted_is_told(tmp_path: Path) -> None:
    context = NodeContext("renderer", plan_in(tmp_path), FakeClock(10.0))
    records = Puller(context.zmq, context.endpoint("records"))
    painter = NoPainter()
    painter.modes = ("z",)  # type: ignore[assignment]
    studio = Studio(painter, RendererSettings(mode="z"), 10.0)  # type: ignore[arg-type]
    node = RendererNode(context, studio, "m")

    def ask(**arguments: str) -> str:
        return node.command(
            Command(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="gui", id="1",
                    action="set", arguments=arguments)
        )  # fmt: skip

    try:
        assert ask(strength="0.4", guides="c") == "set strength=0.4, guides=c"
        assert (studio.settings.strength, studio.settings.guides) == (0.4, "c")
        assert ask(mode="zc") == "set mode=zc; only z here"
        assert context.note == "only z here"
        with pytest.raises(ConfigError, match="strength"):
            ask(strength="1.5")
    finally:
        node.close()
        records.close()
        context.close()
