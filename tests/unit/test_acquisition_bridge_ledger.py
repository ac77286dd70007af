from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from acquisition.bridge.ledger import Ledger
from acquisition.flow import FeatureWindow


def test_room_ends_at_the_limit_and_returns_with_credit() -> None:
    ledger = Ledger({"volumes": 2, "markers": 64})
    assert not ledger.known
    ledger.push("volumes", 1)
    assert ledger.room("volumes")
    ledger.push("volumes", 2)
    assert not ledger.room("volumes")
    ledger.credit("volumes", 1, "a")
    assert ledger.known
    assert ledger.room("volumes")
    assert not ledger.settled("volumes")
    assert ledger.settled("markers")
    ledger.credit("volumes", 2, "a")
    assert ledger.settled()


@given(st.lists(st.tuples(st.sampled_from(["push", "credit"]), st.integers(0, 50))))
def test_counts_never_run_back_or_ahead(moves: list[tuple[str, int]]) -> None:
    ledger = Ledger({"volumes": 8})
    pushed = credited = 0
    for kind, count in moves:
        if kind == "push":
            ledger.push("volumes", count)
            pushed = max(pushed, count)
        else:
            ledger.credit("volumes", count, "a")
            credited = max(credited, min(count, pushed))
        assert ledger.outstanding("volumes") == pushed - credited
        assert ledger.credited("volumes") == credited


def test_a_new_consumer_is_told_once_and_can_be_written_off() -> None:
    ledger = Ledger({"samples": 100, "markers": 64})
    ledger.push("samples", 70)
    ledger.push("markers", 3)
    ledger.credit("samples", 50, "a")
    assert not ledger.changed()
    ledger.credit("samples", 50, "b")
    assert ledger.changed()
    assert not ledger.changed()
    assert ledger.outstanding("samples") == 20
    assert ledger.write_off() == 23
    assert ledger.settled()


def test_a_restarted_bridge_continues_its_count() -> None:
    ledger = Ledger({"volumes": 8})
    ledger.start("volumes", 30)
    ledger.credit("volumes", 30, "a")
    assert ledger.settled()
    ledger.push("volumes", 31)
    assert ledger.outstanding("volumes") == 1


def test_features_wait_for_a_slow_decoder_however_long() -> None:
    window = FeatureWindow(4)
    window.readers(1, 0.0)
    window.sent(4)
    assert not window.room(1000.0)
    window.acknowledge(1, "a", 1000.0)
    assert window.room(1000.1)
    assert window.unacknowledged == 0


def test_a_new_decoder_resets_the_window_and_the_loss_is_counted() -> None:
    window = FeatureWindow(4)
    window.readers(1, 0.0)
    window.sent(4)
    window.acknowledge(1, "a", 1.0)
    window.sent(5)
    window.acknowledge(2, "b", 2.0)
    assert window.unacknowledged == 3
    assert window.outstanding == 0
    assert window.room(2.0)


def test_a_decoder_that_left_and_stays_silent_is_written_off() -> None:
    window = FeatureWindow(4)
    window.readers(2, 0.0)
    window.sent(4)
    window.readers(1, 10.0)
    assert not window.room(10.0), "nothing is sent while somebody is missing"
    window.readers(2, 11.0)
    assert not window.room(11.5)
    assert window.room(12.5)
    assert window.unacknowledged == 4


def test_a_reader_who_left_for_good_is_not_waited_for() -> None:
    window = FeatureWindow(4)
    window.readers(2, 0.0)
    window.readers(1, 1.0)
    assert not window.room(2.0)
    window.readers(1, 12.0)
    assert window.room(12.0)
