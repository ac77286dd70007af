"""Tells whether a bundle was fitted on the very data that it is to be evaluated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset
from decoder.fingerprint import TRAINING_ROWS, is_among, sources_of_runs
from decoder.search import is_trials
from phosphene.dataset import PreparedData
from phosphene.manifest import Manifest

__all__ = ["trained_on"]


def trained_on(
    manifest: Manifest,
    statistics: Mapping[str, npt.NDArray[Any]],
    prepared: PreparedData,
    data: Dataset,
) -> str:
    """Say why data are training data of a bundle; "" where nothing speaks for it.

    Rows are known by their hashes, whatever the file, its name, their order and their number. Rows
    that were cleaned otherwise differ; these are known by the file that they came from. A file
    with several runs is training data only as far as its runs were used, and one of trials only
    where its rows cannot be compared, because other columns were left out of them.

    Parameters
    ----------
    manifest, statistics
        Of the bundle.
    prepared : PreparedData
        As read.
    data : Dataset
        What would be evaluated.

    Returns
    -------
    str
    """
    known = statistics.get(TRAINING_ROWS)
    if known is not None:
        same = int(is_among(data, known).sum())
        if same:
            return f"the bundle was fitted on {same} of these {len(data)} rows"
    training = manifest.training
    if data.sha256() in training.data_sha256:
        return "the data are those that the bundle was fitted on"
    if is_trials(prepared.meta):
        return _of_trials(manifest, prepared, data, known is not None)
    here = _runs_of_files(sources_of_runs(prepared), data.group_names)
    there = _runs_of_files(training.run_sources, tuple(training.run_sources))
    shared = [sha for sha in here if sha in {*training.data_sha256, *there}]
    for sha in shared:
        mine, theirs = here[sha], there.get(sha, set())
        common = sorted(mine & theirs)
        # Only names of runs within one file can be compared; a file of one run has any name.
        if common or max(len(mine), len(theirs)) < 2 or not theirs:
            runs = f"run(s) {', '.join(common[:5])}" if common else "its run has another name here"
            return f"the bundle was fitted on {_named(prepared, [sha])}, {runs}"
    return ""


def _of_trials(manifest: Manifest, prepared: PreparedData, data: Dataset, told: bool) -> str:
    """Judge rows of which none is known to have been learned from."""
    files = [sha for sha in prepared.meta.sources.values() if sha in manifest.training.data_sha256]
    aside = data.given is not None and bool(np.all(data.given == "test"))
    # With the same columns a row that was learned from would have been known by its hash.
    comparable = prepared.meta.mask_hash == manifest.mask_hash
    if not files or (told and (aside or comparable)):
        return ""
    return f"the bundle was fitted on {_named(prepared, files)}"


def _runs_of_files(
    sources: Mapping[str, Sequence[str]], runs: Sequence[str]
) -> dict[str, set[str]]:
    """Return the runs that came from each file."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for sha in sources.get(run, ()):
            found.setdefault(sha, set()).add(run)
    return found


def _named(prepared: PreparedData, hashes: Sequence[str]) -> str:
    names = sorted(name for name, sha in prepared.meta.sources.items() if sha in hashes)
    others = " and others" * (len(names) > 3)
    return ", ".join(names[:3]) + others if names else "this file under another name"
