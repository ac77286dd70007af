from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from decoder.flow import AckWindow
from decoder.node import label_of


def test_a_full_window_waits_for_an_acknowledgement() -> None:
    window = AckWindow(most=2)
    window.sent(1, 0.0)
    assert window.room(0.0)
    window.sent(2, 0.0)
    assert not window.room(1.0)
    window.acknowledge(1, "a", 1.0)
    assert window.room(1.0)
    assert window.written_off == 0


def test_a_silent_peer_is_written_off_and_counted() -> None:
    window = AckWindow(most=2, silence_s=2.0)
    window.sent(1, 0.0)
    window.sent(2, 0.0)
    assert not window.room(1.9)
    assert window.room(2.0)
    assert window.written_off == 2


def test_a_pause_without_anything_outstanding_is_no_silence() -> None:
    window = AckWindow(most=1, silence_s=2.0)
    window.sent(1, 0.0)
    window.acknowledge(1, "a", 0.1)
    window.sent(2, 100.0)
    assert not window.room(100.1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=80))
def test_never_more_outstanding_than_allowed(steps: list[tuple[bool, int]]) -> None:
    window = AckWindow(most=4, silence_s=1e9)
    sent = acknowledged = 0
    for is_ack, count in steps:
        if is_ack:
            window.acknowledge(count, "a", 0.0)
            acknowledged = max(acknowledged, min(count, sent))
        elif window.room(0.0):
            sent += 1
            window.sent(sent, 0.0)
        assert sent - acknowledged <= 4


def test_the_label_is_the_likeliest_category_or_rest() -> None:
    probabilities = {"face": 0.3, "house": 0.1, "rest": 0.6}
    assert label_of(probabilities, 0.7) == "face"
    assert label_of(probabilities, 0.4) == "rest"
    assert label_of({"face": 0.4, "house": 0.6}, 0.1) == "house"
    assert label_of({}, 0.9) is None
