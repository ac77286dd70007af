"""The latest date of a run: a clock that is set back revives no consent, whoever starts again."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.consent import Scope
from phosphene.gate.dates import LatestDate
from phosphene.gate.memory import DATE_FILE, GateMemory, latest_in
from tests.unit import test_recorder_node as recorder
from tests.unit.test_gate_node import NOW, bench
from tests.unit.test_gate_orders import newest_grant

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def test_a_gate_that_is_started_again_goes_on_from_the_latest_date_that_was_seen(
    folder: Path,
) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        assert newest_grant(b).decode
        b.wall = NOW + HOUR  # the consent is over
        assert not newest_grant(b).decode
    for wall in (NOW, NOW - 1000 * HOUR):
        with bench(folder, frozenset(Scope)) as b:
            b.wall = wall
            b.beat()
            grant = newest_grant(b)
            assert (grant.decode, grant.scopes) == (False, ())
            assert "expired" in grant.reason
            b.frame(1)
            frames, view = b.seen("self")
            assert (frames, view.passing) == ([], False)


def test_within_the_consent_a_restart_with_the_clock_set_back_loses_no_second(
    folder: Path,
) -> None:
    with bench(folder, frozenset(Scope)) as b:
        b.wall = NOW + HOUR / 2
        assert newest_grant(b).decode
    with bench(folder, frozenset(Scope)) as b:
        b.wall = NOW
        b.beat()
        assert newest_grant(b).decode
        assert b.gate.policy.latest(NOW) == NOW + HOUR / 2


def test_the_recorder_keeps_nothing_once_the_run_has_seen_the_end_of_the_consent(
    folder: Path,
) -> None:
    with recorder.bench(recorder.make_plan(folder)) as b:
        b.wall = recorder.NOW + HOUR
        b.one_of_each()
        b.node._consent_checked_s = float("-inf")
        b.wall = recorder.NOW
        b.one_of_each()
        assert b.node.counts()["withheld"] == 6, "set back while it runs"
    GateMemory(folder).keep_latest(recorder.NOW + HOUR)
    with recorder.bench(recorder.make_plan(folder)) as b:
        b.one_of_each()
        assert b.node.counts()["withheld"] == 3, "set back before it was started again"
    assert not {"features", "percept", "frame"} & set(recorder.topics(folder))


def test_a_date_that_cannot_be_read_lets_nothing_be_valid(folder: Path) -> None:
    assert latest_in(folder) is None
    for text in ("", "soon", "2026-05-01T12:00:00"):  # the last one has no zone
        (folder / DATE_FILE).write_text(text)
        with bench(folder, frozenset(Scope)) as b:
            b.beat()
            assert not newest_grant(b).decode


def test_a_full_disk_costs_a_sentence_and_no_view(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with bench(folder, frozenset(Scope)) as b:
        b.beat()
        monkeypatch.setattr(GateMemory, "_write", full)
        b.wall = NOW + HOUR / 2
        assert newest_grant(b).decode
        assert "No space left" in b.context.note
        b.wall = NOW
        assert b.gate.policy.latest(NOW) == NOW + HOUR / 2, "it never goes back here"
        b.wall = NOW + HOUR
        assert not newest_grant(b).decode


def test_it_is_kept_once_a_second_and_at_the_end_of_the_consent() -> None:
    kept: list[datetime] = []
    expires = NOW + 2.5 * SECOND
    dates = LatestDate(None, kept.append, expires)
    for tenth in range(40):
        dates.of(NOW + tenth * SECOND / 10)
        dates.of(NOW)
    assert kept == [NOW, NOW + SECOND, NOW + 2 * SECOND, expires, NOW + 3.5 * SECOND]


@given(st.lists(st.integers(-10_000, 10_000), min_size=1), st.none() | st.integers(-10_000, 10_000))
def test_it_never_goes_back(seconds: list[int], seen: int | None) -> None:
    begun = None if seen is None else NOW + seen * SECOND
    dates = LatestDate(begun)
    told = [dates.of(NOW + s * SECOND) for s in seconds]
    assert told == sorted(told)
    assert told[-1] == max([NOW + s * SECOND for s in seconds] + ([begun] if begun else []))


def test_a_date_of_another_zone_is_the_same_moment(folder: Path) -> None:
    memory = GateMemory(folder)
    memory.keep_latest(NOW.astimezone())
    assert memory.latest() == NOW
    assert NOW.tzinfo is UTC
