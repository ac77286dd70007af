"""Notice that this process itself has stood still."""

from __future__ import annotations

from phosphene.clock import Clock

__all__ = ["Wakefulness"]


class Wakefulness:
    """Tells the time, and since when this process has been awake.

    A process can be suspended (Ctrl-Z, a sleeping laptop) between any two lines. Whoever judges
    the silence of others asks here for the time: a gap since the last question is a standstill of
    this process, and only silence after it counts.

    Parameters
    ----------
    clock : Clock
        Present time.
    gap_s : float
        Time between two questions, in seconds, above which the process has stood still.
    """

    def __init__(self, clock: Clock, gap_s: float) -> None:
        self._clock, self._gap_s = clock, gap_s
        self._asked_s = self._since_s = clock.now()

    def now(self) -> float:
        """Return the present time in seconds."""
        now = self._clock.now()
        if now - self._asked_s > self._gap_s:
            self._since_s = now
        self._asked_s = now
        return now

    def silent_s(self, heard_s: float) -> float:
        """Return for how long something last heard at `heard_s` is silent while this one listens.

        Parameters
        ----------
        heard_s : float
            When it was last heard, in seconds of the clock.

        Returns
        -------
        float
            Seconds; counted at most from the end of the last standstill.
        """
        return self.now() - max(heard_s, self._since_s)
