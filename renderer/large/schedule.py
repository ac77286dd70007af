"""A few denoising steps as numbers that are known beforehand.

Every sampler here is linear in what it is given, so one loop serves all of them:

    x_0  = from_x x + from_out out                          what the network says the picture is
    x   <- keep x + pull x_0 + lag x_0_before + stir noise  where the next step begins

with x in the variance-preserving form x_t = sqrt(signal) x_0 + sqrt(1 - signal) noise, `out` the
network's output and `x_0_before` the estimate of the step before (of the first step: anything,
its `lag` is 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renderer.large.noise_levels import NoiseLevels

__all__ = ["COLUMNS", "Schedule", "Step", "evenly", "predict", "schedule_of", "trained_grid"]

Floats = npt.NDArray[np.float32]
COLUMNS = ("from_x", "from_out", "keep", "pull", "lag", "stir")


@dataclass(frozen=True)
class Step:
    """Numbers of one step, by the names of `COLUMNS`, at training time `time`."""

    time: int
    from_x: float
    from_out: float
    keep: float
    pull: float
    lag: float = 0.0
    stir: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """All steps of one picture.

    Attributes
    ----------
    times : float32 array (n,)
        What the network is told of the time.
    rows : float32 array (n, 6)
        `COLUMNS` for each step.
    start_signal, start_noise : float
        x = start_signal * latent + start_noise * noise begins at a latent.
    pure_noise : float
        x = pure_noise * noise begins at nothing: samplers differ in whether they allow for what
        is left of the picture at the last training time.
    """

    times: Floats
    rows: Floats
    start_signal: float
    start_noise: float
    pure_noise: float

    def __len__(self) -> int:
        return len(self.times)

    @property
    def stirs(self) -> bool:
        """Whether any step wants fresh noise."""
        return bool(self.rows[:, COLUMNS.index("stir")].any())


def schedule_of(steps: Sequence[Step], levels: NoiseLevels, pure_noise: float) -> Schedule:
    """Make arrays of steps; `pure_noise` as in `Schedule`."""
    signal = levels.signal[steps[0].time]
    rows = [[getattr(step, name) for name in COLUMNS] for step in steps]
    return Schedule(
        times=np.array([step.time for step in steps], np.float32),
        rows=np.array(rows, np.float32),
        start_signal=float(np.sqrt(signal)),
        start_noise=float(np.sqrt(1 - signal)),
        pure_noise=pure_noise,
    )


def predict(levels: NoiseLevels, time: int) -> tuple[float, float]:
    """`from_x` and `from_out`: how x_0 follows from x and the network's output at a time."""
    signal = float(levels.signal[time])
    a, b = signal**0.5, (1 - signal) ** 0.5
    if levels.prediction == "epsilon":
        return 1 / a, -b / a
    if levels.prediction == "v_prediction":
        return a, -b
    return 0.0, 1.0


def evenly(levels: NoiseLevels, steps: int, strength: float) -> list[int]:
    """Choose times that end evenly spaced at 0 and begin at `strength` (Lin et al. 2023).

    They call it "trailing". Fewer than `steps` where `strength` leaves fewer training times, none
    for 0.
    """
    top = round(levels.times * strength)
    count = min(steps, top)
    return [round(top - k * top / count) - 1 for k in range(count)]


def trained_grid(levels: NoiseLevels, steps: int, strength: float, grid: int) -> list[int]:
    """Choose times of the grid that a consistency model was distilled on (Luo et al. 2023)."""
    stride = levels.times // grid
    places = [k * stride - 1 for k in range(1, int(grid * strength) + 1)][::-1]
    if not places and strength > 0:
        places = [stride - 1]
    count = min(steps, len(places))
    return [places[int(k * len(places) / count)] for k in range(count)]
