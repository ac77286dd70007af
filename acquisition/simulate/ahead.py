"""Lets a thread make the next items while the present one is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")
_AHEAD = 8


def ahead(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Yield what an iterator gives while a thread already makes the next items.

    Parameters
    ----------
    make : Callable
        Makes the iterator; it is used in the thread only.

    Yields
    ------
    object
        In order; what the iterator raises is raised here, after all that it gave before.
    """
    waiting: queue.Queue[T | None] = queue.Queue(_AHEAD)
    failure: list[BaseException] = []
    leaving = threading.Event()

    def put(item: T | None) -> None:
        while not leaving.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def run() -> None:
        try:
            for item in make():
                put(item)
                if leaving.is_set():
                    return
        except BaseException as error:
            failure.append(error)
        put(None)

    thread = threading.Thread(target=run, name="simulating")
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            yield item
    finally:
        leaving.set()
        thread.join()
    if failure:
        raise failure[0]
