"""Slice timing from the past only: every slice as it was when the first one was measured.

At volume n slice k was measured at ``n TR + s_k``. All slices are wanted at ``n TR + r`` with ``r``
the earliest ``s_k``: that moment lies between the slice's last two measurements, so that this and
earlier volumes are enough and no volume has to be waited for. Lagrange's polynomial through the
last 2 (linear) or 4 (cubic) measurements gives the value.

The price: a result stands for the moment of the first slice, up to one TR before the newest datum,
where a correction that may look ahead would place it in the middle of the volume and would use
measurements on both sides. Linear interpolation also weakens what changes within a few volumes (a
slice half a TR late loses 29 % at a quarter of the sampling rate, all at half of it) and its noise,
differently in each slice; cubic loses less and adds noise instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, check_all, problem

__all__ = ["ORDERS", "SliceTimer", "SliceTiming"]

FloatVolume = npt.NDArray[np.float32]
SliceTiming = Literal["off", "linear", "cubic"]

ORDERS: dict[str, int] = {"linear": 1, "cubic": 3}
_MOST_MISSING = 2


class SliceTimer:
    """Corrects one run.

    Parameters
    ----------
    times_s : sequence of float
        When each slice is measured after the volume's start, in seconds.
    axis : int
        Axis of the volumes that counts slices.
    n_slices : int
        Slices along that axis.
    tr_s : float
        Repetition time in seconds.
    order : int
        Order of the polynomial, 1 or more.

    Raises
    ------
    InputError
        If times and volume do not belong together.
    """

    def __init__(
        self, times_s: Sequence[float], axis: int, n_slices: int, tr_s: float, order: int = 1
    ) -> None:
        times = np.asarray(times_s, np.float64)
        found = []
        if times.shape != (n_slices,):
            found.append(
                problem("slice times", times.size, f"{n_slices}, one per slice", "Correct them.")
            )
        elif not np.isfinite(times).all() or np.ptp(times) > tr_s:
            got = f"{times.min():g} to {times.max():g} s"
            found.append(problem("slice times", got, f"within one TR ({tr_s:g} s)", "Check them."))
        check_all(found, InputError, "slice timing")
        self._late_s = times - times.min() if times.size else times
        self._first_s = float(times.min()) if times.size else 0.0
        self._axis, self._tr_s = axis, tr_s
        self._past: deque[tuple[int, FloatVolume]] = deque(maxlen=order)

    @property
    def reference_s(self) -> float:
        """The moment that results stand for, in seconds after the start of their volume."""
        return self._first_s

    def step(self, data: FloatVolume, index: int) -> FloatVolume:
        """Correct the next volume.

        Parameters
        ----------
        data : array of float32 (X, Y, Z)
            Volume as measured; kept and not changed.
        index : int
            Its number, above the last one's. Where more than two volumes are missing before it,
            the past is too old to say anything: it begins anew and this volume stays as it is.

        Returns
        -------
        array of float32 (X, Y, Z)
        """
        if self._past and index - self._past[-1][0] - 1 > _MOST_MISSING:
            self._past.clear()
        volumes = [data, *(past for _, past in reversed(self._past))]
        ages = np.array([0.0, *(index - n for n, _ in reversed(self._past))])
        weights = _lagrange(-ages[:, None] * self._tr_s + self._late_s)
        self._past.append((index, data))
        shape = [1, 1, 1]
        shape[self._axis] = -1
        made = np.zeros_like(data)
        for weight, volume in zip(weights.astype(np.float32), volumes, strict=True):
            made += weight.reshape(shape) * volume
        return made


def _lagrange(at_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights (nodes, slices) of values at times (nodes, slices) for their value at time 0."""
    weights = np.ones_like(at_s)
    for j in range(len(at_s)):
        for m in range(len(at_s)):
            if m != j:
                weights[j] *= at_s[m] / (at_s[m] - at_s[j])
    return weights
