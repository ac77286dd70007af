"""Volume by volume: which came, which did not, and a table of their figures.

People count volumes from 1 here, as the sources' sentences do; messages count from 0.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phosphene import quality as names
from phosphene.messages import Quality
from phosphene.quality import region_name
from phosphene.report.load import RunData

__all__ = ["FLAGS", "VolumeRow", "in_words", "is_scan", "repetition_s", "rows_of", "write_table"]

LOST, REFUSED, LATE = "lost", "refused", "late"
FLAGS = {
    LOST: "did not come, or left out by the source",
    REFUSED: "came, but could not be used",
    LATE: "came half a TR or more behind the others",
}
_FIGURES = (*names.MOTION, names.FD, names.FD_JENKINSON, names.DVARS, names.SPIKE)
_DIGITS = 6


@dataclass(frozen=True)
class VolumeRow:
    """One volume of the run.

    Attributes
    ----------
    number : int
        Counted from 1.
    t_s : float
        End of the volume on the recording's own axis, in seconds.
    values : mapping
        Its quality figures; empty where there are none.
    flag : str
        A key of `FLAGS`, or "".
    """

    number: int
    t_s: float
    values: Mapping[str, float]
    flag: str = ""


def is_scan(data: RunData) -> bool:
    """Tell whether a run has volumes that figures are known of."""
    if data.start is not None and data.start.modality != "fmri":
        return False
    return any(names.DVARS in q.values for q in data.qualities)


def repetition_s(qualities: Sequence[Quality]) -> float | None:
    """Return the repetition time that volumes are stamped with, in seconds; None if not known."""
    known = sorted((q.index, q.t_data) for q in qualities)
    if not known:
        return None
    (first, first_s), (last, last_s) = known[0], known[-1]
    step_s = (last_s - first_s) / (last - first) if last > first else last_s / (last + 1)
    return float(f"{step_s:.6g}")


def rows_of(data: RunData) -> list[VolumeRow]:
    """Return every volume from the first to the last that is known, those that are missing too.

    A volume without figures was refused where it was recorded; otherwise it counts as lost, unless
    the acquisition node counted only refused ones.
    """
    if not is_scan(data):
        return []
    told = {q.index: q for q in data.qualities}
    tr_s = repetition_s(data.qualities) or 0.0
    counts = data.counters().get("acquisition", {})
    only_refused = counts.get("volumes_lost") == 0 and counts.get("volumes_refused", 0) > 0
    zero_s = min(q.t_data - tr_s * q.index for q in told.values())
    rows, late = [], 0.0
    for index in range(max([*told, *data.volumes]) + 1):
        if (quality := told.get(index)) is None:
            came = index in data.volumes or only_refused
            rows.append(VolumeRow(index + 1, zero_s + tr_s * index, {}, REFUSED if came else LOST))
            continue
        so_far = quality.values.get(names.LATE, late)
        rows.append(
            VolumeRow(index + 1, quality.t_data, quality.values, LATE if so_far > late else "")
        )
        late = so_far
    return rows


def in_words(numbers: Sequence[int]) -> str:
    """Return volumes in order as people write them, for instance ``"volumes 3, 6 to 8"``."""
    if not numbers:
        return ""
    ordered = np.unique(numbers)
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    words = ", ".join(
        str(r[0]) if len(r) == 1 else f"{r[0]}{' to ' if len(r) > 2 else ', '}{r[-1]}" for r in runs
    )
    return f"volume{'s' if len(ordered) > 1 else ''} {words}"


def write_table(path: Path, data: RunData) -> bool:
    """Write ``volumes.csv``; return False, without a file, where the run has no volumes.

    Regions are measures of what the brain did: they need the consent scope ``record_brain``.
    """
    path.unlink(missing_ok=True)
    rows = rows_of(data)
    if not rows:
        return False
    columns = list(_FIGURES)
    if "record_brain" in data.consented:
        columns += sorted({n for row in rows for n in row.values if region_name(n)})
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["volume", "t_s", *columns, "flag"])
        for row in rows:
            cells = [_cell(row.values.get(name)) for name in columns]
            table.writerow([row.number, f"{row.t_s:.6g}", *cells, row.flag])
    return True


def _cell(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.{_DIGITS}g}"
