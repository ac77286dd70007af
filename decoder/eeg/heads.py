"""Heads that are compact convolutions: categories or c from epochs, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Strings
from decoder.eeg.network import Convolution
from decoder.settings import FitSettings
from phosphene.errors import ConfigError, problem

__all__ = ["convolution_of_c", "convolution_of_categories", "has_torch"]

Array = npt.NDArray[Any]


def has_torch() -> bool:
    """Tell whether convolutions can be trained here."""
    return find_spec("torch") is not None


def convolution_of_categories(
    X: Array, names: Strings, labels: Sequence[str], groups: Strings, settings: FitSettings
) -> Convolution:
    """Fit scores of categories on epochs (n, channels * times); see `decoder.eeg.train`."""
    _check(X, settings)
    from decoder.eeg.train import Training, fit_categories

    codes = np.array([list(labels).index(name) for name in names.tolist()])
    layout = (settings.channels, settings.rate_hz)
    return fit_categories(X, codes, len(labels), groups, layout, Training(), settings.seed)


def convolution_of_c(X: Array, c: Array, groups: Strings, settings: FitSettings) -> Convolution:
    """Fit c (n, C) on epochs (n, channels * times), by contrast; see `decoder.eeg.train`."""
    _check(X, settings)
    from decoder.eeg.train import Training, fit_embedding

    layout = (settings.channels, settings.rate_hz)
    return fit_embedding(X, c, groups, layout, Training(), settings.seed)


def _check(X: Array, settings: FitSettings) -> None:
    if settings.channels < 1 or X.shape[1] % settings.channels:
        raise ConfigError(
            problem("model", "convolution", "epochs of EEG, channel by channel",
                    "Choose another model.")
        )  # fmt: skip
    if not has_torch():
        raise ConfigError(
            problem("model", "convolution without torch", "torch, to train it",
                    "Install phosphene[train], or choose another model.")
        )  # fmt: skip
