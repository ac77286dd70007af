"""Betas of one run, from what the core makes of its volumes: live and for the fit alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from acquisition.fmri.betas import Beta, BetaConfig, RunningBetas
from acquisition.fmri.core import FmriCore, FmriStep
from acquisition.fmri.regressors import Stimulus

__all__ = ["BetaMaker", "usual_delays_s"]

_AFTER_END_S = (3.0, 5.0, 7.0, 9.0)


class BetaMaker:
    """Finds the betas of one run.

    Parameters
    ----------
    core : FmriCore
        After its first volume.
    tr_s : float
        Repetition time in seconds.
    delay_s : float
        From an event's onset to its beta, in seconds.
    first_number : int
        Number of the first beta.
    """

    def __init__(self, core: FmriCore, tr_s: float, delay_s: float, first_number: int = 0) -> None:
        _, mask = core.ground()
        at = float(np.clip(core.sampled_s / tr_s, 0.0, 1.0))
        usual = BetaConfig(delay_s=delay_s)
        config = replace(usual, design=replace(usual.design, sample_at=at))
        self._betas = RunningBetas(int(mask.sum()), tr_s, config, first_number)
        self._start: npt.NDArray[np.float64] | None = None

    def step(
        self, step: FmriStep, raw: npt.NDArray[np.float32], known: Sequence[Stimulus]
    ) -> list[Beta]:
        """Take in a volume; return the betas whose time has come with it.

        Parameters
        ----------
        step : FmriStep
            What the core found.
        raw : array of float32 (voxels,)
            Signal of the mask.
        known : sequence of Stimulus
            What was shown so far, in order of time.
        """
        if self._start is None:
            self._start = step.motion_mm_deg
        moved = step.motion_mm_deg - self._start
        return self._betas.step(raw, step.index, moved, known, censor=step.spike)


def usual_delays_s(durations_s: Sequence[float]) -> tuple[float, ...]:
    """Return delays worth trying for events of these lengths, all in seconds.

    A response goes on as long as its event and is over about 10 s after it, so the delays lie 3 to
    9 s after the end of an event of middle length.
    """
    length_s = float(np.median(durations_s)) if len(durations_s) else 0.0
    return tuple(round(length_s + after_s, 3) for after_s in _AFTER_END_S)
