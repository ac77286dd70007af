"""What was done against artefacts in a run, and whether they differ between kinds of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from phosphene import quality as names
from phosphene.feedback.learning import compare_blocks
from phosphene.feedback.record import About
from phosphene.messages import Quality
from phosphene.report.load import RunData

__all__ = ["compared", "measures_of"]


def measures_of(data: RunData, scan: Mapping[str, Any] | None) -> list[str]:
    """Return what was done online, in sentences; only what the recording itself shows.

    Parameters
    ----------
    data : RunData
        The run.
    scan : mapping or None
        Of an fMRI run, see `phosphene.report.scan.scan_of`.
    """
    return _of_eeg(data) if scan is None else _of_scan(scan)


def _of_scan(scan: Mapping[str, Any]) -> list[str]:
    found = []
    moved = scan["displacement"]
    if scan["realigned"]:
        found.append(f"not realigned: {scan['realigned']}")
    elif moved is not None:
        found.append(
            "each volume realigned to the reference as it came; displacement mean "
            f"{moved['power_mm']['mean']:.3f} mm, above {moved['high_mm']:g} mm in "
            f"{moved['above_high']} of {moved['volumes']} volumes"
        )
    spikes = len(scan["spikes"])
    found.append(f"volumes marked as spikes, of which nothing was learned: {spikes}")
    return found


def _of_eeg(data: RunData) -> list[str]:
    rows = [q.values for q in data.qualities]
    rejected = [row["rejected"] for row in rows if "rejected" in row]
    bad = [row["bad_channels"] for row in rows if "bad_channels" in row]
    found = []
    if bad:
        found.append(f"channels of no use found as data came: mean {np.mean(bad):.1f}")
    if rejected:
        found.append(f"windows rejected: {np.max(rejected):.0f}")
    return found


def compared(about: About, qualities: Sequence[Quality]) -> str:
    """Compare head displacement, or EEG amplitude, between blocks of regulation and of rest.

    Returns
    -------
    str
        With chance, control and p; "" where there is nothing to compare.
    """
    for name, words in ((names.FD, "head displacement"), ("rms_uv", "EEG amplitude")):
        samples = [(q.t_data, q.values[name]) for q in qualities if name in q.values]
        if not samples:
            continue
        told = compare_blocks(about, [t for t, _ in samples], [v for _, v in samples])
        if "reason" in told:
            return f"{words}: not compared, {told['reason']}"
        return (
            f"{words}: {told['rule']} {told['value']:.3f}, chance {told['chance']:g}, shuffled "
            f"{told['shuffled']:.3f}, p {told['p']:.4f} (n {told['n']}, {told['n_rest']} of rest)"
        )
    return ""
