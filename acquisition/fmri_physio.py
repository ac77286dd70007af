"""Heart and breathing of a recorded run, turned into regressors with what had come by then.

BIDS keeps them in ``*_physio.tsv.gz``: columns without names, evenly sampled, told of by a JSON
file beside it (``Columns``, ``SamplingFrequency``, ``StartTime`` against the first volume).
"""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from acquisition.fmri.physio import cardiac_phase, respiratory_phase, retroicor
from phosphene.errors import InputError, check_all, problem

__all__ = ["PhysioFile", "RunningPhysio", "read_physio"]

Array = npt.NDArray[np.float64]

_COLUMNS = ("cardiac", "respiratory")
_CARDIAC_ORDER, _RESPIRATORY_ORDER, _INTERACTION_ORDER = 3, 4, 1
_HEART_HZ, _BREATH_HZ = 50.0, 12.5
_LOOK_BACK_S = 20.0
_LEAST_BEAT_S = 0.4
_LEAST_RATE_HZ = 10.0
_MOST_BYTES = 2**28


@dataclass(frozen=True)
class PhysioFile:
    """A recording of heart, breathing or both.

    Attributes
    ----------
    start_s : float
        Time of the first sample after the start of volume 0, in seconds.
    rate_hz : float
        Samples per second.
    cardiac, respiratory : ndarray of float64 (samples,) or None
        Pulse or electrocardiogram, whose peaks are the beats; belt, rising = breathing in.
    """

    start_s: float
    rate_hz: float
    cardiac: Array | None = field(default=None, repr=False)
    respiratory: Array | None = field(default=None, repr=False)

    @property
    def end_s(self) -> float:
        """Time of the last sample after the start of volume 0, in seconds."""
        held = self.cardiac if self.cardiac is not None else self.respiratory
        return self.start_s + (0 if held is None else len(held) - 1) / self.rate_hz


class RunningPhysio:
    """Makes the regressors of one run.

    Each trace is averaged over short blocks that are complete, so a sample never holds anything
    later than its own time.

    Parameters
    ----------
    file : PhysioFile
        Recording.
    """

    def __init__(self, file: PhysioFile) -> None:
        self._file = file
        self._heart = _slowed(file.cardiac, file, _HEART_HZ)
        self._breath = _slowed(file.respiratory, file, _BREATH_HZ)
        self._orders = (
            _CARDIAC_ORDER if self._heart else 0,
            _RESPIRATORY_ORDER if self._breath else 0,
            _INTERACTION_ORDER if self._heart and self._breath else 0,
        )

    @property
    def count(self) -> int:
        """Number of regressors."""
        cardiac, respiratory, both = self._orders
        return 2 * cardiac + 2 * respiratory + 4 * both

    def step(self, t_s: float) -> Array:
        """Return the regressors (count,) at a time in seconds, from samples up to then.

        Those of a phase that is not known are 0: before the second beat, and after the end of the
        recording.
        """
        heart = breath = None
        if t_s <= self._file.end_s + 1.0:
            heart = None if self._heart is None else _heart_phase(self._heart, t_s)
            breath = None if self._breath is None else _breath_phase(self._breath, t_s)
        return retroicor(heart, breath, *self._orders)


@dataclass(frozen=True)
class _Trace:
    """Values (n,) and when each is complete (n,), in seconds."""

    values: Array
    times_s: Array

    def past(self, t_s: float) -> int:
        return int(np.searchsorted(self.times_s, t_s, side="right"))


def _slowed(values: Array | None, file: PhysioFile, rate_hz: float) -> _Trace | None:
    """Average over blocks, each timed by its last sample."""
    if values is None:
        return None
    block = max(1, int(file.rate_hz / rate_hz))
    # A mean with a missing value is none: nothing stands for what had not begun.
    n = len(values) // block
    means = values[: n * block].reshape(n, block).mean(axis=1)
    times_s = file.start_s + ((np.arange(n) + 1) * block - 1) / file.rate_hz
    known = np.isfinite(means)
    return _Trace(means[known], times_s[known])


