"""Tells whether a bundle was fitted on the very data that it is to be evaluated on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from decoder.dataset import Dataset
from decoder.load import LoadOptions, load
from decoder.search import is_trials
from phosphene.dataset import PreparedData
from phosphene.errors import ConfigError, InputError
from phosphene.manifest import Manifest

__all__ = ["trained_on"]


def trained_on(
    manifest: Manifest, prepared: PreparedData, data: Dataset, source: Path, options: LoadOptions
) -> str:
    """Say why data are training data of a bundle; "" where nothing speaks for it.

    A file with several runs is training data only as far as its runs were used. Of trials with a
    test side, that side is not, if the bundle was fitted on exactly the other one.

    Parameters
    ----------
    manifest : Manifest
        Of the bundle.
    prepared : PreparedData
        As read.
    data : Dataset
        What would be evaluated.
    source : Path
        Where it was read from.
    options : LoadOptions
        How.

    Returns
    -------
    str
    """
    known = set(manifest.training.data_sha256)
    if data.sha256() in known:
        return "the data are those that the bundle was fitted on"
    files = sorted(name for name, digest in prepared.meta.sources.items() if digest in known)
    told = f"the bundle was fitted on {', '.join(files[:3])}{' and others' * (len(files) > 3)}"
    if is_trials(prepared.meta):
        return _of_trials(known, files, told, source, options)
    if not files:
        return ""
    # Blocks of a cut run are named after it.
    trained = {group.rpartition(" block-")[0] or group for group in manifest.training.groups}
    common = sorted(set(data.groups.tolist()) & trained)
    return f"{told}, run(s) {', '.join(common[:5])}" if common else ""


def _of_trials(
    known: set[str], files: list[str], told: str, source: Path, options: LoadOptions
) -> str:
    """Read the trials as a fit does and look for what it would learn from."""
    try:
        loaded = load(source, replace(options, split="auto"), lambda _: None)
    except (ConfigError, InputError):
        # Too few of them for a fit; then none can have been made of them alone.
        return told if files else ""
    learnt = loaded.aim.data
    side = replace(learnt, given=np.full(len(learnt), "train"))
    same = bool({learnt.sha256(), side.sha256()} & known)
    if loaded.test is None:
        return "the data are those that the bundle was fitted on" if same else told * bool(files)
    if not files:
        return ""
    if not same:
        return (
            f"{told}, but not on those rows that are named as to learn from here (name arrays, "
            "--labels, --space and --seed as in the fit)"
        )
    rows = {row.tobytes() for row in learnt.responses}
    if any(row.tobytes() in rows for row in loaded.test.data.responses):
        return f"{told}; rows to test are among those to learn from"
    return ""
