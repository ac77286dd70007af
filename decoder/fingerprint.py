"""Short hashes of training data, by which they are known again wherever they turn up."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from decoder.dataset import Dataset
from phosphene.dataset import PreparedData

__all__ = ["TRAINING_ROWS", "is_among", "row_hashes", "sources_of_runs"]

TRAINING_ROWS = "training_rows"
"""Name of the hashes among a bundle's statistics."""

_BYTES = 8


def row_hashes(data: Dataset) -> npt.NDArray[np.uint64]:
    """Hash every response as it is before normalising, at every delay that there is.

    Parameters
    ----------
    data : Dataset

    Returns
    -------
    array of uint64 (m,)
        Sorted, each once (BLAKE2b of the row's float32 bytes, 8 bytes). Order, names, targets and
        file do not matter. Rows of one value only, such as all 0, are left out.
    """
    found = [_hashes(values) for values in (data.responses, *data.at_delays.values())]
    varied = [_varied(values) for values in (data.responses, *data.at_delays.values())]
    kept = [hashes[rows] for hashes, rows in zip(found, varied, strict=True)]
    return np.unique(np.concatenate(kept))


def is_among(data: Dataset, known: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Tell for each row of data whether its hash, at any delay, is among those that are known."""
    there = np.zeros(len(data), np.bool_)
    for values in (data.responses, *data.at_delays.values()):
        there |= np.isin(_hashes(values), known) & _varied(values)
    return there


def sources_of_runs(prepared: PreparedData) -> dict[str, tuple[str, ...]]:
    """Return the SHA-256 of the files that each run came from.

    Where data do not tell, every run may have come from every file.
    """
    told, every = prepared.meta.run_sources, tuple(prepared.meta.sources.values())
    return {run: tuple(told.get(run, every)) for run in dict.fromkeys(prepared.runs.tolist())}


def _hashes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    rows = np.ascontiguousarray(values, dtype="<f4")
    digests = [hashlib.blake2b(row.tobytes(), digest_size=_BYTES).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _varied(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(values.min(axis=1) < values.max(axis=1))
