"""Which of the volumes that a connection brings belong to the run, in order, once each."""

from __future__ import annotations

from collections import Counter, deque

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.volume import Volume
from acquisition.sources.reorder import Reorderer
from acquisition.sources.series import SeriesWatch
from acquisition.sources.tcp.memory import Remembered
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["Intake"]

_KEPT_COMPLAINTS = 50
_LOST = (
    "THE RUN DOES NOT GO ON: after the restart of this bridge another series came, or the rest of "
    "this one without its beginning, by which alone it is known; nothing of it is processed; let "
    "the sender begin the series again (what has passed is left out), or start a new run"
)
_KINDS: tuple[tuple[type[InputError], str], ...] = (
    (MatrixError, "other_matrix"),
    (ForeignFileError, "foreign_files"),
    (TruncatedError, "truncated"),
    (InputError, "damaged"),
)


class Intake:
    """Passes on the volumes of the first series that comes.

    A connection that is opened anew may go on with the series or send it again from the start; what
    has passed is a duplicate then. Volumes come in order by TCP, so one that is missing is given up
    at once, and counted.

    Parameters
    ----------
    first_index : int
        Volume to begin with; earlier ones were taken before.
    known : Remembered or None
        The series that an earlier process of the run followed: no other one is passed on.
    """

    def __init__(self, first_index: int = 0, known: Remembered | None = None) -> None:
        self._order = Reorderer(wait_s=0.0, first_index=first_index)
        self._refused: Counter[str] = Counter()
        self._watch = SeriesWatch()
        self._series = None if known is None else known.series
        self._shape = () if known is None else known.shape
        self._resuming = known is not None
        self.complaints: deque[str] = deque(maxlen=_KEPT_COMPLAINTS)

    def push(self, volume: Volume, now_s: float) -> list[Volume]:
        """Take an arrival and return what may go on now."""
        try:
            self._check(volume)
        except OtherSeriesError as error:
            self._refused["second_series"] += 1
            # Every volume of another series is counted; it is told of only once.
            if told := self._watch.other(error, now_s):
                self.complaints.append(_LOST if self._resuming else told)
            return []
        except MatrixError as error:
            self.refuse(error)
            return []
        self._resuming = False
        self._watch.took(volume, now_s)
        passed = self._order.push(volume, now_s)
        for first, last in self._order.missing():
            which = f"volume {first + 1}" if first == last else f"volumes {first + 1} to {last + 1}"
            self.complaints.append(f"{which} did not come, the run goes on without")
        return passed

    def refuse(self, error: InputError) -> None:
        """Count what cannot be used, and say why."""
        self._refused[next(name for kind, name in _KINDS if isinstance(error, kind))] += 1
        self.complaints.append(f"left out: {error}")

    def counts(self) -> dict[str, int]:
        """Return what was refused, repeated or missing."""
        order = self._order.counts
        return {
            "duplicates": order.duplicates,
            "late": order.late,
            "gaps": order.gaps,
            "restarts": self._watch.restarts,
            "second_series": self._refused["second_series"],
            **{name: self._refused[name] for _, name in _KINDS},
        }

    def _check(self, volume: Volume) -> None:
        if self._series is None:
            self._series, self._shape = volume.series_hash, volume.data.shape
        if volume.series_hash != self._series:
            raise OtherSeriesError(
                problem("volume", f"series {volume.series_hash}", f"series {self._series}",
                        "Start a new run for a new series."),
                volume.series_hash,
                volume.index,
            )  # fmt: skip
        if volume.data.shape != self._shape:
            raise MatrixError(
                problem("volume", f"matrix {volume.data.shape}", f"matrix {self._shape}",
                        "Scan with the protocol that the session names.")
            )  # fmt: skip
