"""What the operator must know of the scan: how far it is, its TR, and what went missing. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gui.peers import Peers
from gui.texts import mark
from phosphene import quality as names

__all__ = ["Scan", "Tally", "scan_facts", "tr_differs"]

_TR_TOLERANCE = 0.02
_TR_TOLERANCE_S = 0.02
_TR_VOLUMES = 7
"""Volumes from which on the measured time is told: the first ones may have waited for a program
that was still starting, and come in a bunch."""

_FROM_BRIDGE: dict[str, tuple[str, ...]] = {
    mark("duplicates"): ("duplicates",),
    mark("second series"): ("second_series", "moco"),
    mark("restarts"): ("restarts",),
    mark("left out"): ("foreign_files", "other_matrix", "truncated", "damaged"),
    mark("outages"): ("folder_outages",),
}
"""Words for the operator, and the counters of the bridge that they sum up."""


@dataclass(frozen=True)
class Tally:
    """One counter of things that should not happen; its words are marked for translation."""

    words: str
    number: int


@dataclass(frozen=True)
class Scan:
    """The scan so far; None where something is not known.

    Attributes
    ----------
    volumes : int or None
        Volumes taken.
    planned : int or None
        Volumes that the run has in all.
    tr_announced_s, tr_measured_s : float or None
        Repetition time as the files state it, and as the volumes come, in seconds.
    tsnr : float or None
        Temporal signal-to-noise ratio, a plain ratio.
    drift_psc_per_min : float or None
        Drift in percent of the signal per minute.
    tallies : tuple of Tally
        What should not happen, how often it did.
    """

    volumes: int | None = None
    planned: int | None = None
    tr_announced_s: float | None = None
    tr_measured_s: float | None = None
    tsnr: float | None = None
    drift_psc_per_min: float | None = None
    tallies: tuple[Tally, ...] = ()


def scan_facts(values: Mapping[str, float], taken: int | None, peers: Peers) -> Scan:
    """Sum up what the newest quality figures and the bridge's counters say.

    Parameters
    ----------
    values : mapping of str to float
        Newest quality figures, by the names of `phosphene.quality`.
    taken : int or None
        Volumes taken where the figures do not say.
    peers : Peers
        The nodes' counters.
    """
    told = values.get(names.VOLUMES)
    tallies = [
        Tally(mark("late"), round(values.get(names.LATE, 0.0)) + peers.count("bridge", "late")),
        Tally(
            mark("lost"), round(values.get(names.LOST, peers.count("acquisition", "volumes_lost")))
        ),
    ]
    tallies += [Tally(words, peers.count("bridge", *keys)) for words, keys in _FROM_BRIDGE.items()]
    return Scan(
        volumes=taken if told is None else round(told),
        planned=peers.newest("bridge", "volumes_planned"),
        tr_announced_s=values.get(names.TR_ANNOUNCED),
        tr_measured_s=values.get(names.TR_MEASURED),
        tsnr=values.get(names.TSNR),
        drift_psc_per_min=values.get(names.DRIFT),
        tallies=tuple(tallies),
    )


def tr_differs(scan: Scan) -> bool:
    """Tell whether the volumes come clearly faster or slower than announced."""
    if scan.tr_announced_s is None or scan.tr_measured_s is None:
        return False
    if scan.volumes is not None and scan.volumes < _TR_VOLUMES:
        return False
    allowed_s = max(_TR_TOLERANCE_S, _TR_TOLERANCE * scan.tr_announced_s)
    return abs(scan.tr_measured_s - scan.tr_announced_s) > allowed_s
