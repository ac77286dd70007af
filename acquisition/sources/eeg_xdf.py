"""XDF files as LabRecorder and others write them, read through pyxdf."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyxdf

from acquisition.sources.eeg import EegMarker, EegReadOptions, EegRecording
from acquisition.sources.grid import Grid, even_grid, on_grid
from phosphene.errors import InputError, TruncatedError

__all__ = ["read"]

_COUNTER = "sample-counter"  # last channel of streams that Phosphene itself sent
_UNITS_UV = {
    "microvolts": 1.0,
    "microvolt": 1.0,
    "uv": 1.0,
    "µv": 1.0,
    "μv": 1.0,
    "millivolts": 1e3,
    "mv": 1e3,
    "volts": 1e6,
    "volt": 1e6,
    "v": 1e6,
}


def read(path: Path, options: EegReadOptions) -> EegRecording:
    """Read the EEG stream and all marker streams of one file.

    Parameters
    ----------
    path : Path
        The file.
    options : EegReadOptions
        How to read it.

    Returns
    -------
    EegRecording
        Clock offsets are applied; gaps, for example at clock resets, are filled with NaN.
    """
    streams, notes = _load(path, options)
    eeg = _choose(path, streams, options, notes)
    names, scale = _channels(eeg, notes)
    left_out = (*options.drop, _COUNTER)
    keep = [k for k, name in enumerate(names) if name not in left_out]
    values = np.asarray(eeg["time_series"], dtype=np.float64) * scale
    stamps = np.asarray(eeg["time_stamps"], dtype=np.float64)
    grid = even_grid(stamps, eeg["info"].get("segments") or [(0, len(stamps) - 1)], _rate(eeg))
    notes += grid.notes
    if grid.fs_hz <= 0:
        raise InputError(f"{path}: stream {_text(eeg, 'name')!r} has no usable time stamps")
    return EegRecording(
        name=path.stem,
        data=on_grid(values[:, keep].astype(np.float32), grid),
        fs_hz=grid.fs_hz,
        channel_names=tuple(names[k] for k in keep),
        markers=_markers(streams, stamps, grid, options, notes),
        t0_s=float(stamps[0]),
        effective_hz=grid.effective_hz,
        warnings=tuple(notes),
    )


def _load(path: Path, options: EegReadOptions) -> tuple[list[dict[str, Any]], list[str]]:
    notes: list[str] = []
    # Opened here, because pyxdf leaves the files open that it refuses.
    opened = gzip.open if path.suffix.lower() == ".xdfz" else open
    with _log_of_pyxdf(notes), opened(path, "rb") as file:
        try:
            streams, _ = pyxdf.load_xdf(
                file, jitter_break_threshold_seconds=1, jitter_break_threshold_samples=1
            )
        except OSError as error:
            raise InputError(f"{path}: not an XDF file") from error
        except SyntaxError as error:  # an XML header that ends early
            raise TruncatedError(f"{path}: the file ends inside a header ({error})") from error
        except Exception as error:  # pyxdf raises bare Exception
            raise InputError(f"{path}: cannot be read: {error}") from error
    if any("corruption" in note for note in notes) and not options.salvage:
        raise TruncatedError(
            f"{path}: the file is cut off or damaged ({notes[0]}); "
            "set salvage to read what is intact"
        )
    if not streams:
        raise InputError(f"{path}: no streams")
    for stream in streams:
        if len(stream["time_stamps"]) == 0:
            notes.append(f"stream {_text(stream, 'name')!r} has no samples")
        elif stream.get("footer") is None:
            notes.append(f"stream {_text(stream, 'name')!r} was not closed")
        if len(stream["time_stamps"]) and not len(stream.get("clock_times", ())):
            notes.append(f"stream {_text(stream, 'name')!r} has no clock offsets")
    return streams, notes


@contextmanager
def _log_of_pyxdf(notes: list[str]) -> Iterator[None]:
    """Collect what pyxdf logs: it warns of damage nowhere else."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            notes.append(record.getMessage())

    logger = logging.getLogger("pyxdf")
    collector = Collector(logging.WARNING)
    propagate = logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


def _text(stream: dict[str, Any], key: str) -> str:
    value = (stream["info"].get(key) or [""])[0]
    return value if isinstance(value, str) else ""


