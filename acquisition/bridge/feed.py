"""Volumes from a folder that a scanner writes to, read in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Literal

from acquisition.bridge.before import keep_name, kept_name
from acquisition.fmri.volume import Volume
from acquisition.sources.any_reader import AnyReader
from acquisition.sources.folder import FolderScan
from acquisition.sources.notify import open_watch
from acquisition.sources.reorder import Reorderer
from acquisition.sources.watching import watch_folder
from phosphene.clock import Clock

__all__ = ["FOLDER_DEPTH", "FolderFeed"]

FOLDER_DEPTH = 4
"""Levels of subfolders that belong to a folder; GE writes three."""
Images = Literal["first", "original", "moco"]
_QUEUED = 64
_LOOK_S = 0.25
_PATIENCE_TR, _LEAST_PATIENCE_S = 2.0, 2.0


class FolderFeed:
    """Watches a folder and queues its volumes in order.

    When nobody takes the volumes, no more are read than the queue holds: memory is bounded.

    Parameters
    ----------
    folder : Path
        Where the scanner writes; subfolders belong to it.
    tr_s : float or None
        Repetition time in seconds where the files are silent.
    poll_s : float or None
        Look at this interval instead of waiting for the system to tell of new files; None chooses
        by the file system.
    skip : collection of str
        Files, relative to the folder, that belong to something else.
    clock : Clock
        Present time.
    wake : Callable
        Called, in the thread, whenever a volume has been queued.
    keep : Path or None
        File in which a mark of the series' first file is kept, so that a process that starts
        again in the middle of the run follows the same series.
    series, images, echo
        Which images to take, see `AnyReader`.
    """

    def __init__(
        self,
        folder: Path,
        tr_s: float | None,
        poll_s: float | None,
        skip: Collection[str],
        clock: Clock,
        wake: Callable[[], None],
        keep: Path | None = None,
        series: int | None = None,
        images: Images = "first",
        echo: int = 1,
    ) -> None:
        self._clock, self._wake, self._keep = clock, wake, keep
        # A volume waits for an earlier one this long; then the gap is accepted and counted.
        self._order = Reorderer(_patience_s(tr_s or 0.0))
        self._watch = open_watch(folder, poll_s, clock.now)
        self._reader = AnyReader(tr_s, None, folder, series, images, echo)
        try:
            self._scan = FolderScan(
                folder,
                self._reader,
                self._order,
                # What is cut off is given up after the volumes that waited for it.
                settle_s=1.5 * self._order.wait_s,
                skip=skip,
                steady_s=self._watch.steady_s,
                depth=FOLDER_DEPTH,
                first=kept_name(keep, folder, FOLDER_DEPTH),
            )
        except BaseException:
            self._watch.close()
            raise
        self._scan.refusals.append(f"the folder is {self._watch.words}")
        self._queue: queue.Queue[Volume] = queue.Queue(_QUEUED)
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._follow, name="folder-feed")
        self._thread.start()

    def take(self) -> Iterator[Volume]:
        """Yield the volumes that have arrived; raise what has ended the thread, if anything."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._queue.get_nowait()
        if self._failure is not None:
            raise self._failure

    def counts(self) -> dict[str, int]:
        """Return what was refused, repeated or missing."""
        found = self._scan.counts
        return {
            "duplicates": found["duplicates"],
            **self._reader.counts,
            "foreign_files": found["foreign"],
            "second_series": found["other_series"],
            "moco": found["moco"],
            "other_echoes": found["echo"],
            "restarts": found["restarts"],
            "other_matrix": found["other_matrix"],
            "truncated": found["truncated"],
            "damaged": found["damaged"],
            "gaps": found["gaps"],
            "late": found["late"],
            "folder_outages": found["outages"],
        }

    def complaints(self) -> list[str]:
        """Return why things were left out since the last call, oldest first."""
        told = []
        # The thread that watches the folder may add to them meanwhile.
        while self._scan.refusals:
            told.append(self._scan.refusals.popleft())
        return told

    def close(self) -> None:
        """Stop watching."""
        self._closing.set()
        self._watch.wake()
        self._thread.join()
        self._watch.close()

    def _follow(self) -> None:
        try:
            volumes = watch_folder(self._scan, self._clock, self._watch, self._closing.is_set)
            for number, volume in enumerate(volumes):
                if number == 0:
                    self._order.wait_s = _patience_s(volume.tr_s)
                    if self._keep is not None:
                        keep_name(self._keep, self._scan.first)
                self._pass_on(volume)
        except Exception as error:  # handed to the node, which ends with it
            self._failure = error
            self._wake()

    def _pass_on(self, volume: Volume) -> None:
        """Queue a volume; while nobody takes any, no more are read."""
        while not self._closing.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(volume, timeout=_LOOK_S)
                break
        self._wake()


def _patience_s(tr_s: float) -> float:
    return max(_PATIENCE_TR * tr_s, _LEAST_PATIENCE_S)
