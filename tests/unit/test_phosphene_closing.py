from __future__ import annotations

import pytest

from phosphene.closing import Closing


class Held(Closing):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_block_closes_what_it_holds_once() -> None:
    with Held() as held:
        assert held.closed == 0
    assert held.closed == 1


def test_an_error_closes_too_and_goes_on() -> None:
    held = Held()
    with pytest.raises(ValueError, match="inside"), held:
        raise ValueError("inside")
    assert held.closed == 1
