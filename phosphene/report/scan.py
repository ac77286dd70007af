"""How the scan went: movement, change, stability, arrival of volumes, and what the sources met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene import quality as names
from phosphene.messages import Quality
from phosphene.recorder.info import scanner_tr_s
from phosphene.report.contrasts import contrast_words
from phosphene.report.load import RunData
from phosphene.report.notes import region_troubles
from phosphene.report.volumes import FLAGS, is_scan, repetition_s, rows_of
from phosphene.report.words import ARRIVALS

__all__ = ["LEAST_SLICES", "scan_of", "why_not_realigned"]

Series = npt.NDArray[np.float64]

LEAST_SLICES = 8
"""Volumes of fewer slices are not realigned."""
_SOURCE_WORDS = ("pushed", "samples", "markers")


def scan_of(data: RunData) -> dict[str, Any] | None:
    """Sum up an fMRI run; None for EEG.

    Returns
    -------
    dict
        ``displacement`` (Power and Jenkinson, in mm, with the volumes above each limit),
        ``motion_range`` (largest less smallest of each parameter), ``dvars_psc``, ``tsnr``,
        ``drift_psc_per_min``, ``spikes`` and ``volumes`` (numbers of volumes from 1; lost,
        refused and late ones), ``realigned`` ("" or why not), ``tr_s`` (announced, by arrival, by
        the scanner's own clock, by triggers), ``arrivals`` and ``source`` (counters), ``regions``
        (how they were placed), ``regions_refused`` (why) and ``maps``. tSNR and drift are those of
        the whole run. What is not known is None.
    """
    told = data.qualities
    if not is_scan(data):
        return None
    rows = rows_of(data)
    nodes = data.counters()
    acquisition, bridge = nodes.get("acquisition", {}), nodes.get("bridge", {})
    return {
        "displacement": _displacement(told),
        "motion_range": {n: float(np.ptp(v)) for n in names.MOTION if len(v := _series(told, n))},
        "dvars_psc": _spread(_series(told, names.DVARS)),
        "tsnr": _last(told, names.TSNR),
        "drift_psc_per_min": _last(told, names.DRIFT),
        "spikes": [row.number for row in rows if row.values.get(names.SPIKE)],
        "volumes": {flag: [r.number for r in rows if r.flag == flag] for flag in FLAGS},
        "realigned": why_not_realigned(data),
        "tr_s": {
            "announced": _last(told, names.TR_ANNOUNCED) or repetition_s(told),
            "measured": _last(told, names.TR_MEASURED),
            "scanner": scanner_tr_s(
                [(q.index, q.values[names.HEADER]) for q in told if names.HEADER in q.values]
            ),
            "triggers": _last(told, names.TRIGGER_TR),
        },
        "processing_ms": _spread(_series(told, names.STEP)),
        "arrivals": {n: acquisition[n] for n in ARRIVALS if n in acquisition},
        "source": {n: k for n, k in bridge.items() if not any(w in n for w in _SOURCE_WORDS)},
        "regions": None if data.regions is None else data.regions.header.how,
        "regions_refused": region_troubles(data),
        "maps": [_map(message.header, message.arrays["t"]) for message in data.maps],
    }


def why_not_realigned(data: RunData) -> str:
    """Say why there is no motion; "" where there is."""
    if any(names.FD in q.values for q in data.qualities):
        return ""
    few = f"fewer than {LEAST_SLICES} slices"
    if not data.shape:
        return f"not realigned: {few}, or realignment is switched off"
    if min(data.shape) < LEAST_SLICES:
        return f"not realigned: {few} ({min(data.shape)})"
    if len(data.qualities) < 2:
        return "a single volume does not move"
    return "not realigned: realignment is switched off"


def _displacement(told: Sequence[Quality]) -> dict[str, Any] | None:
    fd = _series(told, names.FD)
    if not len(fd):
        return None
    low = _last(told, names.FD_LOW) or names.FD_LOW_MM
    high = _last(told, names.FD_HIGH) or names.FD_HIGH_MM
    return {
        "power_mm": _spread(fd),
        "jenkinson_mm": _spread(_series(told, names.FD_JENKINSON)),
        "low_mm": low,
        "high_mm": high,
        "above_low": int((fd > low).sum()),
        "above_high": int((fd > high).sum()),
        "volumes": len(fd),
    }


def _map(header: Any, t: npt.NDArray[Any]) -> dict[str, Any]:
    return {
        "contrast": contrast_words(header.contrast),
        "formula": header.contrast,
        "dof": header.dof,
        "volumes_until": header.index + 1,
        "largest_t": float(t.max()),
        "smallest_t": float(t.min()),
    }


def _series(told: Sequence[Quality], name: str) -> Series:
    values = np.array([q.values[name] for q in told if name in q.values], np.float64)
    return values[np.isfinite(values)]


def _last(told: Sequence[Quality], name: str) -> float | None:
    values = _series(told, name)
    return float(values[-1]) if len(values) else None


def _spread(values: Series) -> Mapping[str, float] | None:
    if not len(values):
        return None
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "p95": float(np.percentile(values, 95)),
        "max": float(values.max()),
    }
