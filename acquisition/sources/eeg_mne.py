"""EDF, BDF and BrainVision files, read through `mne` where it is installed."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from acquisition.sources.eeg import EegMarker, EegReadOptions, EegRecording
from phosphene.errors import InputError

__all__ = ["read"]


def read(path: Path, options: EegReadOptions) -> EegRecording:
    """Read one file.

    Parameters
    ----------
    path : Path
        A .edf, .bdf or .vhdr file.
    options : EegReadOptions
        How to read it.

    Returns
    -------
    EegRecording
        EEG channels in microvolts; annotations as markers.
    """
    try:
        import mne
    except ImportError as error:
        raise InputError(f"{path}: {path.suffix} files need the package mne") from error
    readers = {
        ".edf": mne.io.read_raw_edf,
        ".bdf": mne.io.read_raw_bdf,
        ".vhdr": mne.io.read_raw_brainvision,
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            raw = readers[path.suffix.lower()](path, preload=True, verbose="error")
        except Exception as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
    keep = [
        name
        for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True)
        if kind == "eeg" and name not in options.drop
    ]
    if not keep:
        raise InputError(f"{path}: no EEG channel among {', '.join(raw.ch_names[:20])}")
    fs_hz = float(raw.info["sfreq"])
    markers = [
        EegMarker(float(onset), options.labels.get(str(what), str(what)), "annotations")
        for onset, what in zip(raw.annotations.onset, raw.annotations.description, strict=True)
        if 0 <= onset < raw.n_times / fs_hz
    ]
    return EegRecording(
        name=path.stem,
        data=np.ascontiguousarray(raw.get_data(picks=keep).T * 1e6, dtype=np.float32),
        fs_hz=fs_hz,
        channel_names=tuple(keep),
        markers=tuple(sorted(markers, key=lambda marker: marker.t_s)),
        t0_s=0.0,
        effective_hz=fs_hz,
        warnings=tuple(str(warning.message) for warning in caught),
    )
