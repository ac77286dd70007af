"""How much noise there is at each training time of a pipeline, from its scheduler's own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, check_all, problem

__all__ = ["NoiseLevels", "read_noise_levels"]

Doubles = npt.NDArray[np.float64]
PREDICTIONS = ("epsilon", "v_prediction", "sample")
COSINE_OFFSET = 0.008
LARGEST_BETA = 0.999
SMALLEST_SIGNAL = 2.0**-24
"""What stays of the picture at the last time where none should: dividing by 0 is no option."""


@dataclass(frozen=True)
class NoiseLevels:
    """Noise levels of training: x_t = sqrt(signal[t]) x_0 + sqrt(1 - signal[t]) noise.

    Attributes
    ----------
    signal : array (T,)
        Share of the picture's variance that is left at each training time (alpha-bar of Ho et al.
        2020, eq. 4), falling.
    prediction : str
        What the network gives: "epsilon" the noise, "v_prediction" sqrt(signal) noise -
        sqrt(1 - signal) x_0 (Salimans & Ho 2022), "sample" x_0 itself.
    """

    signal: Doubles
    prediction: str

    @property
    def times(self) -> int:
        """Number of training times."""
        return len(self.signal)


def read_noise_levels(config: Mapping[str, Any]) -> NoiseLevels:
    """Noise levels that `scheduler_config.json` describes.

    Raises
    ------
    InputError
        If it describes none that is known.
    """
    kind = config.get("beta_schedule", "linear")
    prediction = config.get("prediction_type", "epsilon")
    times = int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    trained = config.get("trained_betas")
    found = []
    if prediction not in PREDICTIONS:
        found.append(problem("prediction_type", prediction, ", ".join(PREDICTIONS), _CURE))
    if trained is None and kind not in _BETAS:
        found.append(problem("beta_schedule", kind, ", ".join(_BETAS), _CURE))
    check_all(found, InputError, "scheduler_config.json")
    betas = (
        np.asarray(trained, np.float64) if trained is not None else _BETAS[kind](start, end, times)
    )
    signal: Doubles = np.cumprod(1.0 - betas, dtype=np.float64)
    if config.get("rescale_betas_zero_snr", False):
        signal = _without_rest(signal)
    return NoiseLevels(signal, prediction)


def _linear(start: float, end: float, times: int) -> Doubles:
    return np.linspace(start, end, times)


def _scaled(start: float, end: float, times: int) -> Doubles:
    """Linear in the square root, as latent diffusion was trained."""
    roots: Doubles = np.linspace(start**0.5, end**0.5, times) ** 2
    return roots


def _cosine(start: float, end: float, times: int) -> Doubles:
    """Nichol & Dhariwal 2021, eq. 17; start and end play no part."""
    t = np.arange(times + 1) / times
    left = np.cos((t + COSINE_OFFSET) / (1 + COSINE_OFFSET) * np.pi / 2) ** 2
    capped: Doubles = np.minimum(1 - left[1:] / left[:-1], LARGEST_BETA)
    return capped


def _without_rest(signal: Doubles) -> Doubles:
    """Shift and scale sqrt(signal) so that nothing is left at the end (Lin et al. 2023, alg. 1)."""
    root = np.sqrt(signal)
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    rescaled: Doubles = root**2
    rescaled[-1] = SMALLEST_SIGNAL
    return rescaled


_CURE = "Take a pipeline of the Stable Diffusion family."
_BETAS = {"linear": _linear, "scaled_linear": _scaled, "squaredcos_cap_v2": _cosine}
