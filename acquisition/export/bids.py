"""EEG as a BIDS data set, written by mne-bids where that is installed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.export.bids_facts import correct_events, correct_sidecar, tell_in_readme
from acquisition.sources.eeg import EegRecording
from phosphene.errors import ConfigError, InputError

__all__ = ["write_bids"]

_NEEDED = 'BIDS needs mne-bids: pip install "phosphene[bids]"'


def write_bids(
    recording: EegRecording,
    root: Path,
    person: str,
    task: str,
    *,
    mains_hz: float | None = None,
    bad: Mapping[str, str] | None = None,
) -> Path:
    """Add a run to a BIDS data set; nothing there is overwritten.

    Parameters
    ----------
    recording : EegRecording
        Samples and markers. Missing samples stay NaN and are annotated ``BAD_lost``.
    root : Path
        The data set, made where it is not there.
    person : str
        Pseudonym; BIDS takes letters and digits of it.
    task : str
        What was done; letters and digits.
    mains_hz : float or None
        Frequency of the mains in hertz, where it is known.
    bad : mapping of str to str or None
        Why channels are bad.

    Returns
    -------
    Path
        The header file (BrainVision, 32-bit float, microvolts).

    Raises
    ------
    ConfigError
        If mne-bids is not installed.
    InputError
        If it cannot be written.
    """
    try:
        import mne_bids
    except ImportError as error:
        raise ConfigError(_NEEDED) from error
    place = mne_bids.BIDSPath(
        subject=_word(person), task=_word(task), datatype="eeg", suffix="eeg", root=root,
        extension=".vhdr",
    )  # fmt: skip
    place.update(run=f"{_next_run(place.directory, task):02d}")
    with warnings.catch_warnings():
        # It speaks of what BIDS would like to know besides: positions, mains frequency.
        warnings.simplefilter("ignore")
        try:
            mne_bids.write_raw_bids(
                _raw(recording, mains_hz),
                place,
                format="BrainVision",
                allow_preload=True,
                verbose="error",
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{root}: cannot be written as BIDS: {error}") from error
        if bad:
            mne_bids.mark_channels(
                place, ch_names=list(bad), status="bad", descriptions=list(bad.values()),
                verbose="error",
            )  # fmt: skip
    beside = place.copy().update(check=False)
    correct_sidecar(beside.copy().update(extension=".json").fpath)
    correct_events(beside.copy().update(suffix="events", extension=".tsv").fpath)
    tell_in_readme(root)
    return Path(place.fpath)


def _word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9]", "", text)
    if not word:
        raise ConfigError(f"{text!r} has no letter or digit, and BIDS takes only these")
    return word


def _next_run(folder: Path, task: str) -> int:
    found = [re.search(r"_run-(\d+)_", p.name) for p in folder.glob(f"*_task-{_word(task)}_*.vhdr")]
    return 1 + max((int(match.group(1)) for match in found if match), default=0)


def _raw(recording: EegRecording, mains_hz: float | None) -> Any:
    import mne

    info = mne.create_info(list(recording.channel_names), recording.fs_hz, "eeg")
    info["line_freq"] = mains_hz
    volts = recording.data.T.astype(np.float64) * 1e-6
    raw = mne.io.RawArray(volts, info, verbose="error")
    lost = _lost(recording)
    onsets = [m.t_s for m in recording.markers] + [begin_s for begin_s, _ in lost]
    lengths = [m.duration_s for m in recording.markers] + [length_s for _, length_s in lost]
    words = [m.label or "n/a" for m in recording.markers] + ["BAD_lost"] * len(lost)
    return raw.set_annotations(mne.Annotations(onsets, lengths, words), verbose="error")


def _lost(recording: EegRecording) -> list[tuple[float, float]]:
    """Return begin and length in seconds of each stretch of missing samples."""
    missing = np.isnan(recording.data).any(axis=1).astype(np.int8)
    edges = np.flatnonzero(np.diff(missing, prepend=0, append=0)).reshape(-1, 2)
    fs_hz = recording.fs_hz
    return [(float(a) / fs_hz, float(b - a) / fs_hz) for a, b in edges]
