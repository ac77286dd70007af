"""EDF, BDF, BrainVision, EEGLAB and FIF files, read through `mne` where it is installed.

Markers come from annotations and, where a file has them, from trigger channels. The annotations of
a file that was cut from a longer one count from the start of the longer one: they are moved.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.sources.eeg import EegMarker, EegReadOptions, EegRecording
from phosphene.errors import InputError

__all__ = ["read"]

# The upper bits of a BioSemi status channel tell the state of the amplifier, not triggers.
_TRIGGER_BITS = 0xFFFF
# Names of files are chosen by people; what mne thinks of them changes nothing.
_SKIPPED = "BAD_ACQ_SKIP"  # what mne calls stretches that the amplifier did not record
_NAMING = "does not conform to MNE naming conventions"


def read(path: Path, options: EegReadOptions) -> EegRecording:
    """Read one file.

    Parameters
    ----------
    path : Path
        A .edf, .bdf, .vhdr, .set or .fif file.
    options : EegReadOptions
        How to read it.

    Returns
    -------
    EegRecording
        EEG channels in microvolts; annotations and triggers as markers.
    """
    try:
        import mne
    except ImportError as error:
        raise InputError(f"{path}: {path.suffix} files need the package mne") from error
    readers = {
        ".edf": mne.io.read_raw_edf,
        ".bdf": mne.io.read_raw_bdf,
        ".vhdr": mne.io.read_raw_brainvision,
        ".set": mne.io.read_raw_eeglab,
        ".fif": mne.io.read_raw_fif,
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
    data = np.ascontiguousarray(raw.get_data(picks=keep).T * 1e6, dtype=np.float32)
    markers = []
    for at_s, what, stream, length_s in [*_annotated(raw), *_triggered(mne, raw)]:
        if what == _SKIPPED:
            data[round(at_s * fs_hz) : round((at_s + length_s) * fs_hz)] = np.nan
        elif 0 <= at_s < raw.n_times / fs_hz:
            markers.append(EegMarker(at_s, options.labels.get(what, what), stream, length_s))
    return EegRecording(
        name=path.stem,
        data=data,
        fs_hz=fs_hz,
        channel_names=tuple(keep),
        markers=tuple(sorted(markers, key=lambda marker: marker.t_s)),
        t0_s=0.0,
        effective_hz=fs_hz,
        warnings=tuple(text for w in caught if _NAMING not in (text := str(w.message))),
    )


def _annotated(raw: Any) -> list[tuple[float, str, str, float]]:
    """Return time from the first sample (seconds), text, stream and length of each annotation."""
    held = raw.annotations
    begin_s = 0.0 if held.orig_time is None else raw.first_time
    return [
        (float(onset) - begin_s, str(what), "annotations", float(length_s))
        for onset, what, length_s in zip(held.onset, held.description, held.duration, strict=True)
    ]


def _triggered(mne: Any, raw: Any) -> list[tuple[float, str, str, float]]:
    """Return the same of each rise of a trigger channel, called by the number it rises to."""
    fs_hz = raw.info["sfreq"]
    found = []
    for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True):
        if kind == "stim":
            rises = mne.find_events(
                raw, stim_channel=name, shortest_event=1, mask=_TRIGGER_BITS, mask_type="and",
                verbose="error",
            )  # fmt: skip
            found += [((row - raw.first_samp) / fs_hz, str(to), name, 0.0) for row, _, to in rises]
    return found
