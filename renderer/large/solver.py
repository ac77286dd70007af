"""DPM-Solver++(2M): few steps with a model that was never distilled (Lu et al. 2022, alg. 2)."""

from __future__ import annotations

import math

from renderer.large.noise_levels import NoiseLevels
from renderer.large.schedule import Schedule, Step, evenly, predict, schedule_of

__all__ = ["dpm_solver"]


def dpm_solver(levels: NoiseLevels, steps: int, strength: float = 1.0) -> Schedule | None:
    """Schedule of `steps` steps of second order; the first and the last are of first order."""
    times = evenly(levels, steps, strength)
    if not times:
        return None
    rows = []
    for k, time in enumerate(times):
        from_x, from_out = predict(levels, time)
        if k + 1 == len(times):  # straight to the estimate
            rows.append(Step(time, from_x, from_out, keep=0.0, pull=1.0))
            continue
        signal, after = float(levels.signal[time]), float(levels.signal[times[k + 1]])
        h = _half_log_snr(after) - _half_log_snr(signal)
        whole = -(after**0.5) * math.expm1(-h)
        bend = 0.0  # weight of the slope between this estimate and the one before
        if k:
            before = _half_log_snr(signal) - _half_log_snr(float(levels.signal[times[k - 1]]))
            bend = h / (2 * before)
        keep = ((1 - after) / (1 - signal)) ** 0.5
        rows.append(Step(time, from_x, from_out, keep, pull=whole * (1 + bend), lag=-whole * bend))
    return schedule_of(rows, levels, pure_noise=1.0)


def _half_log_snr(signal: float) -> float:
    return 0.5 * math.log(signal / (1 - signal))
