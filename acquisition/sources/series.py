"""Which series a run follows, and when another one is a scan that was started anew. No I/O."""

from __future__ import annotations

from acquisition.errors import OtherSeriesError
from acquisition.fmri.volume import Volume

__all__ = ["SeriesWatch"]

_SILENCE_TR = 3.0
_SILENCE_S = 3.0
_ALL_LEFT_OUT = 5


class SeriesWatch:
    """Tells a restart of the scan from a series that runs beside the one that is followed.

    A run keeps the series that came first, and its numbers: nothing of another series is ever
    processed, because its volume 0 is not the run's. A scan that was started anew therefore needs
    a new run, and the operator has to know at once.

    Attributes
    ----------
    restarts : int
        Series that began at their start after the run's own had fallen silent.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._told: set[str] = set()
        self._last_s: float | None = None
        self._last_index = -1
        self._tr_s = 0.0
        self._taken = self._left_out = 0
        self._alarmed = False

    def took(self, volume: Volume, now_s: float) -> None:
        """Note a volume of the run's own series, come at `now_s` seconds."""
        self._last_s, self._tr_s = now_s, volume.tr_s
        self._taken, self._left_out = self._taken + 1, 0
        self._last_index = max(self._last_index, volume.index)

    def other(self, error: OtherSeriesError, now_s: float) -> str:
        """Note a file of another series, come at `now_s` seconds.

        Returns
        -------
        str
            What to tell; empty when that series was told of before.
        """
        which = f"{error.series} {error.echo}" if error.series else ""
        self._left_out += not (error.moco or error.echo)
        known = which in self._told
        if which:
            self._told.add(which)
        if known:
            return ""
        if error.moco:
            return (
                f"a second series, corrected for motion by the scanner, is left out ({error}); "
                "this run keeps the series that came first; see source.images to choose"
            )
        if error.echo:
            return f"other echoes are left out ({error}); see source.echo to choose"
        silent_s = 0.0 if self._last_s is None else now_s - self._last_s
        back = error.index is None or error.index <= self._last_index
        if not back or silent_s < max(_SILENCE_S, _SILENCE_TR * self._tr_s):
            return self._beside(error)
        self.restarts += 1
        return (
            f"THE SCAN WAS STARTED ANEW: another series began {silent_s:.0f} s after volume "
            f"{self._last_index + 1} of this one; nothing of it is processed, because its volumes "
            "are not those of this run; stop this run and start a new one"
        )

    def _beside(self, error: OtherSeriesError) -> str:
        """Word what is left out; loudly, and once, where hardly anything else comes."""
        if self._taken > 1 or self._left_out < _ALL_LEFT_OUT:
            return f"a second series is left out: {error}"
        if self._alarmed:
            return ""
        self._alarmed = True
        return (
            f"NEARLY EVERYTHING IS LEFT OUT: {self._taken} volume(s) taken, {self._left_out} files "
            f"in a row belong to other series ({error}); check source.series; names of files that "
            "carry no identifier may differ only in the volume's number and its date with time"
        )