def _is_numeric(stream: dict[str, Any]) -> bool:
    return _text(stream, "channel_format") != "string"


def _rate(stream: dict[str, Any]) -> float:
    return float(_text(stream, "nominal_srate") or 0)


def _choose(
    path: Path, streams: list[dict[str, Any]], options: EegReadOptions, notes: list[str]
) -> dict[str, Any]:
    """Return the one EEG stream with samples, or say why there is none."""
    listing = ", ".join(
        f"{_text(s, 'name')!r} (type {_text(s, 'type')}, {len(s['time_stamps'])} samples)"
        for s in streams
    )
    regular = [
        s
        for s in streams
        if _is_numeric(s)
        and len(s["time_stamps"]) > 1
        and float(_text(s, "nominal_srate") or 0) > 0
    ]
    if options.stream is not None:
        found = [s for s in regular if _text(s, "name") == options.stream]
    else:
        found = [s for s in regular if _text(s, "type").upper() == "EEG"]
        if not found and len(regular) == 1:
            found = regular
            notes.append(f"no stream has type EEG; took {_text(regular[0], 'name')!r}")
    if not found:
        wanted = f"named {options.stream!r}" if options.stream else "of type EEG"
        raise InputError(f"{path}: no EEG stream {wanted} with samples; the file has {listing}")
    if len(found) > 1:
        raise InputError(f"{path}: {len(found)} EEG streams; name one of {listing}")
    return found[0]


def _channels(
    stream: dict[str, Any], notes: list[str]
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return channel names and the factors that make microvolts."""
    n_channels = int(_text(stream, "channel_count"))
    described: list[dict[str, Any]] = []
    desc = (stream["info"].get("desc") or [None])[0]
    if desc and desc.get("channels") and desc["channels"][0]:
        described = desc["channels"][0].get("channel") or []
    if len(described) != n_channels:
        notes.append(f"{len(described)} of {n_channels} channels described; named by number")
        described = [{}] * n_channels
    names, scale, unknown = [], [], set()
    for number, channel in enumerate(described, start=1):
        label = (channel.get("label") or [None])[0] or f"ch{number}"
        names.append(label if label not in names else f"{label}-{number}")
        unit = ((channel.get("unit") or [None])[0] or "").strip().lower()
        if unit not in _UNITS_UV:
            unknown.add(unit)
        scale.append(_UNITS_UV.get(unit, 1.0))
    if unknown:
        notes.append(f"units {sorted(unknown)} unknown; taken as microvolts")
    return names, np.asarray(scale)


def _marker(t_s: float, text: str, stream: str) -> EegMarker:
    """Read a marker; those of our own streams are JSON with more in it than a label."""
    try:
        fields = json.loads(text)
        label, duration_s = str(fields["label"]), float(fields.get("duration", 0.0))
        return EegMarker(t_s, label, stream, duration_s, str(fields.get("detail", "")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return EegMarker(t_s, text, stream)


def _markers(
    streams: list[dict[str, Any]],
    stamps: npt.NDArray[np.float64],
    grid: Grid,
    options: EegReadOptions,
    notes: list[str],
) -> tuple[EegMarker, ...]:
    """Place the samples of every string or irregular single-channel stream on the grid."""
    markers, outside = [], 0
    end_s = (int(grid.positions[-1]) + 1) / grid.fs_hz
    # Our own files tell each marker twice: as a plain label for others, and with all details.
    twice = {
        _text(stream, "name").removesuffix("-details")
        for stream in streams
        if _text(stream, "type") == "MarkerDetails"
    }
    for stream in streams:
        if _text(stream, "name") in twice:
            continue
        irregular = _rate(stream) == 0
        if _is_numeric(stream) and not (irregular and _text(stream, "channel_count") == "1"):
            continue
        for stamp, row in zip(stream["time_stamps"], stream["time_series"], strict=True):
            t_s = grid.time_of(float(stamp), stamps)
            if 0 <= t_s < end_s:
                name = _text(stream, "name").removesuffix("-details")
                marker = _marker(t_s, str(row[0]), name)
                label = options.labels.get(marker.label, marker.label)
                markers.append(replace(marker, label=label))
            else:
                outside += 1
    if outside:
        notes.append(f"{outside} markers lie outside of the EEG and were left out")
    return tuple(sorted(markers, key=lambda marker: marker.t_s))
