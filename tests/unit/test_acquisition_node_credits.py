from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.acquisition_node_bench import (
    Benches,
    benches,
    indices,
)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    return benches(tmp_path, monkeypatch)


def test_credits_are_cumulative_and_come_at_once_at_full_speed(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.marker(0, "face", 0.5)
        b.volume(0, 1, 2)
        b.work()
        volumes = b.told("volumes")
        assert volumes == sorted(volumes)
        assert set(volumes) == {0, 1, 2, 3}
        assert b.told("markers")[-1] == 1
        b.marker(1, "face", 6.5)
        b.work()
        assert b.told("markers") == [2]
        assert b.told("volumes") == [3]
        b.work()
        assert b.told("volumes") == [], "nothing new, nothing said"


def test_credits_are_repeated_so_that_a_new_bridge_hears_them(bench: Benches) -> None:
    with bench() as b:
        b.volume(0, 1)
        b.work()
        b.told("volumes")
        b.clock.advance(0.49)
        b.work()
        assert b.told("volumes") == []
        b.clock.advance(0.02)
        b.work()
        assert b.told("volumes") == [2]


def test_at_full_speed_32_features_are_on_their_way(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.volume(*range(50))
        b.work()
        assert (b["features"], len(b.volumes.waiting)) == (32, 18)
        due_s = b.node.due_s()
        assert due_s is not None
        assert due_s > b.clock.now()
        b.acknowledge(8)
        assert b["features"] == 40
        b.clock.advance(60.0)
        b.work()
        assert b["features"] == 40, "a decoder that is only slow is waited for"
        b.acknowledge(40)
        assert (b["features"], b["features_unacknowledged"]) == (50, 0)
        assert indices(b.published()) == list(range(50))


def test_a_new_decoder_process_does_not_owe_what_the_old_one_had(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.volume(*range(40))
        b.work()
        b.acknowledge(2)
        assert b["features"] == 34
        b.acknowledge(5, epoch="2")
        assert (b["features"], b["features_unacknowledged"]) == (40, 29)


def test_in_real_time_nothing_is_waited_for(bench: Benches) -> None:
    with bench() as b:
        b.volume(*range(40))
        b.work()
        assert b["features"] == 40


def test_at_full_speed_it_is_done_when_the_decoder_has_everything(bench: Benches) -> None:
    with bench(lossless=True) as b:
        b.end(0, 3)
        b.volume(0, 1)
        b.work()
        b.acknowledge(2)
        assert not b.node.done(), "the end was announced, a volume is still missing"
        b.volume(2)
        b.work()
        assert not b.node.done(), "the decoder has not acknowledged the last"
        b.acknowledge(3)
        assert b.node.done()
        assert b["events"] == 0, "the end is no event"


def test_in_real_time_it_is_done_with_the_last_volume(bench: Benches) -> None:
    with bench() as b:
        b.volume(0, 1)
        b.work()
        assert not b.node.done()
        b.end(0, 2)
        b.work()
        assert b.node.done()
