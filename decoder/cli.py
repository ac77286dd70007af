"""Shell of the fit: ``python -m decoder.fit PREPARED --out BUNDLE``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from decoder.choose import Grid
from decoder.committee import LEAST_TIMES
from decoder.dataset import Dataset, block_groups, most_blocks
from decoder.fit import Facts, fit_bundle
from decoder.settings import FitSettings
from decoder.targets import Encode, make_dataset
from phosphene.bundle import Bundle
from phosphene.dataset import PreparedData, PreparedMeta, read_prepared
from phosphene.describe import describe_bundle
from phosphene.errors import ConfigError, InputError, PhospheneError, check_all, problem
from phosphene.manifest import REST, TargetInfo
from phosphene.stimuli import C_DIM, CATEGORIES, SPACE_ID, Z_SHAPE, typical
from phosphene.stimuli.encoder import WorldEncoder, space_hash

__all__ = ["delay", "main", "search", "with_groups"]

_LONGEST_DELAY_S = 9.0
_MOST_BLOCKS = 6
_LEAST_BLOCKS = 3
_MEANS = ((1, "mean"), (2, "mean"), (3, "mean"))
_BETA_WEIGHTS = (3.0, 10.0, 100.0)
_BLURRED = ((3, "concat"), (4, "concat"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit a bundle from prepared data; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m decoder.fit", description=__doc__)
    parser.add_argument("prepared", type=Path, help="prepared data (.npz)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new bundle")
    parser.add_argument(
        "--delay", type=delay, default=None, metavar="S",
        help="seconds from what was seen to the data's end; auto chooses it on training runs",
    )  # fmt: skip
    parser.add_argument("--window", type=int, help="volumes in a window")
    parser.add_argument(
        "--frequencies", type=_numbers, default=(), metavar="HZ,HZ",
        help="of flickers: tell categories by the power of EEG at these frequencies",
    )  # fmt: skip
    parser.add_argument("--consent", default="", help="reference to the consent record")
    parser.add_argument("--seed", type=int, default=0, help="seed of the fit")
    parser.add_argument("--replace", action="store_true", help="replace an existing bundle")
    given = parser.parse_args(arguments)
    try:
        bundle = _fit(given)
        bundle.write(given.out, replace=given.replace)
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    print(describe_bundle(bundle))
    return 0


def delay(text: str) -> float | None:
    """Read a delay in seconds; ``auto``, which is None, chooses it."""
    return None if text == "auto" else float(text)


def _numbers(text: str) -> tuple[float, ...]:
    """Read ``20,30``."""
    return tuple(float(part) for part in text.split(","))


def _check_eeg(meta: PreparedMeta) -> None:
    if meta.modality != "eeg" or any(event.detail for event in meta.events):
        got = "pictures" if meta.modality == "eeg" else meta.modality
        raise ConfigError(
            problem("--frequencies", got, "EEG with labels of flickers", "Leave it out.")
        )


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
    pictures = any(event.detail for event in meta.events)
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
    pictures = any(event.detail for event in meta.events)
    able = meta.kind == "eeg-epoch" and settings.window == 1 and times >= LEAST_TIMES
    return settings, Grid(committees=(False, True) if able and not pictures else ())


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


def _fit(given: argparse.Namespace) -> Bundle:
    prepared = read_prepared(given.prepared)
    settings, grid = search(prepared.meta, given.delay, given.window, given.seed)
    if given.frequencies:
        _check_eeg(prepared.meta)
        settings = settings.model_copy(update={"frequencies_hz": given.frequencies})
        grid = Grid()
    encode: Encode | None = None
    if any(event.detail for event in prepared.meta.events):
        encode = WorldEncoder().encode
    data = make_dataset(prepared, settings.delay_s, settings.period_s, encode)
    data = with_groups(data, settings, grid)
    with tqdm(total=1, desc="fit", unit="fold") as bar:

        def progress(what: str, done: int, total: int) -> None:
            bar.set_description(what)
            bar.total, bar.n = total, done
            bar.refresh()

        return fit_bundle(data, settings, _facts(prepared, given.consent), progress, grid)


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


def _facts(prepared: PreparedData, consent: str) -> Facts:
    meta = prepared.meta
    settings: dict[str, Any] = json.loads(meta.settings or "{}")
    fmri = meta.modality == "fmri"
    return Facts(
        person=meta.person,
        modality=meta.modality,
        mask_hash=meta.mask_hash,
        target=TargetInfo(
            id=SPACE_ID, sha256=space_hash(), c_dim=C_DIM, z_shape=Z_SHAPE, categories=CATEGORIES
        ),
        prototypes=np.stack([typical(name) for name in CATEGORIES]),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        consent=consent,
        mask=prepared.mask if fmri else None,
        reference=prepared.reference,
        affine=np.array(meta.affine, np.float64).reshape(4, 4) if fmri else None,
        channels=meta.channels,
        acquisition=settings,
        sources=tuple(sorted(set(meta.sources.values()))),
        further=prepared.further,
    )
