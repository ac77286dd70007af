"""From raw responses to samples: normalise each run causally, window, find each target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset, Floats, Rows, Strings
from decoder.settings import FitSettings
from decoder.window import target_rows, window_rows, windows
from phosphene.normalise import RunningNormaliser, priors_from_runs

__all__ = ["Priors", "Samples", "learn_priors", "make_samples"]


@dataclass(frozen=True)
class Priors:
    """What the running normaliser starts from; both (features,) float32."""

    mean: Floats
    std: Floats


@dataclass(frozen=True)
class Samples:
    """Windows with their targets.

    Attributes
    ----------
    X : array (m, window * features) float32
        Normalised windows, oldest volume first.
    rows : array of int (m,)
        Row of the dataset of each window's newest volume.
    groups : array of str (m,)
        What choices leave out together: the run of each window, or `Dataset.inner`.
    z, c, labels : array or None
        As in `Dataset`, at t - delay; z and c NaN and labels "" where unknown.
    stimuli : array of str (m,) or None
        Name of what was shown then, "" where unknown.
    """

    X: Floats
    rows: Rows
    groups: Strings
    z: Floats | None
    c: Floats | None
    labels: Strings | None
    stimuli: Strings | None = None

    def batches(self, size: int = 256) -> Iterator[slice]:
        """Yield slices that cover all samples."""
        for start in range(0, len(self.rows), size):
            yield slice(start, start + size)


def learn_priors(data: Dataset, settings: FitSettings) -> Priors:
    """Learn the normaliser's priors from training runs, without their spikes."""
    if settings.normaliser == "none":
        features = data.responses.shape[1]
        return Priors(np.zeros(features, np.float32), np.ones(features, np.float32))
    kept = np.ones(len(data), bool) if data.spikes is None else ~data.spikes
    responses = data.at(settings.delay_s)
    runs = [responses[kept & (data.groups == name)] for name in data.group_names]
    return Priors(*priors_from_runs(runs))


def make_samples(data: Dataset, settings: FitSettings, priors: Priors) -> Samples:
    """Normalise every run from its beginning, window it, and attach targets.

    Parameters
    ----------
    data : Dataset
        Raw responses.
    settings : FitSettings
        Window, delay, normaliser.
    priors : Priors
        Learned on training runs only.

    Returns
    -------
    Samples
        One per full window, whether or not its target is known.
    """
    normal = _normalised(data, settings, priors)
    rows = window_rows(data, settings.window, settings.period_s)
    present = rows[:, -1]
    # A beta already belongs to its event; the delay is in how it was made.
    back_s = 0.0 if settings.per_event else settings.delay_s
    seen = target_rows(data, present, back_s, settings.period_s)
    return Samples(
        X=windows(normal, rows),
        rows=present,
        groups=(data.groups if data.inner is None else data.inner)[present],
        z=_at(data.z, seen, np.nan),
        c=_at(data.c, seen, np.nan),
        labels=_at(data.labels, seen, ""),
        stimuli=_at(data.stimuli, seen, ""),
    )


def _normalised(data: Dataset, settings: FitSettings, priors: Priors) -> Floats:
    responses = data.at(settings.delay_s)
    if settings.normaliser == "none":
        return responses
    result = np.empty_like(responses, dtype=np.float32)
    for name in data.group_names:
        mine = data.groups == name
        normaliser = RunningNormaliser(priors.mean, priors.std, settings.prior_weight)
        spikes = None if data.spikes is None else data.spikes[mine]
        result[mine] = normaliser.run(responses[mine], spikes)
    return result


def _at(values: npt.NDArray[Any] | None, rows: Rows, missing: Any) -> npt.NDArray[Any] | None:
    if values is None:
        return None
    taken = values[np.maximum(rows, 0)].copy()
    taken[rows < 0] = missing
    return taken
