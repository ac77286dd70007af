"""What the pulses of a scanner say about a run's volumes, kept across a restart of the process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from acquisition.progress import Progress
from acquisition.trigger.pairs import TriggerPairs
from phosphene.quality import TRIGGER, TRIGGER_TR

__all__ = ["Triggers"]


class Triggers:
    """Collects pulses until the repetition time is known, and pairs them with volumes from then on.

    Parameters
    ----------
    path : Path
        File in the private folder of the run.
    skip : int
        Pulses before the first volume.
    """

    def __init__(self, path: Path, skip: int) -> None:
        self._kept, self._skip = Progress(path), skip
        self._pairs: TriggerPairs | None = None
        self._early: list[float] = []

    def pulse(self, stamp_s: float) -> None:
        """Take a pulse, heard at `stamp_s` seconds (LSL clock)."""
        if self._pairs is None:
            self._early.append(stamp_s)
        else:
            self._pairs.pulse(stamp_s)

    def volume(self, index: int, arrived_s: float, tr_s: float) -> dict[str, float]:
        """Return what is known of a volume by its pulse.

        Parameters
        ----------
        index : int
            Its number.
        arrived_s : float
            When it arrived (LSL clock, seconds).
        tr_s : float
            Announced repetition time in seconds.
        """
        pairs = self._begin(tr_s)
        onset_s = pairs.onset_s(index, arrived_s)
        found = {} if onset_s is None else {TRIGGER: 1e3 * (arrived_s - onset_s)}
        return found if pairs.tr_s is None else {**found, TRIGGER_TR: pairs.tr_s}

    def data_time_s(self, stamp_s: float) -> float | None:
        """Return the data time of a moment on the LSL clock; None where nothing tells it."""
        if self._pairs is not None:
            return self._pairs.data_time_s(stamp_s)
        onsets_s = self._early[self._skip :]
        return stamp_s - onsets_s[0] if onsets_s and stamp_s >= onsets_s[0] else None

    def counts(self) -> Mapping[str, int]:
        """Return pulses taken, missing and too many."""
        pairs = self._pairs
        return {
            "triggers": len(self._early) if pairs is None else pairs.pulses,
            "triggers_missing": 0 if pairs is None else pairs.missing,
            "triggers_extra": 0 if pairs is None else pairs.extra,
        }

    def close(self) -> None:
        """Close the file."""
        self._kept.close()

    def _begin(self, tr_s: float) -> TriggerPairs:
        if self._pairs is None:
            last_s = self._kept.t0_s
            start = None if last_s is None else (self._kept.count, last_s)
            self._pairs = TriggerPairs(tr_s, self._skip, start, self._kept.store)
            for stamp_s in self._early:
                self._pairs.pulse(stamp_s)
            self._early.clear()
        return self._pairs
