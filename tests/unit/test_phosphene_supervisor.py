from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.messages import Beat
from phosphene.run_end import Settling, end_of
from phosphene.supervisor import RestartPolicy, Snapshot
from phosphene.supervisor.tally import Tally


@given(st.lists(st.floats(0, 500, allow_nan=False), max_size=60))
def test_never_more_restarts_than_allowed_within_the_interval(times: list[float]) -> None:
    policy = RestartPolicy(most=3, within_s=60.0)
    allowed = [t for t in sorted(times) if policy.allow("decoder", t)]
    for index, begin in enumerate(allowed):
        within = [t for t in allowed[index:] if t - begin <= 60.0]
        assert len(within) <= 3


def test_each_node_has_its_own_restarts() -> None:
    policy = RestartPolicy(most=1)
    assert policy.allow("decoder", 0.0)
    assert policy.allow("renderer", 0.0)
    assert not policy.allow("decoder", 1.0)


def test_counters_have_settled_once_they_stand_still() -> None:
    settling = Settling(quiet_s=1.0)
    assert not settling.settled((1,), 10.0)
    assert not settling.settled((2,), 10.9)
    assert not settling.settled((2,), 11.8)
    assert settling.settled((2,), 11.9)


def snapshot(elapsed_s: float, frames: int) -> Snapshot:
    counts = {"bridge": {"pushed": 9}, "decoder": {"percepts": 9}, "renderer": {"frames": frames}}
    beats = {
        name: Beat(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer=name, pid=1,
                   state="done" if name == "bridge" else "running", counts=held)
        for name, held in counts.items()
    }  # fmt: skip
    return Snapshot(elapsed_s, beats, frozenset())


@pytest.mark.parametrize(("speed", "waits"), [(None, True), (1.0, False)])
def test_a_lossless_run_ends_after_its_last_frame(speed: float | None, waits: bool) -> None:
    until = end_of(lossless=speed is None)
    ends = [until(snapshot(0.5 * step, frames=step)) for step in range(10)]
    assert (ends[-1] is None) is waits
    until(snapshot(5.0, frames=10))
    assert until(snapshot(6.5, frames=10)) == "the recording has ended"


def test_a_lossless_run_waits_for_frames_that_the_gate_has_not_taken_yet() -> None:
    def ends(seen: int) -> str | None:
        until = end_of(lossless=True)
        at_s = [0.0, 2.0, 9.0, 11.6]
        now = snapshot(0.0, frames=3)
        counts = {"renderer": {"frames": 3}, "gate": {"frames_seen": seen}}
        given = [until(Snapshot(t, now.beats, now.ended, counts)) for t in at_s]
        assert given[0] is None
        assert given[3] == "the recording has ended", "not for ever"
        return given[1]

    assert ends(seen=3) == "the recording has ended"
    assert ends(seen=2) is None


def test_a_run_does_not_end_while_a_node_is_on_its_way_back() -> None:
    until = end_of(lossless=True)
    now = snapshot(0.0, frames=3)
    away = Snapshot(9.0, now.beats, now.ended, returning=frozenset({"renderer"}))
    until(now)
    assert until(away) is None
    assert until(snapshot(9.0, frames=3)) == "the recording has ended"


def test_counters_are_summed_over_the_restarts_of_a_node() -> None:
    beats = dict(snapshot(0.0, frames=5).beats)
    tally = Tally()
    tally.keep("renderer", beats["renderer"])
    tally.keep("decoder", None)  # it fell before its first beat
    assert tally.total(beats)["renderer"] == {"frames": 10}
    del beats["renderer"]
    assert tally.total(beats) == {
        "bridge": {"pushed": 9}, "decoder": {"percepts": 9}, "renderer": {"frames": 5},
    }  # fmt: skip
    tally.keep("renderer", snapshot(0.0, frames=2).beats["renderer"])
    assert tally.total({}) == {"renderer": {"frames": 7}}
