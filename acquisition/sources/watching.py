"""Follows a folder as it fills up: waits, and lets a `FolderScan` decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from acquisition.fmri.volume import Volume
from acquisition.sources.folder import FolderScan
from acquisition.sources.notify import Heard, Watch
from phosphene.clock import Clock

__all__ = ["watch_folder"]


def watch_folder(
    scan: FolderScan, clock: Clock, watch: Watch, finished: Callable[[], bool]
) -> Iterator[Volume]:
    """Yield volumes as they appear, until `finished` says that no more will come.

    Parameters
    ----------
    scan : FolderScan
        The folder.
    clock : Clock
        The time.
    watch : Watch
        What to wait for between two looks.
    finished : callable
        Asked before each look; after True there is one last look.

    Yields
    ------
    Volume
        In order.
    """
    heard, look_s = Heard([], look=True), clock.now()
    while True:
        last = finished()
        now_s = clock.now()
        yield from scan.hear(heard.files, now_s)
        if last or heard.look or now_s >= look_s:
            yield from _look(scan, clock, watch)
            look_s = clock.now() + watch.interval_s
        if last:
            break
        now_s = clock.now()
        due_s = scan.due_s(now_s)
        heard = watch.wait(max(0.0, min(look_s, look_s if due_s is None else due_s) - now_s))
    yield from scan.close()


def _look(scan: FolderScan, clock: Clock, watch: Watch) -> Iterator[Volume]:
    """Look at everything; a subfolder is listened to before what is in it is looked at again."""
    was_reachable = scan.reachable
    yield from scan.poll(clock.now())
    if not scan.reachable or not was_reachable:
        watch.forget()
    while scan.reachable and watch.follow(scan.folders):
        yield from scan.poll(clock.now())
