"""Euler steps along the probability flow, as SD-Turbo and SDXL-Turbo take them.

In the variance-preserving form an Euler step in sigma is a DDIM step: x_0 and the noise that x
implies stay, their mixture changes (Song et al. 2021, eq. 12 with sigma = 0; Karras et al. 2022).
"""

from __future__ import annotations

from renderer.large.noise_levels import NoiseLevels
from renderer.large.schedule import Schedule, Step, evenly, predict, schedule_of

__all__ = ["euler"]


def euler(levels: NoiseLevels, steps: int, strength: float = 1.0) -> Schedule | None:
    """Schedule of `steps` Euler steps from `strength` (1: noise) to the picture; None for 0."""
    times = evenly(levels, steps, strength)
    if not times:
        return None
    rows = []
    for time, after in zip(times, [*times[1:], None], strict=True):
        signal = levels.signal[time]
        signal_after = 1.0 if after is None else levels.signal[after]
        ratio = float(((1 - signal_after) / (1 - signal)) ** 0.5)  # of the noise that stays
        rows.append(
            Step(time, *predict(levels, time), keep=ratio,
                 pull=float(signal_after**0.5 - ratio * signal**0.5))
        )  # fmt: skip
    start = float((1 - levels.signal[times[0]]) ** 0.5)
    return schedule_of(rows, levels, pure_noise=start)
