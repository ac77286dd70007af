"""What the operator's window hears of acquisition and decoder, on the gate's real sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.eeg_chain import SecondQuality
from phosphene.bus import Publisher
from phosphene.consent import Scope
from phosphene.gate.relay import FEATURES_SHOWN, for_window, of_percept, without_brain
from phosphene.messages import (
    Event,
    Features,
    Message,
    Percept,
    Quality,
    Regions,
    Signal,
    StatMap,
    View,
    describe,
    topic_of,
)
from phosphene.plan import Plan
from phosphene.quality import EEG_FIGURES, region_key, tells_of_brain
from phosphene.quality import FIGURES as FIGURES_OF_FMRI
from tests.unit.test_gate_feedback import plan_of
from tests.unit.test_gate_node import NOW, PEERS, Bench, make_plan

WATCHED = frozenset({Scope.VIEW_SELF, Scope.VIEW_OPERATOR})
UNWATCHED = frozenset(Scope) - {Scope.VIEW_OPERATOR}
WINDOWED = ("gate", *PEERS, "gui")
GRID = np.ones((2, 2, 2), np.float32)
AXES = ("x", "y", "z")
RUNNING = {"index": 3, "t_data": 4.0}
FIGURES = {"fd_mm": 0.1, "volumes": 4.0, "tr_measured_s": 1.0, "roi_V1_psc": 0.7, "rms_Oz_uv": 9.0}
BRAIN = {"statmap", "regions", "signal"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


class Chain(Bench):
    """The gate's bench with acquisition, a decoder and a window."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        end = self.context.endpoint
        self.out = {name: Publisher(self.zmq, end(name)) for name in ("acquisition", "decoder")}
        relay, percepts = self.gate._relay, self.gate._percepts
        assert relay is not None
        assert percepts is not None
        self.ears = {"acquisition": relay.socket, "decoder": percepts.socket}
        self.out["acquisition"].wait_for_subscribers(b"signal", 1, 5)
        self.out["decoder"].wait_for_subscribers(b"percept", 1, 5)

    def made(self, of: Any, arrays: dict[str, Any] | None = None, axes: Any = AXES, /,
             **fields: Any) -> Message:  # fmt: skip
        held = arrays or {}
        specs = describe(held, dict.fromkeys(held, axes), {})
        return Message(of(**self.stamp("x"), arrays=specs, **fields), held)

    def every(self) -> list[Message]:
        """Return one message of each kind that the window shows of acquisition."""
        x = {"x": np.arange(500, dtype=np.float32)}
        told = {"kind": "fmri", "mask_hash": "m", "ready": True}
        grid = tuple(map(float, np.eye(4).flat))
        channel = {"signal": np.ones((4, 1), np.float32)}
        underlay = {"underlay": GRID.astype(np.uint8)}
        return [
            self.made(Features, x, ("voxel",), **RUNNING, **told),
            self.made(Quality, **RUNNING, values=FIGURES),
            self.made(Event, t_data=1.0, label="face", stream="markers"),
            self.made(StatMap, {"t": GRID, **underlay}, **RUNNING, contrast="face", dof=9.0,
                      affine=grid),
            self.made(Regions, {**underlay, "labels": GRID.astype(np.uint8)}, names=("V1",),
                      how="", affine=grid),
            self.made(Signal, channel, ("time", "channel"), stream="s", first_index=0,
                      fs_hz=250.0, t_data=0.0, channels=("Oz",)),
        ]  # fmt: skip

    def percept(self, t_seen: float = 1.0) -> Message:
        arrays = {"c": np.ones(8, np.float32)}
        facts = {"t_features": 0.0, "confidence": 0.6, "label": "face", "bundle": "b"}
        chances = {"face": 0.6, "house": 0.4}
        return self.made(Percept, arrays, ("c",), **RUNNING, **facts, t_seen=t_seen,
                         probabilities=chances)  # fmt: skip

    def say(self, name: str, *messages: Message) -> None:
        for message in messages:
            self.out[name].send(message)
            self.settle(self.ears[name])

    def heard(self, *more: Message) -> dict[str, Message]:
        """Send everything and return what reaches the window, by its topic."""
        self.say("acquisition", *self.every())
        self.say("decoder", *(more or (self.percept(),)))
        mark, found = self.gate._doors["operator"]._views, dict[str, Message]()
        self.clock.advance(0.1)
        self.beat()
        while True:
            assert self.views["operator"].socket.poll(2000)
            for message in self.views["operator"].receive():
                if isinstance(message.header, View):
                    if message.header.seq >= mark:
                        return found
                else:
                    found[topic_of(message.header).decode()] = message

    def beat(self, *names: str, state: Any = "running") -> None:
        super().beat(*(names or ("supervisor", *PEERS, "gui")), state=state)

    def close(self) -> None:
        for socket in self.out.values():
            socket.close()
        super().close()


@pytest.fixture
def chain(folder: Path) -> Iterator[Any]:
    made: list[Chain] = []

    def begin(scopes: frozenset[Scope], plan: Plan | None = None, **changes: Any) -> Chain:
        made.append(Chain(plan or make_plan(folder, scopes, nodes=WINDOWED, **changes)))
        made[-1].beat()
        # What was told before anything happened is not asked for.
        list(made[-1].views["operator"].receive())
        return made[-1]

    yield begin
    for one in made:
        one.close()


