"""When a run is over: its source has ended, and nobody is still busy with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from phosphene.supervisor import NodeSpec, Snapshot

__all__ = ["SETTLE_S", "Settling", "end_of"]

SETTLE_S = 1.5
OWED_S = 10.0
_WATCHED = ("bridge", "acquisition", "decoder")
# At full speed these are busy with percepts for a while after the decoder has made its last.
_WATCHED_LOSSLESS = ("renderer", "gate")
# What one has made the other has to take: a process that stands still for a moment still owes it.
_OWED = ((("decoder", "percepts"), ("renderer", "percepts")),
         (("renderer", "frames"), ("gate", "frames_seen")))  # fmt: skip


class Settling:
    """Tells when counters have stopped growing.

    Parameters
    ----------
    quiet_s : float
        Seconds without growth that count as settled.
    """

    def __init__(self, quiet_s: float = SETTLE_S) -> None:
        self._quiet_s = quiet_s
        self._last: tuple[int, ...] = ()
        self._since_s = 0.0

    def settled(self, counters: tuple[int, ...], now_s: float, more_s: float = 0.0) -> bool:
        """Return True once `counters` have not changed for the quiet time and `more_s` seconds."""
        if counters != self._last:
            self._last, self._since_s = counters, now_s
        return now_s - self._since_s >= self._quiet_s + more_s


def end_of(
    *, seconds: float | None = None, lossless: bool = False, tools: Iterable[NodeSpec] = ()
) -> Callable[[Snapshot], str | None]:
    """Make the function that recognises the end of a run.

    Parameters
    ----------
    seconds : float or None
        It ends after so many seconds at the latest.
    lossless : bool
        At full speed it does not end before every percept is painted and every frame judged, or
        nothing has moved for ten seconds.
    tools : iterable of NodeSpec
        Simulated hardware; with the last of them ends the run.

    Returns
    -------
    Callable
        Returns the reason in words, None while the run goes on.
    """
    settling = Settling()
    names = frozenset(tool.name for tool in tools)
    watched = _WATCHED + (_WATCHED_LOSSLESS if lossless else ())

    def until(now: Snapshot) -> str | None:
        if seconds is not None and now.elapsed_s >= seconds:
            return f"{seconds:g} seconds have passed"
        bridge = now.beats.get("bridge")
        source_done = bridge is not None and bridge.state == "done"
        hardware_done = bool(names) and names <= now.ended
        counters = tuple(
            value
            for name in watched
            if name in now.beats
            for value in now.beats[name].counts.values()
        )
        # Counters that stand still because their node is starting again have not settled.
        patience_s = OWED_S if lossless and _owed(now) else 0.0
        quiet = settling.settled(counters, now.elapsed_s, patience_s) and not now.returning
        if (source_done or hardware_done) and quiet:
            return "the recording has ended" if source_done else "the simulated hardware has ended"
        return None

    return until


def _owed(now: Snapshot) -> bool:
    return any(now.count(*made) > now.count(*taken) for made, taken in _OWED)
