"""Data that do not come any more: participant, observers and programs are shown nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.bus import Publisher
from phosphene.consent import Scope
from phosphene.gate.silence import NO_DATA, Silence
from phosphene.messages import Beat, Message, Quality
from tests.unit.test_gate_node import PEERS, Bench, make_plan

State = Literal["running", "done"]


def beat(counts: dict[str, int], pid: int = 1, state: State = "running") -> Beat:
    return Beat(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition", pid=pid,
                state=state, counts=counts)  # fmt: skip


def volume(index: int, tr_s: float) -> Quality:
    return Quality(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition", index=index,
                   t_data=(index + 1) * tr_s, values={})  # fmt: skip


def test_samples_may_stay_away_for_a_second() -> None:
    silence = Silence("eeg")
    silence.beat(beat({"samples": 0}), 1.0)
    assert silence.why("self", 99.0) == "", "nothing has come yet, so nothing is shown of it"
    silence.beat(beat({"samples": 40}), 100.0)
    silence.beat(beat({"samples": 40}), 100.9)
    assert silence.why("self", 101.0) == ""
    for sink in ("self", "observer", "stream"):
        assert silence.why(sink, 101.01) == NO_DATA
    assert silence.why("operator", 101.01) == silence.why("recorder", 101.01) == ""
    silence.beat(beat({"samples": 41}), 101.1)
    assert silence.why("self", 101.2) == ""


@given(tr_s=st.floats(0.4, 4.0), lost=st.integers(0, 5))
@settings(max_examples=40)
def test_volumes_may_stay_away_for_three_of_them(tr_s: float, lost: int) -> None:
    silence = Silence("fmri")
    silence.beat(beat({"volumes": 1}), 100.0)
    silence.quality(volume(0, tr_s))
    assert silence.why("self", 1e6) == "", "nobody knows yet how long a volume takes"
    silence.beat(beat({"volumes": 2}), 110.0)
    silence.quality(volume(1 + lost, tr_s))
    limit_s = max(1.0, 3.0 * tr_s)
    assert silence.why("observer", 110.0 + limit_s * 0.999) == ""
    assert silence.why("observer", 110.0 + limit_s * 1.001) == NO_DATA


def test_a_wrong_header_makes_no_other_rule_and_the_end_of_the_data_is_no_silence() -> None:
    silence = Silence("fmri")
    silence.beat(beat({"volumes": 3}), 100.0)
    for index, tr_s in ((1, 2.0), (2, 2.0), (3, 1e-9), (4, float("nan"))):
        silence.quality(volume(index, tr_s))
    assert silence.why("self", 105.9) == ""
    assert silence.why("self", 106.1) == NO_DATA
    silence.beat(beat({"volumes": 3}, state="done"), 106.2)
    assert silence.why("self", 200.0) == ""


def test_a_new_process_that_gets_no_data_is_silent_too() -> None:
    silence = Silence("eeg")
    silence.beat(beat({"samples": 40}), 100.0)
    silence.beat(beat({"samples": 0}, pid=2), 100.5)
    assert silence.why("self", 101.1) == NO_DATA
    silence.beat(beat({"samples": 1}, pid=2), 101.2)
    assert silence.why("self", 101.3) == ""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


@pytest.mark.parametrize(("mode", "blanks"), [("live", True), ("replay", False)])
def test_a_silent_scanner_blanks_the_participant_though_every_bond_holds(
    folder: Path, mode: str, blanks: bool
) -> None:
    nodes = ("gate", *PEERS, "acquisition")
    b = Bench(make_plan(folder, frozenset(Scope), mode=mode, nodes=nodes))
    figures = Publisher(b.zmq, b.context.endpoint("acquisition"))
    try:
        figures.wait_for_subscribers(b"quality", 1, 5)

        def come(volumes: int) -> None:
            header = Beat(**b.stamp("acquisition"), pid=1, state="running",
                          counts={"volumes": volumes})  # fmt: skip
            b.bonds.send(Message(header))
            b.settle(b.gate._bonds.socket)
            b.beat()

        for index in (0, 1):
            figures.send(Message(Quality(**b.stamp("acquisition"), index=index,
                                         t_data=1.5 * (index + 1), values={})))  # fmt: skip
            b.settle(b.gate._ears.acquisition.socket)
        come(2)
        b.frame(1)
        assert [len(b.seen(sink)[0]) for sink in ("self", "operator", "observer")] == [1, 1, 1]
        for _ in range(10):
            b.clock.advance(0.5)
            come(2)
        b.frame(2)
        for sink, shown in (("self", not blanks), ("observer", not blanks), ("operator", True)):
            frames, view = b.seen(sink)
            assert len(frames) == shown, sink
            assert view.passing == shown
            assert bool(view.reason) != shown
            assert sink != "self" or (view.reason == NO_DATA) == blanks
        come(3)
        b.frame(3)
        assert len(b.seen("self")[0]) == 1
    finally:
        figures.close()
        b.close()
