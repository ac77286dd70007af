"""Opens what `detect` has found to be fMRI; volumes are read when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acquisition.fmri.volume import Volume
from acquisition.sources.any_reader import AnyReader
from acquisition.sources.bids import bids_events, bids_sidecar, bids_stimuli
from acquisition.sources.detect import NIFTI_ENDINGS, Found
from acquisition.sources.labels import blocks_of, events_beside, read_attributes, read_events
from acquisition.sources.nifti import read_mask
from acquisition.sources.nifti_series import NiftiSeries, open_series
from acquisition.sources.recorded import FmriRecording, OpenOptions, Refuse
from acquisition.sources.sidecar import sidecar_beside
from phosphene.dataset import TimedEvent
from phosphene.errors import InputError, problem

__all__ = ["file_hash", "open_bids", "open_nifti", "open_pymvpa", "open_volumes"]

_TELLING = 2  # volumes whose slice times are looked at; as many as a live run waits for


def file_hash(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or of the hashes of several in the order given."""
    each = []
    for path in paths:
        with path.open("rb") as file:
            each.append(hashlib.file_digest(file, "sha256").hexdigest())
    return _joined(each)


def _joined(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


# ---- one long file -----------------------------------------------------------------------------


def open_nifti(found: Found, options: OpenOptions) -> FmriRecording:
    """Open a NIfTI file with the sidecar and the events beside it."""
    series = open_series(found.path, options.tr_s, sidecar_beside(found.path))
    beside = events_beside(found.path)
    events = () if beside is None else read_events(beside, found.run)
    return _of_series(series, found.run, events)


def open_bids(found: Found, options: OpenOptions) -> FmriRecording:
    """Open a run of a BIDS data set with what it inherits."""
    series = open_series(found.path, options.tr_s, bids_sidecar(found.path))
    told = bids_events(found.path)
    events = () if told is None else read_events(told, found.run)
    return replace(_of_series(series, found.run, events), stimuli=bids_stimuli(found.path))


def _of_series(series: NiftiSeries, run: str, events: tuple[TimedEvent, ...]) -> FmriRecording:
    def volumes(refuse: Refuse) -> Iterator[Volume]:
        try:
            yield from series.volumes()
        except InputError as error:
            refuse(error)

    first = next(series.volumes())
    return FmriRecording(
        run=run,
        shape=_shape(first),
        affine=first.affine,
        tr_s=first.tr_s,
        n_volumes=series.n_volumes,
        events=events,
        mask=None,
        sources={series.path.name: file_hash([series.path])},
        read=volumes,
        slice_times_s=first.slice_times_s,
        slice_axis=first.slice_axis,
    )


def open_pymvpa(found: Found, options: OpenOptions) -> FmriRecording:
    """Open one run of a folder whose attributes tell label and run of every volume.

    Raises
    ------
    InputError
        If there is not one long NIfTI file, of as many volumes as the attributes have lines.
    """
    folder = found.path
    attributes = read_attributes(folder) or []
    there = [p for p in sorted(folder.iterdir()) if p.name.lower().endswith(NIFTI_ENDINGS)]
    images = [p for p in there if not p.name.startswith(("mask", "."))]
    if len(images) != 1:
        names = [p.name for p in images]
        raise InputError(problem(str(folder), names, "one 4-D NIfTI beside the attributes", ""))
    series = open_series(images[0], options.tr_s, sidecar_beside(images[0]))
    if series.n_volumes != len(attributes):
        raise InputError(
            problem(str(images[0]), f"{series.n_volumes} volumes", f"{len(attributes)}, as many as "
                    "the attributes have lines", "Take files that belong together.")
        )  # fmt: skip
    chosen = [k for k, (_, of_run) in enumerate(attributes) if of_run == found.run]
    masks = [p for p in there if p.name.startswith("mask.")]
    made = _of_series(series, found.run, ())
    return replace(
        made,
        n_volumes=len(chosen),
        events=blocks_of([attributes[k][0] for k in chosen], made.tr_s, found.run),
        mask=read_mask(masks[0])[0] if masks else None,
        read=lambda refuse: _only(made.read(refuse), chosen),
    )


def _only(volumes: Iterator[Volume], chosen: Sequence[int]) -> Iterator[Volume]:
    """Yield the chosen ones of a series, counted anew."""
    places = {index: n for n, index in enumerate(chosen)}
    for volume in volumes:
        if volume.index in places:
            yield replace(volume, index=places[volume.index])
        if volume.index == chosen[-1]:
            return


# ---- many files ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Survey:
    """What a first look through all files tells."""

    first: Volume
    indices: tuple[int, ...]
    sha256: str
    slice_times_s: tuple[float, ...] | None


def open_volumes(found: Found, options: OpenOptions) -> FmriRecording:
    """Open the files of one series, in whatever order and split they are.

    All files are read once here, so that volumes are counted, not files.
    """
    folder = found.path if found.path.is_dir() else found.path.parent

    def reader() -> AnyReader:
        return AnyReader(options.tr_s, folder=folder, echo=options.echo)

    seen = _survey(found, reader())

    def volumes(refuse: Refuse) -> Iterator[Volume]:
        reading = _read(found.files, reader(), refuse)
        for volume in _in_order(reading, seen.indices):
            yield replace(
                volume,
                tr_s=volume.tr_s if options.tr_s is None else options.tr_s,
                slice_times_s=seen.slice_times_s,
            )

    beside = folder / "events.tsv"
    return FmriRecording(
        run=found.run,
        shape=_shape(seen.first),
        affine=seen.first.affine,
        tr_s=seen.first.tr_s if options.tr_s is None else options.tr_s,
        n_volumes=len(seen.indices),
        events=read_events(beside, found.run) if beside.is_file() else (),
        mask=None,
        sources={found.path.name: seen.sha256},
        read=volumes,
        slice_times_s=seen.slice_times_s,
        slice_axis=seen.first.slice_axis,
    )


def _survey(found: Found, reader: AnyReader) -> _Survey:
    errors: list[InputError] = []
    hashes: list[str] = []
    first: Volume | None = None
    times: dict[int, tuple[float, ...] | None] = {}
    for volume in _read(found.files, reader, errors.append, hashes):
        first = first or volume
        times.setdefault(volume.index, volume.slice_times_s)
    if first is None:
        if errors:
            raise errors[0]
        raise InputError(
            problem(str(found.path), f"{len(found.files)} files", "a whole volume",
                    "Copy all files of the series.")
        )  # fmt: skip
    indices = tuple(sorted(times))
    # As live: the first volume of a run may tell wrong times, or none.
    told = next((t for k in indices[:_TELLING] if (t := times[k]) is not None), None)
    return _Survey(first, indices, _joined(hashes), told)


def _read(
    files: Sequence[Path], reader: AnyReader, refuse: Refuse, hashes: list[str] | None = None
) -> Iterator[Volume]:
    for path in files:
        raw = path.read_bytes()
        if hashes is not None:
            hashes.append(hashlib.sha256(raw).hexdigest())
        try:
            yield from reader.read(raw, path.name)
        except InputError as error:
            refuse(error)


def _in_order(volumes: Iterator[Volume], indices: Sequence[int]) -> Iterator[Volume]:
    """Yield volumes in order, once each; only those that came too early are held."""
    held: dict[int, Volume] = {}
    expected = iter(indices)
    awaited = next(expected, None)
    for volume in volumes:
        if awaited is not None and volume.index >= awaited:
            held.setdefault(volume.index, volume)
        while awaited is not None and awaited in held:
            yield held.pop(awaited)
            awaited = next(expected, None)
    # A file that changed since it was looked at may have left a gap.
    yield from (held[index] for index in sorted(held))


def _shape(volume: Volume) -> tuple[int, int, int]:
    x, y, z = volume.data.shape
    return x, y, z
