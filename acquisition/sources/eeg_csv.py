"""CSV files of Muse headbands: ``timestamps,TP9,AF7,...,Marker0``, microvolts, one row a sample."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.sources.eeg import EegMarker, EegReadOptions, EegRecording
from phosphene.errors import InputError, TruncatedError

__all__ = ["read"]

_MUSE_HZ = 256.0


def read(path: Path, options: EegReadOptions) -> EegRecording:
    """Read one file.

    Parameters
    ----------
    path : Path
        The file. ``<file>.labels.json`` beside it may name the markers; `options.labels` wins.
    options : EegReadOptions
        How to read it.

    Returns
    -------
    EegRecording
        Time stamps only tell the effective rate: they come in packets, the samples are even.
    """
    names, rows = _table(path, options)
    warnings = []
    keep = []
    for column, name in enumerate(names[1:], start=1):
        if name.startswith("Marker"):
            continue
        if np.ptp(rows[:, column]) == 0:
            warnings.append(f"channel {name} is flat and was left out")
        elif name in options.drop:
            warnings.append(f"channel {name} carries no EEG and was left out")
        else:
            keep.append(column)
    if not keep:
        raise InputError(f"{path}: no EEG channel (columns: {', '.join(names)})")
    stamps = rows[:, 0]
    span_s = float(stamps[-1] - stamps[0])
    effective_hz = (len(stamps) - 1) / span_s if span_s > 0 else float("nan")
    if not abs(effective_hz / _MUSE_HZ - 1) < 0.01:
        warnings.append(f"time stamps run at {effective_hz:.3f} Hz, not at {_MUSE_HZ:.0f} Hz")
    return EegRecording(
        name=path.stem,
        data=np.ascontiguousarray(rows[:, keep], dtype=np.float32),
        fs_hz=_MUSE_HZ,
        channel_names=tuple(names[column] for column in keep),
        markers=_markers(names, rows, _labels(path, options)),
        t0_s=float(stamps[0]),
        effective_hz=effective_hz,
        warnings=tuple(warnings),
    )


def _table(path: Path, options: EegReadOptions) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the column names and all rows, of which every one must be complete."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    names = [name.strip() for name in lines[0].split(",")]
    if names[0] != "timestamps" or len(names) < 3:
        raise InputError(f"{path}: not a Muse file: its first line is not the header")
    body = lines[1:]
    if body and (not text.endswith("\n") or body[-1].count(",") != len(names) - 1):
        if not options.salvage:
            raise TruncatedError(
                f"{path}: the file ends in the middle of line {len(lines)}; "
                "set salvage to read it up to there"
            )
        body = body[:-1]
    if not body:
        raise InputError(f"{path}: no samples after the header")
    try:
        rows = np.loadtxt(body, delimiter=",", ndmin=2, dtype=np.float64)
    except ValueError as error:
        why = re.sub("'.*'", "a word", str(error))  # what a file holds is for nobody's log
        raise InputError(f"{path}: {why}") from error
    if rows.shape[1] != len(names):
        raise InputError(f"{path}: rows of {rows.shape[1]} values under {len(names)} columns")
    return names, rows


def _labels(path: Path, options: EegReadOptions) -> dict[str, str]:
    sidecar = path.with_name(path.name + ".labels.json")
    labels: dict[str, str] = {}
    if sidecar.is_file():
        try:
            found = json.loads(sidecar.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{sidecar}: not JSON: {error}") from error
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise InputError(f"{sidecar}: must map marker values to names")
        labels.update(found)
    return labels | dict(options.labels)


def _markers(
    names: list[str], rows: npt.NDArray[np.float64], labels: dict[str, str]
) -> tuple[EegMarker, ...]:
    markers = []
    for column, name in enumerate(names):
        if not name.startswith("Marker"):
            continue
        for index in np.flatnonzero(rows[:, column]):
            value = f"{rows[index, column]:g}"
            markers.append(EegMarker(float(index / _MUSE_HZ), labels.get(value, value), name))
    return tuple(sorted(markers, key=lambda marker: marker.t_s))
