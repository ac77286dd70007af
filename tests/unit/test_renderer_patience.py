from __future__ import annotations

import threading

import pytest

from phosphene.errors import ConfigError
from renderer.patience import patiently


def test_signs_of_life_go_on_while_something_is_loaded() -> None:
    beats = threading.Semaphore(0)
    callers = set()

    def alive() -> None:
        callers.add(threading.get_ident())
        beats.release()

    def work() -> tuple[int, int]:
        assert all(beats.acquire(timeout=20) for _ in range(3)), "it waits for the third beat"
        return 7, threading.get_ident()

    made, worker = patiently(work, alive)
    assert made == 7
    assert callers == {threading.get_ident()} != {worker}


def test_what_goes_wrong_while_loading_is_raised_where_it_is_waited_for() -> None:
    def work() -> None:
        raise ConfigError("no such folder")

    with pytest.raises(ConfigError, match="no such folder"):
        patiently(work, lambda: None)
