"""Number the samples of a board by its package numbers, and find what was lost. No I/O."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["PackageFollower"]

_WRAPS = (2**8, 2**16, 2**24, 2**32)
_SURE_S = 0.25  # stamps made on a busy computer jitter by less


class PackageFollower:
    """Turn package numbers, which wrap, into sample numbers that never do.

    A number that comes again means that a package holds several samples. How far the numbers go
    before they wrap is not known beforehand: it is the smallest usual range that holds all seen. A
    jump that would mean a longer loss than the time stamps have room for is a wrap at an unusual
    place; a silence of whole turns of the counter is told by the stamps alone.

    Parameters
    ----------
    fs_hz : float
        Sampling rate in hertz.
    counts : bool
        False for a board whose package numbers mean nothing: only stamps are looked at.

    Attributes
    ----------
    n_lost : int
        Samples that never came.
    """

    def __init__(self, fs_hz: float, *, counts: bool = True) -> None:
        self._fs_hz, self._counts = fs_hz, counts
        self._last: tuple[int, float] | None = None
        self._most = 0
        self._in_package = self._per_package = 1
        self._next = 0
        self.n_lost = 0

    def push(
        self, numbers: npt.NDArray[np.floating], stamps_s: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        """Take the next samples; return the number of each.

        Parameters
        ----------
        numbers : ndarray of shape (n,)
            Package numbers.
        stamps_s : ndarray of shape (n,)
            Times of the samples in seconds, on any clock.
        """
        pairs = zip(numbers.tolist(), stamps_s.tolist(), strict=True)
        return np.array([self._number(int(n), t) for n, t in pairs], dtype=np.int64)

    def _number(self, package: int, stamp_s: float) -> int:
        self._most = max(self._most, package)
        if self._last is not None:
            missing = self._missing(*self._last, package, stamp_s)
            self.n_lost += missing
            self._next += missing
        self._last = (package, stamp_s)
        self._next += 1
        return self._next - 1

    def _missing(self, last: int, last_s: float, package: int, stamp_s: float) -> int:
        room = (stamp_s - last_s) * self._fs_hz - 1  # samples that fit between the two
        sure = _SURE_S * self._fs_hz
        if not self._counts:
            return round(room) if room > sure else 0
        wrap = next((w for w in _WRAPS if self._most < w), 2**53)
        step = (package - last) % wrap
        if step == 0 and room < wrap / 2:
            self._in_package += 1
            self._per_package = max(self._per_package, self._in_package)
            return 0
        self._in_package = 1
        turn = wrap * self._per_package
        missing = (step - 1) * self._per_package
        missing += turn * max(0, round((room - missing) / turn))
        return 0 if missing - room > sure else missing
