"""Volumes from a folder that a scanner writes to, read in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from acquisition.fmri.volume import Volume
from acquisition.sources.dicom import DicomReader
from acquisition.sources.folder import Bell, FolderScan, watch_folder
from acquisition.sources.identity import new_key
from acquisition.sources.nifti import NiftiReader
from acquisition.sources.notify import NotifyBell
from acquisition.sources.reorder import Reorderer
from phosphene.clock import Clock

__all__ = ["AnyReader", "FolderFeed"]

_LOOK_S = 0.5


class AnyReader:
    """Reads NIfTI files by their ending and takes everything else for DICOM.

    Parameters
    ----------
    tr_s : float or None
        Repetition time in seconds for NIfTI files, which seldom say.
    """

    def __init__(self, tr_s: float | None) -> None:
        key = new_key()
        self._nifti, self._dicom = NiftiReader(tr_s or 0.0, key=key), DicomReader(key)

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file; see `acquisition.sources.folder.VolumeReader`."""
        if name.endswith((".nii", ".nii.gz")):
            return self._nifti.read(raw, name)
        return self._dicom.read(raw, name)


class FolderFeed:
    """Watches a folder and queues its volumes in order.

    Parameters
    ----------
    folder : Path
        Where the scanner writes.
    tr_s : float or None
        Repetition time in seconds where the files are silent.
    poll_s : float or None
        Look at this interval instead of waiting for the system to tell of new files.
    skip : collection of str
        Names of files that belong to something else.
    clock : Clock
        Present time.
    wake : Callable
        Called, in the thread, whenever a volume has been queued.
    """

    def __init__(
        self,
        folder: Path,
        tr_s: float | None,
        poll_s: float | None,
        skip: Collection[str],
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._folder, self._poll_s, self._clock, self._wake = folder, poll_s, clock, wake
        # A volume waits for an earlier one this long; then the gap is accepted and counted.
        patience_s = 2.0 * tr_s if tr_s else 2.0
        self._scan = FolderScan(folder, AnyReader(tr_s), Reorderer(patience_s), skip=skip)
        self._queue: queue.SimpleQueue[Volume] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._watch, name="folder-feed")
        self._thread.start()

    def take(self) -> Iterator[Volume]:
        """Yield the volumes that have arrived; raise what has ended the thread, if anything."""
        while True:
            try:
                yield self._queue.get_nowait()
            except queue.Empty:
                break
        if self._failure is not None:
            raise self._failure

    def counts(self) -> dict[str, int]:
        """Return what was refused, repeated or missing."""
        found = self._scan.counts
        return {
            "duplicates": found["duplicates"],
            "foreign_files": found["foreign"],
            "second_series": found["other_series"],
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
        self._thread.join()

    def _watch(self) -> None:
        try:
            with self._bell() as bell:
                interval_s = self._poll_s or _LOOK_S
                finished = self._closing.is_set
                for volume in watch_folder(self._scan, self._clock, bell, interval_s, finished):
                    self._queue.put(volume)
                    self._wake()
        except Exception as error:  # handed to the node, which ends with it
            self._failure = error
            self._wake()

    @contextmanager
    def _bell(self) -> Iterator[Bell]:
        if self._poll_s is not None:
            yield _ClosingBell(self._closing)
        else:
            with NotifyBell(self._folder) as bell:
                yield bell


class _ClosingBell:
    """Lets time pass until a feed is closed."""

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing

    def wait(self, timeout_s: float) -> None:
        """Return after `timeout_s` seconds, or at once when the feed is closed."""
        self._closing.wait(timeout_s)
