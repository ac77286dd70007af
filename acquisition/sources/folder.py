"""A folder that a scanner writes into.

`FolderScan` decides and has no clock and no thread of its own, so that tests drive it file by file;
`acquisition.sources.watching` waits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.volume import Volume
from acquisition.sources.assemble import Pending
from acquisition.sources.damage import damaged
from acquisition.sources.done import Done, Stamp, stamp_of
from acquisition.sources.inotify import FileEvent
from acquisition.sources.listing import Listing, is_data
from acquisition.sources.reading import UnreadableError, VolumeReader, bytes_of
from acquisition.sources.reorder import Reorderer
from acquisition.sources.series import SeriesWatch
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["FolderScan", "VolumeReader"]

_KEPT_REFUSALS = 50
_SOON_S = 0.05
MOST_AT_ONCE = 64
# A share may give a file its full length first and its content later. One that ends blank is
# therefore left to stand still for longer, where nobody tells that it is complete.
_BLANK, _BLANK_STEADY_S = bytes(4096), 1.0


@dataclass
class _Open:
    """A file that is not done with."""

    stamp: Stamp
    since_s: float
    steady_s: float
    error: InputError | None = None


class FolderScan:
    """Finds complete volumes in a folder, in order, once each.

    A file that the system says is complete is read at once; one that was found by looking, when its
    size and time stamp have stood still for `steady_s`. A file that cannot be read is tried again
    whenever it changes, and refused when it has not changed for `settle_s`. One that is written
    again later is read again. Files of another series or matrix size, whose header was readable,
    are refused at once. A folder that cannot be listed, such as a network share that dropped, is
    told once, counted once, and looked for again at every look.

    Parameters
    ----------
    folder : Path
        Where the files appear.
    reader : VolumeReader
        For one series.
    reorderer : Reorderer
        For the order.
    settle_s : float
        Seconds after which an unchanged file is taken to be as long as it will ever be.
    pattern : str
        Names to consider; hidden files and the usual temporary endings never are.
    skip_existing : bool
        Whether files that are there at the start belong to something else.
    skip : collection of str
        Files, relative to the folder, that belong to something else unless they are written again.
    steady_s : float
        Seconds for which a file found by looking must not have changed before it is read.
    depth : int
        Levels of subfolders that belong to it.
    first : str
        File of the series' first volume, where an earlier process found one: it is read first, so
        that the same series is followed again.

    Attributes
    ----------
    first : str
        File with which the first volume was complete, "" before there is one.
    reachable : bool
        False while the folder cannot be listed.
    """

    def __init__(
        self,
        folder: Path,
        reader: VolumeReader,
        reorderer: Reorderer,
        settle_s: float = 1.0,
        pattern: str = "*",
        skip_existing: bool = False,
        skip: Collection[str] = (),
        steady_s: float = 0.0,
        depth: int = 0,
        first: str = "",
    ) -> None:
        if not folder.is_dir():
            raise InputError(problem("folder", "nothing", "an existing folder", "Create it."))
        self._folder, self._reader, self._reorderer = folder, reader, reorderer
        self._settle_s, self._steady_s = settle_s, steady_s
        self._listing = Listing(folder, lambda n: is_data(n) and fnmatch(n, pattern), depth)
        self._open: dict[str, _Open] = {}
        self._done = Done(folder, skip)
        for name in skip:
            self._listing.add(name)
        if skip_existing:
            for name in self._listing.look():
                self._done.add(name, None)
        self._refused: Counter[str] = Counter()
        self._series = SeriesWatch()
        self._outages, self._denied, self._rewritten = 0, 0, 0
        self.first, self.reachable = first, True
        self.refusals: deque[str] = deque(maxlen=_KEPT_REFUSALS)

    @property
    def counts(self) -> dict[str, int]:
        """Volumes passed, duplicates, gaps, late ones, outages, restarts, files refused by kind."""
        order = self._reorderer.counts
        return {
            "passed": order.passed,
            "duplicates": order.duplicates,
            "gaps": order.gaps,
            "late": order.late,
            "outages": self._outages,
            "rewritten": self._rewritten,
            "restarts": self._series.restarts,
            "moco": self._refused["moco"],
            "echo": self._refused["echo"],
            **{kind: self._refused[kind] for kind in _KINDS.values()},
        }

    @property
    def folders(self) -> list[Path]:
        """The folder and its subfolders as far as they belong to it."""
        return list(self._listing.folders)

    def poll(self, now_s: float) -> list[Volume]:
        """Look at the whole folder once.

        Parameters
        ----------
        now_s : float
            Present time in seconds.

        Returns
        -------
        list of Volume
            Those that may go on now.
        """
        names = self._reachable_names()
        if self.first in names:
            names = [self.first, *(name for name in names if name != self.first)]
        again = self._done.changed() if self.reachable else []
        out: list[Volume] = []
        for name in dict.fromkeys([*self._open, *again, *names]):
            out += self._take(name, now_s, full=len(out) >= MOST_AT_ONCE)
        return out + self._release(now_s)

    def hear(self, files: Iterable[FileEvent], now_s: float) -> list[Volume]:
        """Take what the system told; see to files that were left to settle.

        Parameters
        ----------
        files : iterable of FileEvent
            Oldest first.
        now_s : float
            Present time in seconds.

        Returns
        -------
        list of Volume
            Those that may go on now.
        """
        told: dict[str, FileEvent] = {}
        for event in files:
            name = None if event.path is None else self._listing.relative(event.path)
            # Of several events the last one counts, but one that says complete outdoes others.
            if name is not None and (event.complete or name not in told):
                told.pop(name, None)
                told[name] = event
        out: list[Volume] = []
        for name, event in told.items():
            self._listing.add(name)
            out += self._take(name, now_s, event, full=len(out) >= MOST_AT_ONCE)
        for name in [n for n in self._open if n not in told]:
            out += self._take(name, now_s, full=len(out) >= MOST_AT_ONCE)
        return out + self._release(now_s)

    def due_s(self, now_s: float) -> float | None:
        """Return when something has to be done without any news; None when nothing has."""
        times = [] if (held := self._reorderer.due_s()) is None else [held]
        for file in self._open.values():
            if file.error is None:
                times.append(file.since_s + file.steady_s)
            elif isinstance(file.error, UnreadableError):
                times.append(now_s + _SOON_S)
            else:
                times.append(file.since_s + self._settle_s)
        return max(min(times), now_s) if times else None

    def close(self) -> list[Volume]:
        """End the series: refuse what is still incomplete, return what is still held."""
        for name, file in list(self._open.items()):
            if file.error is not None:
                self._refuse(name, file.error, file.stamp)
        out = self._reorderer.flush()
        self._tell_gaps()
        return out

    # ---- the folder ----------------------------------------------------------------------------

    def _reachable_names(self) -> list[str]:
        """Return the new names; none while the folder is away."""
        try:
            names = self._listing.look()
        except OSError as error:
            # What failed while the folder went away is read anew when it is back.
            for name in list(self._open):
                self._vanished(name)
            if self.reachable:
                self._outages += 1
                told = problem(
                    f"folder (outage {self._outages})", error.strerror, "a folder that can be read",
                    "Restore it or its network share; it is looked for all the time.",
                )  # fmt: skip
                self.refusals.append(told)
            self.reachable = False
            return []
        self.reachable = True
        if len(self._listing.unreadable) > self._denied:
            self._denied = len(self._listing.unreadable)
            self.refusals.append(
                f"{self._denied} subfolder(s) may not be read; check their permissions"
            )
        return names

    def _vanished(self, name: str) -> None:
        self._open.pop(name, None)
        self._listing.forget(name)

    # ---- one file ------------------------------------------------------------------------------

    def _take(
        self, name: str, now_s: float, event: FileEvent | None = None, *, full: bool = False
    ) -> list[Volume]:
        """Read a file if it is complete, and put its volumes in order; not now if all is full."""
        if full and name in self._open:
            return []
        complete = event is not None and event.complete
        try:
            stamp = stamp_of(self._folder / name)
        except FileNotFoundError:
            if name not in self._done:
                self._vanished(name)  # renamed since; it will come up again
            return []
        except OSError:
            return []
        # Written again, it is another file under the same name.
        done = name in self._done and name not in self._open
        if done and not self._done.is_again(name, stamp, told=complete):
            return []
        file = self._open.get(name)
        if file is None or file.stamp != stamp:
            file = self._open[name] = _Open(stamp, now_s, self._steady_s)
        if full:
            return []
        if complete and event is not None:
            return self._read(name, file, now_s, told_s=event.at_s)
        return self._read(name, file, now_s) if self._may_read(name, file, now_s) else []

    def _may_read(self, name: str, file: _Open, now_s: float) -> bool:
        if file.error is None:
            return now_s >= file.since_s + file.steady_s
        if now_s >= file.since_s + self._settle_s:
            self._refuse(name, file.error, file.stamp)
            return False
        return isinstance(file.error, UnreadableError)

    def _read(
        self, name: str, file: _Open, now_s: float, told_s: float | None = None
    ) -> list[Volume]:
        path = self._folder / name
        try:
            raw = bytes_of(path)
            if 0 < file.steady_s < _BLANK_STEADY_S and told_s is None and raw.endswith(_BLANK):
                file.steady_s = _BLANK_STEADY_S
                return []
            if self._done.same(name, file.stamp, raw):
                self._open.pop(name)
                return []
            volumes = self._reader.read(raw, name)
        except OtherSeriesError as error:
            told = self._series.other(error, now_s)
            kind = "moco" if error.moco else "echo" if error.echo else "other_series"
            self._count(name, kind, file.stamp)
            if told:
                self.refusals.append(told)
            return []
        except MatrixError as error:
            self._refuse(name, error, file.stamp)
            return []
        except InputError as error:
            file.error = error
            return []
        except Exception as error:  # no file may end the source
            file.error = damaged(error)
            return []
        if volumes:
            self.first = self.first or name
        self._close(name, file.stamp, raw)
        out = []
        arrived_s = file.since_s if told_s is None else told_s
        for volume in volumes:
            self._series.took(volume, now_s)
            out += self._reorderer.push(replace(volume, arrived_s=arrived_s), now_s)
        return out

    def _refuse(self, name: str, error: InputError, stamp: Stamp) -> None:
        self._count(name, _KINDS.get(type(error), "damaged"), stamp)
        self.refusals.append(f"file left out: {error}")

    def _count(self, name: str, kind: str, stamp: Stamp) -> None:
        self._close(name, stamp)
        self._refused[kind] += 1

    def _close(self, name: str, stamp: Stamp, raw: bytes | None = None) -> None:
        """Be done with a file."""
        self._open.pop(name, None)
        if self._done.add(name, stamp, raw):
            self._rewritten += 1
            if self._rewritten == 1:
                self.refusals.append(_REWRITTEN)

    # ---- the order -----------------------------------------------------------------------------

    def _release(self, now_s: float) -> list[Volume]:
        out = self._reorderer.release(now_s)
        self._tell_gaps()
        return out

    def _tell_gaps(self) -> None:
        gaps = self._reorderer.missing()
        pending: Sequence[Pending] = getattr(self._reader, "pending", list)() if gaps else []
        for first, last in gaps:
            which = f"volume {first + 1}" if first == last else f"volumes {first + 1} to {last + 1}"
            parts = [str(p) for p in pending if first <= p.index <= last]
            why = f" ({'; '.join(parts)})" if parts else ""
            self.refusals.append(f"{which} did not come in time{why}, the run goes on without")


_REWRITTEN = (
    "FILES ARE WRITTEN AGAIN under names that were read before; volumes whose numbers have passed "
    "are left out as duplicates; if the scan was started anew, stop this run and start a new one"
)
_KINDS: dict[type[InputError], str] = {
    TruncatedError: "truncated",
    ForeignFileError: "foreign",
    OtherSeriesError: "other_series",
    MatrixError: "other_matrix",
    InputError: "damaged",
}
