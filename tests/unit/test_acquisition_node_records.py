from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquisition.take import Out
from phosphene.messages import Quality, topic_of
from tests.unit.acquisition_node_bench import (
    BRAIN,
    SHAPE,
    TR_S,
    Benches,
    benches,
    topics,
)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benches:
    return benches(tmp_path, monkeypatch)


def test_markers_go_out_before_the_data_that_came_with_them(bench: Benches) -> None:
    with bench() as b:
        b.volume(0)
        b.marker(0, "1", 0.5, duration=2.0)
        b.marker(1, "face", 1.5, detail='{"a": 1}')
        b.work()
        b.volume(1)
        b.work()
        found = b.published()
        assert topics(found) == ["event", "event", "features", "quality", "features", "quality"]
        first, second = found[0].header, found[1].header
        assert (first.label, first.t_data, first.detail) == ("house", 0.5, '{"duration_s": 2.0}')
        assert (second.label, second.t_data, second.detail) == ("face", 1.5, '{"a": 1}')
        assert [m.header.t_data for m in found[2:]] == [2.0, 2.0, 4.0, 4.0]
        assert found[3].header.t_acquired == 50.0
        assert (b["events"], b["features"], b["volumes"]) == (2, 2, 2)


@pytest.mark.parametrize("scopes", [None, (), ("record_images", "view_self")])
def test_without_record_brain_only_quality_and_events_are_recorded(
    bench: Benches, scopes: tuple[str, ...] | None
) -> None:
    with bench(scopes=scopes) as b:
        b.marker(0, "face", 0.5)
        b.volume(0, 1)
        b.work()
        assert topics(b.recorded()) == ["event", "quality", "quality"]
        assert b["features"] == 2, "they are still published"


@pytest.mark.parametrize("scopes", [None, ("record_brain",)])
def test_what_regions_do_is_recorded_only_where_brain_data_may_be(
    bench: Benches, scopes: tuple[str, ...] | None
) -> None:
    with bench(scopes=scopes) as b:
        values = {"dvars_psc": 1.0, "roi_V1_psc": 0.5}
        b.node._send(Out(Quality, 1.0, {"index": 0, "t_data": 2.0, "values": values}))
        b.work()
        (recorded,), (shown,) = b.recorded(), b.published()
        assert shown.header.values == values
        allowed = values if scopes else {"dvars_psc": 1.0}
        assert recorded.header.values == allowed
        assert recorded.header.seq == shown.header.seq


def test_with_record_brain_raw_volumes_and_features_are_recorded_too(bench: Benches) -> None:
    with bench() as b:
        b.marker(0, "face", 0.5)
        b.volume(0)
        b.work()
        found = b.recorded()
        assert topics(found) == ["event", "features", "quality", "volume"]
        noise = np.random.default_rng(0).normal(0, 5, SHAPE).astype(np.float32)
        np.testing.assert_array_equal(found[3].arrays["volume"], BRAIN + noise)
        assert "volume" not in topics(b.published()), "raw data goes to the recorder alone"


@pytest.mark.parametrize("scopes", [None, ("record_brain",)])
def test_maps_at_the_end_are_recorded_only_where_brain_data_may_be(
    bench: Benches, scopes: tuple[str, ...] | None
) -> None:
    with bench(lossless=True, scopes=scopes) as b:
        for k in range(30):
            if k % 6 == 0:
                b.marker(k // 6, "face", k * TR_S, duration=4.0)
            b.volume(k)
            b.work()
            b.acknowledge(k + 1)
        assert "statmap" not in topics(b.recorded())
        b.end(5, 30)
        b.work()
        assert b.node.done()
        assert ("statmap" in topics(b.recorded())) == (scopes is not None)
        event = next(m.header for m in b.published() if topic_of(m.header) == b"event")
        assert event.duration_s == 4.0
