from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import zmq

from decoder.spaces.pixels import Pixels
from phosphene.bundle import SPACE_GRAPH, Bundle
from phosphene.bus import Publisher, Puller, RunFolder, Subscriber
from phosphene.cli import main
from phosphene.clock import FakeClock
from phosphene.commands.paint import ask_renderer
from phosphene.errors import ConfigError, NodeError
from phosphene.manifest import TargetInfo
from phosphene.messages import Command, FrameInfo, Percept
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import DecoderSettings, RendererSettings
from renderer.inlet import Inlet
from renderer.node import RendererNode, build
from renderer.studio import Seen, Studio


class NoPainter:
    modes = ("z", "c", "zc")
    size_px = 64
    model = "m"
    noise_shape = (4, 16, 16)

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
        for _ in range(3):
            node._lead.learn(0.02)
        # 5 ms after frame 4 was due: it is out at once.
        clock.advance(5 / 24 + 0.005)
        node.step()
        assert (node.counts()["frames"], node.counts()["frames_late"]) == (1, 4)
        assert node._lead.seconds == pytest.approx(0.022), "a neutral frame teaches nothing"
        for _ in range(40):
            node._lead.learn(0.001)
        node.step()
        assert node.counts()["frames"] == 1
    finally:
        node.close()
        records.close()
        context.close()


class Grey(NoPainter):
    def render(self, *_: object, **__: object) -> object:
        return np.full((64, 64, 3), 90, np.uint8)


def test_frames_between_percepts_say_that_they_hold_nothing_new(tmp_path: Path) -> None:
    clock = FakeClock(10.0)
    context = NodeContext("renderer", plan_in(tmp_path), clock)
    records = Puller(context.zmq, context.endpoint("records"))
    studio = Studio(Grey(), RendererSettings(fps=10.0), clock.now())  # type: ignore[arg-type]
    node = RendererNode(context, studio, "m")
    go = Command(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="s", id="1", action="go")
    facts: list[FrameInfo] = []
    try:
        node.command(go)
        for seq, t in enumerate((10.0, 11.0)):
            clock.wait_until(t)
            z, c = np.zeros((4, 16, 16), np.float32), np.zeros(17, np.float32)
            studio.see(Seen(seq, 40 + seq, 0.9, t - 5.0, t - 0.1, t, z, c))
            for _ in range(4):
                clock.wait_until(clock.now() + 0.099)
                node.step()
        while len(facts) < 8 and records.socket.poll(2000):
            arrived = [message.header for message in records.receive()]
            facts += [header for header in arrived if isinstance(header, FrameInfo)]
        assert [f.percept_index for f in facts] == [40] * 4 + [41] * 4
        for first in (0, 4):
            ages = [f.age_s for f in facts[first : first + 4]]
            assert ages[0] == pytest.approx(5.1)
            np.testing.assert_allclose(np.diff(ages), 0.1)
            assert len({f.t_acquired for f in facts[first : first + 4]}) == 1
    finally:
        node.close()
        records.close()
        context.close()


def test_live_the_newest_percept_wins_and_in_replay_each_has_its_turn(tmp_path: Path) -> None:
    context = NodeContext("decoder", plan_in(tmp_path), FakeClock(10.0))
    decoder = Publisher(context.zmq, context.endpoint("decoder"))
    acks = Puller(context.zmq, context.endpoint("render-acks"))
    inlet, probe = Inlet(context), Subscriber(context.zmq, [context.endpoint("decoder")], [b"p"])

    def send(n: int) -> None:
        for _ in range(n):
            decoder.send(
                context.message(
                    Percept, t_acquired=1.0, arrays={"c": np.ones(3, np.float32)},
                    dims={"c": ("c",)}, index=7, t_data=2.5, t_seen=0.0, t_features=0.0,
                    confidence=0.5, label=None, probabilities={}, bundle="b",
                )
            )  # fmt: skip
            assert probe.socket.poll(2000)
            assert inlet.socket.poll(2000)

    try:
        decoder.wait_for_subscribers(b"percept", 2, 2.0)
        assert inlet.newest() is None
        send(3)
        seen = None
        while seen is None or seen.seq < 2:
            seen = inlet.newest() or seen
        assert (seen.index, seen.confidence, seen.t_arrived, seen.z) == (7, 0.5, 10.0, None)
        context.message(Percept, t_acquired=0.0, index=0, t_data=0.0, t_seen=0.0, t_features=0.0,
                        confidence=0.5, label=None, probabilities={}, bundle="b")  # fmt: skip
        send(2)
        turns: list[int] = []
        while len(turns) < 2:
            arrived = inlet.next()
            if arrived is not None:
                assert arrived[1] == 2.5
                inlet.acknowledge(arrived[0])
                turns.append(arrived[0].seq)
        assert turns == [4, 5]
        assert not inlet.waits
        assert dict(inlet.counts()) == {"percepts": 5, "percepts_missed": 1}
        counts: list[int] = []
        while len(counts) < 2 and acks.socket.poll(2000):
            counts += [message.header.count for message in acks.receive()]
        assert counts == [5, 6]
    finally:
        for part in (inlet, probe, decoder, acks):
            part.close()
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
        told = "set mode=zc; only z here; mode zc shows the picture of z, to which c adds nothing"
        assert ask(mode="zc") == told
        assert context.note == told
        assert ask(strength="0.6") == "set strength=0.6", "told once"
        with pytest.raises(ConfigError, match="strength"):
            ask(strength="1.5")
    finally:
        node.close()
        records.close()
        context.close()


