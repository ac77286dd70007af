"""Tells whether a bundle was fitted on the very data that it is to be evaluated on."""

from __future__ import annotations

from decoder.dataset import Dataset
from phosphene.dataset import PreparedData
from phosphene.manifest import Manifest

__all__ = ["trained_on"]


def trained_on(manifest: Manifest, prepared: PreparedData, data: Dataset) -> str:
    """Say why data are training data of a bundle; "" where nothing speaks for it.

    A file with several runs is training data only as far as its runs were used. Of trials with a
    test side, that side is not.

    Parameters
    ----------
    manifest : Manifest
        Of the bundle.
    prepared : PreparedData
        As read.
    data : Dataset
        What would be evaluated.

    Returns
    -------
    str
    """
    known = set(manifest.training.data_sha256)
    if data.sha256() in known:
        return "the data are those that the bundle was fitted on"
    files = sorted(name for name, digest in prepared.meta.sources.items() if digest in known)
    if not files:
        return ""
    told = f"{', '.join(files[:3])}{' and others' if len(files) > 3 else ''}"
    if prepared.given is not None and data.given is not None and set(data.given) == {"test"}:
        fitted, learnable = manifest.training.samples, int((prepared.given == "train").sum())
        if fitted <= learnable:
            return ""
    # Blocks of a cut run are named after it, folds of trials are not.
    trained = {group.rpartition(" block-")[0] or group for group in manifest.training.groups}
    runs = set(data.groups.tolist())
    folds = any(group.startswith("fold ") for group in trained)
    common = sorted(runs & trained)
    if not common and not folds:
        return ""
    which = f", run(s) {', '.join(common[:5])}" if common else ""
    return f"the bundle was fitted on {told}{which}"
