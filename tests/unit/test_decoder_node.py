from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zmq

from decoder.node import DecoderNode
from phosphene.bus import Publisher, Puller, Pusher, RunFolder, Subscriber
from phosphene.clock import FakeClock
from phosphene.errors import ConfigError
from phosphene.manifest import WindowInfo
from phosphene.messages import Command, Credit, Features, Grant, Percept
from phosphene.node import NodeContext
from phosphene.plan import Plan

MASK = "m" * 64
LABELS = ("face", "house", "rest")


class RecordingEngine:
    """Keeps what it is given; says "house" with a confidence of 0.75."""

    def __init__(self) -> None:
        self.given: list[npt.NDArray[np.float32]] = []

    def run(self, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        self.given.append(arrays["x"])
        return {
            "z": np.full((1, 4, 16, 16), arrays["x"][0, -1], np.float32),
            "c": np.arange(5, dtype=np.float32)[None],
            "log_probabilities": np.log(np.array([[0.2, 0.7, 0.1]], np.float32)),
            "confidence": np.array([0.75], np.float32),
        }


class Bench:
    """A decoder node between a gate, an acquisition, a renderer and a recorder made of sockets."""

    def __init__(self, folder: Path, *, lossless: bool, length: int, bundle: bool) -> None:
        self.clock = FakeClock(100.0)
        plan = Plan.model_validate(
            {
                "run": "r",
                "folder": RunFolder.create("t", folder).path,
                "mode": "replay",
                "speed": None if lossless else 1.0,
                "session": {
                    "person": "p",
                    "modality": "fmri",
                    "source": {"kind": "recording", "path": "x"},
                },
            }
        )
        self.context = NodeContext("decoder", plan, self.clock)
        endpoint = self.context.endpoint
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.gate = NodeContext("gate", plan, self.clock)
        self.acquisition = NodeContext("acquisition", plan, self.clock)
        self.renderer = NodeContext("renderer", plan, self.clock)
        self.grants = Publisher(self.zmq, endpoint("grants"))
        self.features = Publisher(self.zmq, endpoint("acquisition"))
        self.acks = Puller(self.zmq, endpoint("acks"))
        self.records = Puller(self.zmq, endpoint("records"))
        self.engine = RecordingEngine()
        window = WindowInfo(length=length, period_s=2.0, delay_s=4.5)
        manifest = SimpleNamespace(window=window, mask_hash=MASK, labels=LABELS)
        held: Any = SimpleNamespace(manifest=manifest, digest="d" * 64) if bundle else None
        self.node = DecoderNode(self.context, held, self.engine if bundle else None)  # type: ignore[arg-type]
        self.percepts = Subscriber(self.zmq, [endpoint("decoder")], [b"percept"])
        self.render_acks = Pusher(self.zmq, endpoint("render-acks"))
        self.grants.wait_for_subscribers(b"grant", 1, 5.0)
        self.features.wait_for_subscribers(b"features", 1, 5.0)
        self.node.out.wait_for_subscribers(b"percept", 1, 5.0)
        self.sent = self.received = 0
        self.begun_s = 100.0

    def grant(self, *, decode: bool = True) -> None:
        """Let the gate speak, and the node hear it."""
        told = {"person": "p", "scopes": (), "decode": decode, "reason": ""}
        self.grants.send(self.gate.message(Grant, t_acquired=self.clock.now(), **told))
        assert self.node.grants.socket.poll(5000)
        self.node.step()

    def volumes(self, *indices: int, mask: str = MASK, ready: bool = True, **more: Any) -> None:
        """Publish one feature per index (its value is the index); let the node work on them."""
        for index in indices:
            message = self.acquisition.message(
                Features,
                t_acquired=self.begun_s + 2.0 * (index + 1),
                arrays={"x": np.full(2, index, np.float32)},
                dims={"x": ("voxel",)},
                kind="fmri",
                index=index,
                t_data=2.0 * (index + 1),
                mask_hash=mask,
                ready=ready,
                **more,
            )
            self.features.send(message)
            self.sent += 1
        while self["features"] + len(self.node._waiting) < self.sent:
            assert self.node.sockets()[0].poll(5000)
            self.node.step()
        self.work()

    def work(self) -> None:
        """Step until nothing more happens."""
        before = -1
        while before != self["features"]:
            before = self["features"]
            self.node.step()

    def rendered(self, count: int) -> None:
        """Let the renderer say that it has consumed `count` percepts, and the node hear it."""
        told = {"stream": "percept", "count": count, "epoch": "1"}
        self.render_acks.send(self.renderer.message(Credit, t_acquired=0.0, **told))
        assert self.node.sockets()[2].poll(5000)
        self.work()

    def seen(self) -> list[Percept]:
        """Return the headers of all percepts that went to the renderer since the last call."""
        found: list[Percept] = []
        while self.received + len(found) < self["percepts"]:
            assert self.percepts.socket.poll(5000)
            found += [message.header for message in self.percepts.receive()]
        self.received += len(found)
        return found

    def credits(self) -> list[Credit]:
        """Return the acknowledgements that reached acquisition since the last call."""
        found: list[Credit] = []
        while self.acks.socket.poll(20):
            found += [message.header for message in self.acks.receive()]
        return found

    def __getitem__(self, name: str) -> int:
        return self.node.counts()[name]

    def close(self) -> None:
        self.node.close()
        for context in (self.context, self.gate, self.acquisition, self.renderer):
            context.close()
        # The node's sockets and these have all been asked not to linger.
        self.zmq.destroy(linger=0)


@contextmanager
def bench(
    folder: Path, *, lossless: bool = False, length: int = 1, bundle: bool = True
) -> Iterator[Bench]:
    made = Bench(folder, lossless=lossless, length=length, bundle=bundle)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("lossless", [False, True])
def test_without_a_grant_nothing_is_decoded(tmp_path: Path, lossless: bool) -> None:
    with bench(tmp_path, lossless=lossless) as b:
        b.volumes(0, 1, 2)
        assert (b["features"], b["not_allowed"], b["percepts"]) == (3, 3, 0)
        assert b.engine.given == []
        assert not b.records.socket.poll(0)
        assert b.credits()[-1].count == 3, "what may not be decoded is consumed all the same"


def test_live_a_grant_of_one_second_ago_decodes_nothing_more(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.grant()
        b.clock.advance(0.75)
        b.volumes(0)
        assert (b["percepts"], b["not_allowed"]) == (1, 0)
        b.clock.advance(0.25)
        b.volumes(1)
        assert (b["percepts"], b["not_allowed"]) == (1, 1)
        b.grant()
        b.volumes(2)
        assert (b["percepts"], b["not_allowed"]) == (2, 1)


def test_at_full_speed_a_grant_that_is_late_is_waited_for(tmp_path: Path) -> None:
    with bench(tmp_path, lossless=True) as b:
        b.grant()
        b.clock.advance(1.0)
        b.volumes(0, 1, 2)
        assert (b["features"], b["percepts"], b["not_allowed"]) == (0, 0, 0)
        assert b.node.due_s() is not None
        assert b.credits() == []
        b.grant()
        b.work()
        assert (b["features"], b["percepts"], b["not_allowed"]) == (3, 3, 0)
        assert b.node.due_s() is None


def test_at_full_speed_a_grant_that_never_comes_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with bench(tmp_path, lossless=True) as b:
        b.grant()
        b.clock.advance(4.5)
        b.volumes(0)
        assert b["features"] == 0
        b.clock.advance(0.5)
        b.work()
        assert (b["features"], b["percepts"], b["not_allowed"]) == (1, 0, 1)


@pytest.mark.parametrize("lossless", [False, True])
def test_a_withdrawn_grant_stops_decoding_at_once(tmp_path: Path, lossless: bool) -> None:
    with bench(tmp_path, lossless=lossless) as b:
        b.grant()
        b.volumes(0)
        b.grant(decode=False)
        b.volumes(1, 2)
        assert (b["percepts"], b["not_allowed"]) == (1, 2)
        assert [p.index for p in b.seen()] == [0]


def test_features_of_another_mask_are_refused_and_the_node_goes_on(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.grant()
        b.volumes(0, 1, mask="n" * 64)
        assert (b["features"], b["refused"], b["percepts"]) == (2, 2, 0)
        assert "n" * 12 in b.context.note
        assert "quality control only" in b.context.note
        assert b.credits()[-1].count == 2
        b.volumes(2)
        assert (b["refused"], b["percepts"]) == (2, 1)


def test_a_volume_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.grant()
        b.volumes(0, 0, 1)
        assert (b["refused"], b["percepts"]) == (1, 2)
        assert "index" in b.context.note


def test_features_that_are_not_ready_are_counted_and_kept_out_of_windows(tmp_path: Path) -> None:
    with bench(tmp_path, length=2) as b:
        b.grant()
        b.volumes(0, 1, ready=False)
        b.volumes(2, 3)
        assert (b["not_ready"], b["percepts"], b["gaps"]) == (2, 1, 0)
        assert [w.tolist() for w in b.engine.given] == [[[2, 2, 3, 3]]]


def test_without_a_bundle_features_are_only_taken_in(tmp_path: Path) -> None:
    with bench(tmp_path, bundle=False) as b:
        b.grant()
        b.volumes(0, 1)
        assert (b["features"], b["percepts"], b["not_allowed"], b["refused"]) == (2, 0, 0, 0)
        assert b.credits()[-1].count == 2


def test_a_window_holds_consecutive_volumes_only(tmp_path: Path) -> None:
    with bench(tmp_path, length=3) as b:
        b.grant()
        b.volumes(0, 1, 2, 3, 5, 6, 7)
        assert [w[0, ::2].tolist() for w in b.engine.given] == [[0, 1, 2], [1, 2, 3], [5, 6, 7]]
        assert [p.index for p in b.seen()] == [2, 3, 7]
        assert b["gaps"] == 1


def test_messages_that_were_lost_on_the_way_are_counted(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.volumes(0)
        b.acquisition._seq[b"features"] += 4
        b.volumes(5)
        assert (b["features"], b["features_missed"]) == (2, 4)
        assert b.credits()[-1].count == 6, "lost messages count as consumed"


def test_acknowledgements_are_cumulative_and_name_the_process(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        for index in range(10):
            b.volumes(index)
        told = b.credits()
        counts = [credit.count for credit in told]
        assert counts == sorted(set(counts)), "each says more than the one before"
        assert counts[-1] == 10
        assert {(c.stream, c.epoch) for c in told} == {("features", str(os.getpid()))}
        b.work()
        assert b.credits() == [], "nothing new, nothing said"


@pytest.mark.parametrize("lossless", [False, True])
def test_a_new_acquisition_process_is_acknowledged_from_its_first_feature(
    tmp_path: Path, lossless: bool
) -> None:
    with bench(tmp_path, lossless=lossless) as b:
        b.grant()
        b.volumes(*range(10))
        assert b.credits()[-1].count == 10
        b.acquisition._seq.clear()
        b.volumes(10, 11)
        assert (b["percepts"], b["features_missed"]) == (12, 0)
        assert [credit.count for credit in b.credits()][-1:] == [2]


def test_at_full_speed_at_most_32_percepts_are_on_their_way(tmp_path: Path) -> None:
    with bench(tmp_path, lossless=True) as b:
        b.grant()
        b.volumes(*range(50))
        assert (b["percepts"], len(b.node._waiting)) == (32, 18)
        assert b.node.due_s() == pytest.approx(100.01)
        b.rendered(10)
        assert b["percepts"] == 42
        b.rendered(42)
        assert b["percepts"] == 50
        assert b["percepts_unacknowledged"] == 0
        assert [p.index for p in b.seen()] == list(range(50))
        assert b.credits()[-1].count == 50


def test_at_full_speed_a_renderer_that_is_gone_is_counted_and_not_waited_for(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, lossless=True) as b:
        b.grant()
        b.volumes(*range(40))
        b.clock.advance(2.0)
        b.grant()
        b.work()
        assert (b["percepts"], b["percepts_unacknowledged"]) == (40, 32)


def test_live_nothing_is_waited_for(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.grant()
        b.volumes(*range(40))
        assert (b["percepts"], b["percepts_unacknowledged"]) == (40, 0)
        assert b.node.due_s() is None


def test_a_percept_says_what_was_seen_when_and_by_which_bundle(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.grant()
        b.clock.advance(0.5)
        b.volumes(3)
        assert b.percepts.socket.poll(5000)
        (message,) = b.percepts.receive()
        percept = message.header
        assert isinstance(percept, Percept)
        assert (percept.index, percept.t_data, percept.t_acquired) == (3, 8.0, 108.0)
        assert percept.t_seen == 8.0 - 4.5
        assert percept.t_features == 100.5
        assert percept.label == "house"
        assert percept.confidence == 0.75
        assert percept.probabilities == pytest.approx({"face": 0.2, "house": 0.7, "rest": 0.1})
        assert percept.bundle == "d" * 64
        assert (message.arrays["z"] == 3).all()
        assert message.arrays["z"].shape == (4, 16, 16)
        assert message.arrays["c"].tolist() == [0, 1, 2, 3, 4]
        assert b.records.socket.poll(5000)
        assert [m.header for m in b.records.receive()] == [percept]


def test_the_percept_of_an_epoch_is_about_its_event(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.grant()
        b.volumes(3, t_event=7.25)
        assert [p.t_seen for p in b.seen()] == [7.25]


def test_it_obeys_go_and_no_other_command(tmp_path: Path) -> None:
    def command(action: str) -> Command:
        stamp = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0}
        return Command(**stamp, producer="supervisor", id="1", action=action)  # type: ignore[arg-type]

    with bench(tmp_path) as b:
        assert b.node.command(command("go")) == "decoding"
        assert not b.node.done()
        with pytest.raises(ConfigError, match="'dance'"):
            b.node.command(command("dance"))