def test_without_view_operator_the_window_gets_what_runs_a_scanner_and_no_brain(
    chain: Any,
) -> None:
    heard = chain(UNWATCHED).heard()
    assert set(heard) == {"features", "quality", "event"}
    assert not heard["features"].arrays
    assert (heard["features"].header.index, heard["features"].header.t_data) == (3, 4.0)
    assert set(heard["quality"].header.values) == {"fd_mm", "volumes", "tr_measured_s"}


def test_with_view_operator_it_gets_all_that_it_draws_and_nothing_else(chain: Any) -> None:
    heard = chain(WATCHED).heard()
    assert set(heard) == {"features", "quality", "event", "percept"} | BRAIN
    assert heard["quality"].header.values == FIGURES
    assert heard["features"].arrays["x"].tolist() == list(range(FEATURES_SHOWN))
    percept = heard["percept"]
    assert (percept.header.label, percept.header.confidence) == ("face", 0.6)
    assert not percept.arrays, "z and c stay inside"
    assert np.array_equal(heard["statmap"].arrays["t"], GRID)


def test_behind_a_blank_or_paused_view_nothing_decoded_passes_but_a_cap_can_be_looked_after(
    chain: Any,
) -> None:
    b = chain(WATCHED)
    for on, off in (("blank", "unblank"), ("pause", "resume")):
        assert b.ask(on).ok
        list(b.views["operator"].receive())
        assert set(b.heard()) == {"features", "quality", "event"} | BRAIN, on
        assert b.ask(off).ok
        assert "percept" in b.heard(), off


@pytest.mark.parametrize("how", ["stop", "withdrawal", "expiry"])
def test_after_a_stop_or_without_consent_any_more_nothing_of_the_brain_passes(
    chain: Any, folder: Path, how: str
) -> None:
    b = chain(WATCHED)
    assert BRAIN | {"percept"} <= set(b.heard())
    if how == "stop":
        assert b.ask("stop").ok
    elif how == "withdrawal":
        (folder / "withdrawn").write_text("the consent was withdrawn (participant)")
    else:
        b.wall = NOW + timedelta(hours=2)
    b.gate.step()
    list(b.views["operator"].receive())
    heard = b.heard()
    assert set(heard) == {"features", "quality", "event"}
    assert not heard["features"].arrays
    assert "roi_V1_psc" not in heard["quality"].header.values


def test_a_lost_bond_lets_no_percept_pass(chain: Any) -> None:
    b = chain(WATCHED)
    b.clock.advance(2.0)
    b.say("decoder", b.percept())
    assert [m for m in b.views["operator"].receive() if isinstance(m.header, Percept)] == []


def test_in_a_double_blind_run_no_percept_passes(
    chain: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_STATE", str(folder / "state"))
    (folder / "run").mkdir(mode=0o700)
    heard = chain(WATCHED, plan_of(folder, arm=1, nodes=WINDOWED, speed=None)).heard()
    assert "percept" not in heard
    assert "statmap" in heard


def test_of_rest_no_percept_passes(
    chain: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_STATE", str(folder / "state"))
    (folder / "run").mkdir(mode=0o700)
    b = chain(WATCHED, plan_of(folder, nodes=WINDOWED, protocol={"blocks": [
        {"kind": "rest", "duration_s": 6}, {"kind": "feedback", "duration_s": 10},
    ]}, speed=None))  # fmt: skip
    b.say("decoder", b.percept(t_seen=2.0))
    assert "percept" not in b.heard(b.percept(t_seen=5.0))


def test_at_a_coarse_level_a_percept_has_no_label(folder: Path) -> None:
    header = Percept(
        run="r", seq=0, t_acquired=0, t_sent=0, producer="decoder", **RUNNING, t_seen=0,
        t_features=0, confidence=0.5, label="face", probabilities={"face": 0.5}, bundle="b",
    )  # fmt: skip
    told = [of_percept(Message(header), level).header for level in (1, 2, 3, 4)]
    assert [h.label for h in told] == [None, None, "face", "face"]
    assert [bool(h.probabilities) for h in told] == [False, False, True, True]


def test_what_may_not_tell_of_the_brain_is_nothing_for_maps_and_the_same_for_events() -> None:
    stamp: dict[str, Any] = {"run": "r", "seq": 0, "t_acquired": 0, "t_sent": 0, "producer": "a"}
    event = Message(Event(**stamp, t_data=0.0, label="face", stream="markers"))
    assert without_brain(event) is event
    assert for_window(event) is event
    found = Message(StatMap(**stamp, **RUNNING, contrast="c", dof=1.0, affine=()), {"t": GRID})
    assert without_brain(found) is None


def test_without_a_window_the_gate_hears_nothing_for_it(folder: Path) -> None:
    b = Bench(make_plan(folder, frozenset(Scope)))
    try:
        assert b.gate._relay is None
        assert b.gate._percepts is None
    finally:
        b.close()


def test_a_figure_that_nobody_knows_counts_as_brain() -> None:
    known = [*FIGURES_OF_FMRI, *EEG_FIGURES, "flags_Oz", "impedance_Oz_kohm", "filter_delay_ms"]
    assert not [name for name in known if tells_of_brain(name)]
    told = [region_key("V1"), "rms_Oz_uv", "ptp_Oz_uv", "rms__uv", "alpha_power", "fd_mm_of_V1"]
    assert [name for name in told if tells_of_brain(name)] == told


def test_all_that_acquisition_tells_of_quality_is_known() -> None:
    samples = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    [(_, _, second), *_] = SecondQuality(250.0, ("Cz", "Oz")).push(samples, 0)
    assert {name for name in second if tells_of_brain(name)} == {"rms_Cz_uv", "rms_Oz_uv"}
