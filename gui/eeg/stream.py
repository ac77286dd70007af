"""How the EEG stream is: the state machine of its silence, its rate, what was lost. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gui.colours import AMBER, FINE, GREY, RED
from gui.peers import Peers
from gui.texts import mark

__all__ = ["LAMPS", "StreamFacts", "StreamState", "stream_facts"]

StreamState = Literal["waiting", "fresh", "amber", "red", "ended"]
LAMPS: dict[StreamState, tuple[str, str, str]] = {
    "waiting": ("○", mark("waiting"), GREY),
    "fresh": ("●", mark("fresh"), FINE),
    "amber": ("▲", mark("late"), AMBER),
    "red": ("■", mark("no data"), RED),
    "ended": ("□", mark("ended"), GREY),
}
"""Symbol, word and colour of each state."""
_BY_NUMBER: dict[int, StreamState] = {0: "fresh", 1: "amber", 2: "red"}


@dataclass(frozen=True)
class StreamFacts:
    """The stream so far; None where something is not known.

    Attributes
    ----------
    state : str
        As acquisition judges it.
    samples, lost : int
        Samples taken, and samples that are missing between them.
    filter_delay_ms : int or None
        Group delay of the decoder's filter in its pass band.
    epochs, rejected : int
        Epochs or windows made, and those flagged.
    markers_late, markers_twice : int
        Markers before any data, and repeated ones.
    tallies : tuple of (str, int)
        Other things that should not happen.
    """

    state: StreamState
    samples: int = 0
    lost: int = 0
    filter_delay_ms: int | None = None
    epochs: int = 0
    rejected: int = 0
    markers_late: int = 0
    markers_twice: int = 0
    tallies: tuple[tuple[str, int], ...] = ()


def stream_facts(peers: Peers, *, ended: bool) -> StreamFacts:
    """Sum up what acquisition counts.

    Parameters
    ----------
    peers : Peers
        The nodes' counters.
    ended : bool
        Whether the source has come to its end.
    """
    node = "acquisition"
    samples = peers.count(node, "samples")
    state: StreamState = _BY_NUMBER.get(peers.newest(node, "stale") or 0, "red")
    if ended:
        state = "ended"
    elif not samples and state == "fresh":
        state = "waiting"
    return StreamFacts(
        state=state,
        samples=samples,
        lost=peers.count(node, "samples_lost"),
        filter_delay_ms=peers.newest(node, "filter_delay_ms"),
        epochs=peers.count(node, "epochs"),
        rejected=peers.count(node, "epochs_rejected"),
        markers_late=peers.count(node, "markers_late"),
        markers_twice=peers.count(node, "duplicates"),
        tallies=(
            (mark("lost"), peers.count(node, "samples_lost")),
            (mark("repeated"), peers.count(node, "repeated")),
            (mark("returns"), peers.count(node, "reconnects")),
            (mark("clock resets"), peers.count(node, "clock_resets")),
            (mark("epochs too late"), peers.count(node, "epochs_too_late")),
        ),
    )
