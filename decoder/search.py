"""Where a fit begins and what it chooses by itself, told from what the data are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from decoder.choose import Grid
from decoder.committee import LEAST_TIMES
from decoder.dataset import Dataset, block_groups, most_blocks
from decoder.settings import FitSettings
from decoder.splits import Split
from phosphene.dataset import PreparedMeta
from phosphene.errors import ConfigError, InputError, check_all, problem
from phosphene.manifest import REST

__all__ = ["in_stretches", "is_trials", "search", "with_groups"]

_LONGEST_DELAY_S = 9.0
_MOST_BLOCKS = 6
_LEAST_BLOCKS = 3
_MEANS = ((1, "mean"), (2, "mean"), (3, "mean"))
_BETA_WEIGHTS = (3.0, 10.0, 100.0)
_BLURRED = ((3, "concat"), (4, "concat"))
_ROWS = {
    "fmri": "volumes", "fmri-beta": "events", "eeg-epoch": "epochs", "eeg-window": "windows",
}  # fmt: skip
_STEADY = 10_000.0
"""Rows that the prior mean of trials is worth: they are standardised with training statistics."""


def is_trials(meta: PreparedMeta) -> bool:
    """Tell whether rows are trials of which neither time nor place is known."""
    return meta.kind == "fmri-beta" and meta.tr_s == 0


def search(
    meta: PreparedMeta, delay_s: float | None, window: int | None, seed: int
) -> tuple[FitSettings, Grid]:
    """Say where a fit begins and what it chooses by itself.

    Parameters
    ----------
    meta : PreparedMeta
        Of the data.
    delay_s : float or None
        Fixed delay in seconds; None tries the middle of each volume up to 9 s back, which holds
        the peaks of persons and regions. Betas have theirs already.
    window : int or None
        Fixed window in volumes; None tries one to three or four.
    seed : int
        Of the fit.

    Returns
    -------
    FitSettings
    Grid
    """
    if meta.modality == "eeg":
        return _of_eeg(meta, delay_s, window, seed)
    if is_trials(meta):
        return _of_trials(delay_s, window, seed), Grid()
    if meta.kind == "fmri-beta":
        return _of_events(meta, delay_s, window, seed)
    delays = np.arange(meta.tr_s / 2, _LONGEST_DELAY_S, meta.tr_s).tolist()
    settings = FitSettings(
        window=window or 2,
        combine="mean" if window is None else "concat",
        delay_s=delays[0] if delay_s is None else delay_s,
        period_s=meta.tr_s,
        seed=seed,
    )
    # Only pictures that change from volume to volume are worth undoing the haemodynamic blur for.
    pictures = any(event.detail or event.picture >= 0 for event in meta.events)
    shapes = _MEANS + (_BLURRED if pictures else ())
    if window is not None:
        shapes = ((window, "mean"), (window, "concat"))
    return settings, Grid(delays_s=() if delay_s is not None else tuple(delays), shapes=shapes)


def _of_eeg(
    meta: PreparedMeta, delay_s: float | None, window: int | None, seed: int
) -> tuple[FitSettings, Grid]:
    """Say the same for EEG: one row is one epoch or window, and comes ready."""
    times = len(meta.times_s)
    span_s = (meta.times_s[-1] - meta.times_s[0]) if times > 1 else 1.0
    settings = FitSettings(
        window=window or 1, delay_s=delay_s or 0.0, period_s=span_s, normaliser="none", seed=seed,
        channels=len(meta.channels), rate_hz=(times - 1) / span_s if times > 1 else 0.0,
    )  # fmt: skip
    # Where pictures are known, c and z are decoded from the waveforms, and c says the category.
    pictures = any(event.detail or event.picture >= 0 for event in meta.events)
    able = meta.kind == "eeg-epoch" and settings.window == 1 and times >= LEAST_TIMES
    return settings, Grid(committees=(False, True) if able and not pictures else ())


def _of_trials(delay_s: float | None, window: int | None, seed: int) -> FitSettings:
    """Say the same for trials: each row is one response to one stimulus."""
    found = [
        problem(option, value, "nothing for trials without times", "Leave it out.")
        for option, value in (("--window", window), ("--delay", delay_s))
        if value is not None and not (option == "--window" and value == 1)
    ]
    check_all(found, ConfigError, "fit of trials")
    return FitSettings(
        window=1, combine="mean", delay_s=0.0, per_event=True, period_s=1.0,
        prior_weight=_STEADY, seed=seed,
    )  # fmt: skip


def _of_events(
    meta: PreparedMeta, delay_s: float | None, window: int | None, seed: int
) -> tuple[FitSettings, Grid]:
    """Say the same for betas: one row is one event, its delay is how it was made."""
    own_s = json.loads(meta.settings or "{}").get("fmri", {}).get("beta_delay_s", 8.0)
    made_s = meta.delays_s or (float(own_s),)
    found = []
    if window not in (None, 1):
        found.append(problem("--window", window, "1 for betas", "Leave it out."))
    if delay_s not in (None, *made_s):
        found.append(
            problem("--delay", delay_s, f"what the betas were made with: {made_s} s",
                    "Leave it out, or prepare the betas anew.")
        )  # fmt: skip
    check_all(found, ConfigError, "fit of betas")
    onsets: dict[str, list[float]] = {}
    for event in meta.events:
        onsets.setdefault(event.run, []).append(event.t_s)
    gaps_s = np.concatenate([np.diff(np.unique(t)) for t in onsets.values()])
    period_s = float(np.median(gaps_s)) if len(gaps_s) else meta.tr_s
    settings = FitSettings(
        window=1, combine="mean", delay_s=made_s[0] if delay_s is None else delay_s,
        per_event=True, period_s=period_s, seed=seed,
    )  # fmt: skip
    tried = made_s if delay_s is None and len(made_s) > 1 else ()
    return settings, Grid(delays_s=tried, prior_weights=_BETA_WEIGHTS)


def with_groups(data: Dataset, settings: FitSettings, grid: Grid) -> Dataset:
    """Cut runs into blocks where there are fewer than three: one is held out, two choose.

    Each block is then normalised by itself, which is a little harder than a whole run. There are
    up to six blocks in all, as many as the shortest run allows.

    Parameters
    ----------
    data : Dataset
        One run or several.
    settings : FitSettings
    grid : Grid
        What will be tried; the longest delay and window decide what lies between two blocks.

    Returns
    -------
    Dataset
        With three groups or more.

    Raises
    ------
    InputError
        If a run is too short; says how long it has to be.
    """
    names = data.group_names
    if len(names) > 2:
        return data
    delay_s = max((settings.delay_s, *grid.delays_s))
    window = max((settings.window, *(length for length, _ in grid.shapes)))
    gap = window + round(delay_s / settings.period_s)
    rows_of = {name: int((data.groups == name).sum()) for name in names}
    least, most = -(-_LEAST_BLOCKS // len(names)), _MOST_BLOCKS // len(names)
    # A window's stimulus must lie in its own block, so a block needs more rows than the gap has.
    blocks = most_blocks(min(rows_of.values()), least, most, gap, gap + 1)
    if blocks is None:
        raise _too_short(rows_of, least * (2 * gap + 1))
    parts, groups = [], []
    for name in names:
        own = np.flatnonzero(data.groups == name)
        rows, own_blocks = block_groups(len(own), blocks, gap)
        parts.append(own[rows])
        groups.append(np.array([f"{name} {block}" for block in own_blocks]))
    cut = replace(data.select(np.concatenate(parts)), groups=np.concatenate(groups))
    _check_shown(cut)
    return cut


def in_stretches(split: Split, whole: Dataset, cut: Dataset, kind: str) -> Split:
    """Say in the words of a split that runs were cut, see `with_groups`, and what that cost.

    Parameters
    ----------
    split : Split
        Of `cut`.
    whole, cut : Dataset
        Before and after.
    kind : str
        Of the rows, as in `PreparedMeta.kind`.
    """
    if cut.group_names == whole.group_names:
        return split
    rows, runs = _ROWS.get(kind, "rows"), len(whole.group_names)
    given = "one run, or no runs named" if runs == 1 else f"only {runs} runs"
    words = split.words.replace("leave one run out", "leave one stretch out")
    words += f"; {len(cut.group_names)} stretches of consecutive {rows} ({given})"
    lost = len(whole) - len(cut)
    words += f", {lost} {rows} at their borders dropped" if lost else ""
    return replace(split, words=words)


def _check_shown(cut: Dataset) -> None:
    """Refuse blocks of which too few show anything: nothing could be learned or tested."""
    seen = np.zeros(len(cut), np.bool_)
    if cut.c is not None:
        seen |= np.isfinite(cut.c).all(axis=1)
    if cut.labels is not None:
        seen |= ~np.isin(cut.labels, ("", REST))
    count = len(set(cut.groups[seen].tolist()))
    if count < _LEAST_BLOCKS:
        raise InputError(
            problem("runs", f"something shown in {count} of {len(cut.group_names)} blocks",
                    f"{_LEAST_BLOCKS} or more", "Record a longer run, or give three or more.")
        )  # fmt: skip


def _too_short(rows_of: Mapping[str, int], need: int) -> InputError:
    short = [
        problem(f"run {name}", f"{n} volumes or epochs", f"{need} or more",
                "Record a longer run, give three or more runs, or fix --delay and --window.")
        for name, n in rows_of.items()
        if n < need
    ]  # fmt: skip
    return InputError("too short to fit and to test the fit: " + "; ".join(short))
