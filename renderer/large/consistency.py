"""Samplers of distilled models: latent consistency (LCM) and trajectory consistency (TCD).

Both jump to an estimate and noise it again. The fresh noise is the caller's, so that the same
noise gives the same picture.
"""

from __future__ import annotations

from renderer.large.noise_levels import NoiseLevels
from renderer.large.schedule import Schedule, Step, predict, schedule_of, trained_grid

__all__ = ["lcm", "tcd"]

GRID = 50
"""Steps of the teacher's solver that both were distilled on."""
SIGMA_DATA = 0.5
TIME_SCALE = 10.0
STIRRING = 0.3
"""gamma of TCD: 0 never stirs, 1 stirs as LCM does; 0.3 is its authors' own."""


def lcm(
    levels: NoiseLevels, steps: int, strength: float = 1.0, grid: int = GRID
) -> Schedule | None:
    """Schedule of Luo et al. 2023 (alg. 3): x = c_skip x + c_out x_0, then noise again."""
    times = trained_grid(levels, steps, strength, grid)
    if not times:
        return None
    rows = []
    for time, after in zip(times, [*times[1:], None], strict=True):
        scaled = time * TIME_SCALE
        skip = SIGMA_DATA**2 / (scaled**2 + SIGMA_DATA**2)
        out = scaled / (scaled**2 + SIGMA_DATA**2) ** 0.5
        signal_after = 1.0 if after is None else float(levels.signal[after])
        rows.append(
            Step(time, *predict(levels, time), keep=signal_after**0.5 * skip,
                 pull=signal_after**0.5 * out, stir=(1 - signal_after) ** 0.5)
        )  # fmt: skip
    return schedule_of(rows, levels, pure_noise=1.0)


def tcd(
    levels: NoiseLevels, steps: int, strength: float = 1.0, gamma: float = STIRRING
) -> Schedule | None:
    """Schedule of Zheng et al. 2024 (eq. 20, alg. 2): jump to s = (1 - gamma) t', stir up to t'."""
    times = trained_grid(levels, steps, strength, GRID)
    if not times:
        return None
    rows = []
    for k, time in enumerate(times):
        after = times[k + 1] if k + 1 < len(times) else 0
        signal, signal_s = levels.signal[time], levels.signal[int((1 - gamma) * after)]
        # x_s keeps the noise that x implies, (x - sqrt(signal) x_0) / sqrt(1 - signal).
        ratio = ((1 - signal_s) / (1 - signal)) ** 0.5
        pull = signal_s**0.5 - ratio * signal**0.5
        again, stir = 1.0, 0.0
        if k + 1 < len(times) and gamma > 0:
            share = levels.signal[after] / signal_s
            again, stir = share**0.5, (1 - share) ** 0.5
        rows.append(
            Step(time, *predict(levels, time), keep=float(again * ratio),
                 pull=float(again * pull), stir=float(stir))
        )  # fmt: skip
    return schedule_of(rows, levels, pure_noise=1.0)