def test_the_bundle_of_another_space_brings_what_paints_its_z(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = TargetInfo(id="pixels:8", sha256="0" * 64, c_dim=2, z_shape=(3, 8, 8), categories=())
    bundle = SimpleNamespace(
        manifest=SimpleNamespace(target=target, heads=("z", "c")),
        payload={SPACE_GRAPH: Pixels(8).graph()},
    )
    monkeypatch.setattr(Bundle, "load", lambda path: bundle)
    plan = plan_in(tmp_path)
    decoder = DecoderSettings(bundle=tmp_path / "b")
    session = plan.session.model_copy(update={"decoder": decoder})
    context = NodeContext("renderer", plan.model_copy(update={"session": session}), FakeClock(10.0))
    records = Puller(context.zmq, context.endpoint("records"))
    supervisor = context.zmq.socket(zmq.ROUTER)
    supervisor.bind(context.endpoint("control"))
    node = build(context)
    try:
        told = context.note
        assert "no generator for target space pixels:8" in told
        assert "mode zc shows the picture of z" in told
        z = np.full((3, 8, 8), 0.5, np.float32)
        node._studio.see(Seen(0, 0, 1.0, 10.0, 10.0, 10.0, z, np.zeros(2, np.float32)))
        picture = node._studio.picture(10.1)
        assert picture.state == "picture"
        np.testing.assert_array_equal(picture.pixels, np.full((8, 8, 3), 191, np.uint8))
        node._studio.see(Seen(1, 1, 1.0, 10.1, 10.1, 10.1, None, np.zeros(2, np.float32)))
        assert node._studio.picture(10.2).state == "neutral"
        assert context.note == told
    finally:
        node.close()
        records.close()
        supervisor.close()
        context.close()


def test_a_running_session_is_repainted_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(SystemExit):
        main(["paint", "--help"])
    assert "  warm_start: a number, at least 0, below 1 (default 0.0)" in capsys.readouterr().out
    with pytest.raises(NodeError, match="it may still take effect: look with `phosphene paint`"):
        ask_renderer(RunFolder(tmp_path), {"fps": "5"}, deadline_s=0.01)
    assert main(["paint"]) == 1
    assert "none" in capsys.readouterr().err
    context = NodeContext("renderer", plan_in(tmp_path), FakeClock(10.0))
    studio = Studio(NoPainter(), RendererSettings(), 10.0)  # type: ignore[arg-type]
    node = RendererNode(context, studio, "m")
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            if node._desk.socket.poll(20):
                node.step()

    served = threading.Thread(target=serve)
    served.start()
    try:
        assert main(["paint", "mode=c", "strength=0.6"]) == 0
        assert capsys.readouterr().out == "set mode=c, strength=0.6\n"
        assert main(["paint"]) == 0
        assert "mode=c, strength=0.6" in capsys.readouterr().out
        assert main(["paint", "mode=x"]) == 1
        assert "mode: got 'x'; allowed: z, c or zc" in capsys.readouterr().err
        assert main(["paint", "mode"]) == 1
        stop = Command(
            run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="p", id="1", action="stop"
        )
        assert not node._desk._answer(stop).header.ok
    finally:
        over.set()
        served.join()
        node.close()
        context.close()
    assert (studio.settings.mode, studio.settings.strength) == ("c", 0.6)
