from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phosphene.run import Settling
from phosphene.supervisor import RestartPolicy


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
