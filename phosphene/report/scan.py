"""How the scan went: movement, change, stability, arrival of volumes, and what the sources met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene import quality as names
from phosphene.messages import Quality
from phosphene.report.load import RunData

__all__ = ["arrival_words", "scan_of"]

Series = npt.NDArray[np.float64]

_ARRIVALS = {
    "volumes": "taken",
    "volumes_lost": "never came",
    "volumes_late": "came half a TR or more behind the others",
    "volumes_refused": "could not be used",
    "repeated": "came again and were left out",
}
_SOURCE_WORDS = ("pushed", "samples", "markers")


def scan_of(data: RunData) -> dict[str, Any] | None:
    """Sum up an fMRI run; None for EEG.

    Returns
    -------
    dict
        ``displacement`` (Power and Jenkinson, in mm, with the volumes above each limit),
        ``motion_range`` (largest less smallest of each parameter), ``dvars_psc``, ``tsnr``,
        ``drift_psc_per_min``, ``spikes`` (numbers of volumes), ``tr_s`` (announced and measured),
        ``arrivals`` and ``source`` (counters), ``regions`` (how they were placed) and ``maps``.
        What is not known is None.
    """
    told = data.qualities
    if data.start is not None and data.start.modality != "fmri":
        return None
    if not any(names.DVARS in q.values for q in told):
        return None
    nodes = data.counters()
    acquisition, bridge = nodes.get("acquisition", {}), nodes.get("bridge", {})
    return {
        "displacement": _displacement(told),
        "motion_range": {n: float(np.ptp(v)) for n in names.MOTION if len(v := _series(told, n))},
        "dvars_psc": _spread(_series(told, names.DVARS)),
        "tsnr": _last(told, names.TSNR),
        "drift_psc_per_min": _last(told, names.DRIFT),
        "spikes": [q.index for q in told if q.values.get(names.SPIKE)],
        "tr_s": {
            "announced": _last(told, names.TR_ANNOUNCED),
            "measured": _last(told, names.TR_MEASURED),
            "triggers": _last(told, names.TRIGGER_TR),
        },
        "processing_ms": _spread(_series(told, names.STEP)),
        "arrivals": {n: acquisition[n] for n in _ARRIVALS if n in acquisition},
        "source": {n: k for n, k in bridge.items() if not any(w in n for w in _SOURCE_WORDS)},
        "regions": None if data.regions is None else data.regions.header.how,
        "maps": [_map(message.header, message.arrays["t"]) for message in data.maps],
    }


def arrival_words(name: str) -> str:
    """Return what a counter of arrivals counts."""
    return _ARRIVALS[name]


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
        "contrast": header.contrast,
        "dof": header.dof,
        "volumes_until": header.index,
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