def _heart_phase(trace: _Trace, t_s: float) -> float | None:
    """Phase from the peaks of the last seconds; a peak counts once the trace falls after it."""
    stop = trace.past(t_s)
    start = trace.past(t_s - _LOOK_BACK_S)
    seen, times_s = trace.values[start:stop], trace.times_s[start:stop]
    if len(seen) < 3:
        return None
    step_s = float(times_s[1] - times_s[0])
    # imported here: half a second of every start, and few runs have such a file
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(
        seen, distance=max(1, round(_LEAST_BEAT_S / step_s)), prominence=float(np.std(seen))
    )
    return cardiac_phase(times_s[peaks], t_s)


def _breath_phase(trace: _Trace, t_s: float) -> float | None:
    return respiratory_phase(trace.values[: trace.past(t_s)])


# ---- reading -----------------------------------------------------------------------------------


def read_physio(path: Path) -> PhysioFile:
    """Read a BIDS recording of heart and breathing.

    Parameters
    ----------
    path : Path
        ``*_physio.tsv.gz`` or ``.tsv``; the JSON file of the same name lies beside it.

    Raises
    ------
    InputError
        If a file is missing or is no such recording; lists every problem of the JSON file.
    """
    import scipy.signal  # noqa: F401  now, so that no volume has to wait for it

    stem = path.name.removesuffix(".gz").removesuffix(".tsv")
    told = _told(path.with_name(f"{stem}.json"))
    columns, rate_hz, start_s = told["Columns"], told["SamplingFrequency"], told["StartTime"]
    table = _table(path, len(columns))
    found = {
        name: _whole(table[:, columns.index(name)], name) for name in _COLUMNS if name in columns
    }
    return PhysioFile(float(start_s), float(rate_hz), **found)


def _told(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            problem("physio", f"{path.name}: {error}", "a JSON file beside the recording",
                    "Keep both together, as BIDS does.")
        ) from error  # fmt: skip
    held = held if isinstance(held, dict) else {}
    columns, rate, start = (held.get(k) for k in ("Columns", "SamplingFrequency", "StartTime"))
    found = []
    if not (isinstance(columns, list) and set(_COLUMNS) & set(map(str, columns))):
        found.append(problem("Columns", columns, " or ".join(_COLUMNS), "Name the columns."))
    if not (_number(rate) and _LEAST_RATE_HZ <= rate <= 1e5):
        allowed = f"{_LEAST_RATE_HZ:g} to 100000 Hz"
        found.append(problem("SamplingFrequency", rate, allowed, "Correct it."))
    if not _number(start):
        found.append(problem("StartTime", start, "seconds", "Count from the first volume."))
    check_all(found, InputError, f"physio: {path.name}")
    return held


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _table(path: Path, n_columns: int) -> Array:
    """Read the samples (n, columns); NaN where one is missing."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise ValueError("more than 256 MiB")
        lines = raw.decode("ascii").splitlines()
        table = np.genfromtxt(lines, delimiter="\t", missing_values="n/a", ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            problem("physio", f"{path.name}: {error}", "a table of numbers, gzip-packed or plain",
                    "Check the path and the file.")
        ) from error  # fmt: skip
    if table.shape[0] < 2 or table.shape[1] != n_columns:
        raise InputError(
            problem("physio", f"{path.name}: {table.shape[0]} x {table.shape[1]} numbers",
                    f"2 or more rows of {n_columns}", "Correct Columns in its JSON file.")
        )  # fmt: skip
    return np.asarray(table, np.float64)


def _whole(values: Array, name: str) -> Array:
    """Keep the last value where one is missing, and none before the first."""
    known = np.isfinite(values)
    if not known.any():
        raise InputError(problem(f"physio: {name}", "no numbers", "numbers", "Leave it out."))
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(last < 0, np.nan, values[last])
