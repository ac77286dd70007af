"""Whether data still come: in a live run the last picture must not stand as the present one; pure.

A scanner or an amplifier that falls silent breaks no bond: all processes go on. What acquisition
has taken in is counted in its signs of life; where the count stands still, nobody is shown anything
but the operator. It clears itself when data come again.
"""

from __future__ import annotations

from phosphene.messages import Beat, Quality

__all__ = ["NO_DATA", "NO_DATA_S", "NO_DATA_STEPS", "Silence"]

NO_DATA = "no data come any more"
NO_DATA_STEPS = 3.0
"""Volumes that may stay away, as the time that they would have taken."""
NO_DATA_S = 1.0
"""Seconds that samples may stay away."""
LEAST_S = 1.0
"""Never less than this, so that a wrong header cannot make a rule of milliseconds."""
SOURCE = "acquisition"
COUNTED = {"fmri": "volumes", "eeg": "samples"}
WATCHED = frozenset({"self", "observer", "stream"})
"""Sinks that go blank. The operator has to see what is the matter, and the window warns."""


class Silence:
    """Notices that a source has fallen silent.

    Parameters
    ----------
    modality : str
        ``fmri`` or ``eeg``.
    """

    def __init__(self, modality: str) -> None:
        self._counted, self._volumes = COUNTED[modality], modality == "fmri"
        self._count = self._pid = 0
        self._came_s: float | None = None
        self._limit_s = None if self._volumes else NO_DATA_S
        self._step: Quality | None = None
        self._over = False

    def beat(self, beat: Beat, now_s: float) -> None:
        """Take in a sign of life that came at `now_s` seconds; only acquisition's count."""
        if beat.producer != SOURCE:
            return
        self._over = beat.state == "done"
        count = beat.counts.get(self._counted, 0)
        if beat.pid != self._pid:
            # A new process counts anew: nothing has come to it yet, and what came before is old.
            self._pid, self._count = beat.pid, 0
        if count > self._count:
            self._count, self._came_s = count, now_s

    def quality(self, told: Quality) -> None:
        """Learn from figures of two volumes how long one takes."""
        before = self._step
        if not self._volumes or (before is not None and told.index <= before.index):
            return
        self._step = told
        if before is not None:
            tr_s = (told.t_data - before.t_data) / (told.index - before.index)
            if tr_s > 0.0:
                self._limit_s = max(LEAST_S, NO_DATA_STEPS * tr_s)

    def why(self, sink: str, now_s: float) -> str:
        """Return why a sink gets nothing now; empty while data come, or before the first."""
        if sink not in WATCHED or self._over or self._came_s is None or self._limit_s is None:
            return ""
        return NO_DATA if now_s - self._came_s > self._limit_s else ""
