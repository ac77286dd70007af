"""Opens any recording: looks at what is there, not at what it is called.

==========================  =====================================================================
what                        how it is known
==========================  =====================================================================
own recording               a file that starts with the MCAP mark, or a folder of `recording*.mcap`
fMRI, PyMVPA folder         `attributes.txt` (label and run of every volume) beside one 4-D NIfTI
fMRI, NIfTI                 a `.nii` / `.nii.gz` file, events in the BIDS file beside it
fMRI, folder                a folder of DICOM files (the mark at byte 128) or of 3-D NIfTI files
EEG                         `.csv` (Muse), `.xdf`, `.edf`, `.bdf`, `.vhdr`, or a folder of these,
                            each file one run
==========================  =====================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from acquisition.fmri.volume import Volume
from acquisition.sources.dicom import DicomReader
from acquisition.sources.eeg import EegReadOptions, EegRecording, read_eeg
from acquisition.sources.folder import VolumeReader
from acquisition.sources.identity import new_key
from acquisition.sources.labels import (
    blocks_of,
    events_beside,
    read_attributes,
    read_events,
    renamed,
)
from acquisition.sources.nifti import NiftiReader, read_mask, read_series
from acquisition.sources.own import read_own
from acquisition.sources.reorder import Reorderer
from phosphene.dataset import TimedEvent
from phosphene.errors import InputError, problem
from phosphene.recorder.names import recordings_in

__all__ = ["EegRun", "FmriRecording", "OpenOptions", "Recording", "open_recording", "runs_of"]

_EEG_ENDINGS = (".csv", ".xdf", ".xdfz", ".edf", ".bdf", ".vhdr")
_NIFTI_ENDINGS = (".nii", ".nii.gz")
_MCAP_MARK = b"\x89MCAP0\r\n"


Refuse = Callable[[InputError], None]


@dataclass(frozen=True)
class OpenOptions:
    """How to open a recording.

    Attributes
    ----------
    labels : mapping of str to str
        New names of labels, for example ``{"1": "house"}``.
    tr_s : float or None
        Repetition time in seconds where the file is silent or wrong.
    events : Path or None
        BIDS ``events.tsv`` that tells what was shown, instead of what lies beside the recording.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    tr_s: float | None = None
    events: Path | None = None


@dataclass(frozen=True)
class FmriRecording:
    """One run of fMRI volumes.

    Attributes
    ----------
    run : str
        Name of the run.
    shape : tuple of int
        Voxels (X, Y, Z).
    affine : ndarray (4, 4)
        Voxel to millimetres.
    tr_s : float
        Repetition time in seconds.
    n_volumes : int
        Volumes in the run.
    events : tuple of TimedEvent
        What was shown, in order; times from the first volume, in seconds.
    mask : ndarray of bool (X, Y, Z) or None
        Voxels of interest, where the recording names them.
    sources : mapping of str to str
        Name to SHA-256 of what is read.
    read : Callable
        See `volumes`, which calls it.
    slice_times_s : tuple of float or None
        When each slice is measured after the volume's start, in seconds.
    slice_axis : int
        Axis that counts slices.
    """

    run: str
    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64] = field(repr=False)
    tr_s: float
    n_volumes: int
    events: tuple[TimedEvent, ...] = field(repr=False)
    mask: npt.NDArray[np.bool_] | None = field(repr=False)
    sources: Mapping[str, str] = field(repr=False)
    read: Callable[[Refuse], Iterator[Volume]] = field(repr=False)
    slice_times_s: tuple[float, ...] | None = None
    slice_axis: int = 2
    modality: Literal["fmri"] = "fmri"

    def volumes(self, refuse: Refuse | None = None) -> Iterator[Volume]:
        """Yield the volumes from the start, each with its index in the run.

        Parameters
        ----------
        refuse : Callable, optional
            Told of each file that cannot be used, which is then left out; by default it is raised.
        """
        return self.read(refuse or _raise)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_volumes * self.tr_s


@dataclass(frozen=True)
class EegRun:
    """One run of EEG with its events on the same time axis (sample number over rate)."""

    run: str
    eeg: EegRecording = field(repr=False)
    events: tuple[TimedEvent, ...] = field(repr=False)
    sources: Mapping[str, str] = field(repr=False)
    modality: Literal["eeg"] = "eeg"

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.eeg.duration_s


Recording = FmriRecording | EegRun


def runs_of(path: Path) -> tuple[str, ...]:
    """Return the runs that a recording holds, in order; ``("1",)`` when it holds just one.

    Raises
    ------
    InputError
        If `path` does not exist.
    """
    _check_exists(path)
    if not path.is_dir() or _is_own(path):
        return ("1",)
    attributes = read_attributes(path)
    if attributes is not None:
        return tuple(dict.fromkeys(run for _, run in attributes))
    files = _files(path, _EEG_ENDINGS)
    return tuple(str(k) for k in range(1, len(files) + 1)) or ("1",)


def open_recording(
    path: Path, run: str | None = None, options: OpenOptions | None = None
) -> Recording:
    """Open one run of a recording.

    Parameters
    ----------
    path : Path
        File or folder.
    run : str or None
        Which run; may be None when there is only one.
    options : OpenOptions or None
        Labels and repetition time.

    Returns
    -------
    FmriRecording or EegRun

    Raises
    ------
    InputError
        If it cannot be opened; names the file and the cause.
    """
    _check_exists(path)
    options = options or OpenOptions()
    own = _is_own(path)
    recording = _own(path, run) if own else _dispatch(path, _choose_run(path, run), options)
    if isinstance(recording, FmriRecording) and not recording.tr_s > 0:
        raise InputError(
            problem(str(path), "no repetition time", "a TR above 0 s",
                    "Set acquisition.fmri.tr_s in the session file.")
        )  # fmt: skip
    events = recording.events
    if options.events is not None:
        events = read_events(options.events, recording.run)
    return replace(recording, events=renamed(events, options.labels))


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")


def _choose_run(path: Path, run: str | None) -> str:
    runs = runs_of(path)
    if run is None and len(runs) == 1:
        return runs[0]
    if run not in runs:
        allowed = ", ".join(runs)
        raise InputError(problem(f"run of {path}", run, allowed, "Choose one with --run."))
    return run


def _dispatch(path: Path, run: str, options: OpenOptions) -> Recording:
    if path.is_dir():
        attributes = read_attributes(path)
        if attributes is not None:
            return _pymvpa(path, run, attributes, options)
        if eeg := _files(path, _EEG_ENDINGS):
            return _eeg(eeg[int(run) - 1], run, options)
        return _volume_folder(path, run, options)
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    if path.name.endswith(_NIFTI_ENDINGS):
        return _nifti(path, run, options)
    if path.suffix.lower() in _EEG_ENDINGS:
        return _eeg(path, run, options)
    if _is_dicom(path):
        raise InputError(f"{path}: one DICOM file is one volume; give its folder")
    allowed = "a folder of DICOM or NIfTI, .nii, .nii.gz, .mcap, " + ", ".join(_EEG_ENDINGS)
    raise InputError(problem(str(path), "an unknown kind of file", allowed, "Convert it."))


def _is_own(path: Path) -> bool:
    if path.is_dir():
        return bool(recordings_in(path))
    return _head(path, len(_MCAP_MARK)) == _MCAP_MARK


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    found = (p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return sorted(p for p in found if p.name.lower().endswith(endings))


def _head(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def _is_dicom(path: Path) -> bool:
    return _head(path, 132)[128:] == b"DICM"


def _sha256(paths: list[Path]) -> str:
    """Return the hash of a file, or of the hashes of several in the order given."""
    each = []
    for path in paths:
        with path.open("rb") as file:
            each.append(hashlib.file_digest(file, "sha256").hexdigest())
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()


# ---- fMRI --------------------------------------------------------------------------------------


def _nifti(path: Path, run: str, options: OpenOptions) -> FmriRecording:
    volumes = list(read_series(path, options.tr_s))
    beside = events_beside(path)
    events = () if beside is None else read_events(beside, run)
    return _of_volumes(volumes, run, events, None, {path.name: _sha256([path])})


def _pymvpa(
    folder: Path, run: str, attributes: list[tuple[str, str]], options: OpenOptions
) -> FmriRecording:
    images = [p for p in _files(folder, _NIFTI_ENDINGS) if not p.name.startswith("mask")]
    if len(images) != 1:
        names = [p.name for p in images]
        raise InputError(problem(str(folder), names, "one 4-D NIfTI beside the attributes", ""))
    everything = list(read_series(images[0], options.tr_s))
    if len(everything) != len(attributes):
        raise InputError(
            problem(str(images[0]), f"{len(everything)} volumes", f"{len(attributes)}, as many as "
                    "the attributes have lines", "Take files that belong together.")
        )  # fmt: skip
    chosen = [k for k, (_, of_run) in enumerate(attributes) if of_run == run]
    volumes = [replace(everything[k], index=n) for n, k in enumerate(chosen)]
    events = blocks_of([attributes[k][0] for k in chosen], volumes[0].tr_s, run)
    masks = [p for p in _files(folder, _NIFTI_ENDINGS) if p.name.startswith("mask.")]
    mask = read_mask(masks[0])[0] if masks else None
    return _of_volumes(volumes, run, events, mask, {images[0].name: _sha256(images)})


def _of_volumes(
    volumes: list[Volume],
    run: str,
    events: tuple[TimedEvent, ...],
    mask: npt.NDArray[np.bool_] | None,
    sources: Mapping[str, str],
) -> FmriRecording:
    first = volumes[0]
    return FmriRecording(
        run=run,
        shape=_shape(first),
        affine=first.affine,
        tr_s=first.tr_s,
        n_volumes=len(volumes),
        events=events,
        mask=mask,
        sources=sources,
        read=lambda _refuse: iter(volumes),
        slice_times_s=first.slice_times_s,
        slice_axis=first.slice_axis,
    )


def _volume_folder(folder: Path, run: str, options: OpenOptions) -> FmriRecording:
    nifti = _files(folder, _NIFTI_ENDINGS)
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    dicom = [p for p in files if p not in nifti and _is_dicom(p)]
    if dicom and nifti:
        raise InputError(problem(str(folder), "DICOM and NIfTI", "one of them", "Split the folder"))
    if not dicom and not nifti:
        raise InputError(problem(str(folder), f"{len(files)} files", "DICOM, NIfTI or EEG", ""))
    if len(nifti) == 1:
        return _nifti(nifti[0], run, options)

    def reader() -> VolumeReader:
        return DicomReader(new_key()) if dicom else NiftiReader(options.tr_s or 0.0)

    def volumes(refuse: Refuse) -> Iterator[Volume]:
        for volume in _read(dicom or nifti, reader(), refuse):
            yield volume if options.tr_s is None else replace(volume, tr_s=options.tr_s)

    first = next(volumes(_raise))
    beside = folder / "events.tsv"
    return FmriRecording(
        run=run,
        shape=_shape(first),
        affine=first.affine,
        tr_s=first.tr_s,
        n_volumes=len(dicom or nifti),
        events=read_events(beside, run) if beside.is_file() else (),
        mask=None,
        sources={folder.name: _sha256(dicom or nifti)},
        read=volumes,
        slice_times_s=first.slice_times_s,
        slice_axis=first.slice_axis,
    )


def _raise(error: InputError) -> None:
    raise error


def _read(files: list[Path], reader: VolumeReader, refuse: Refuse) -> Iterator[Volume]:
    """Yield the volumes of a finished series in order, once each; a missing one is left out."""
    reorderer = Reorderer(wait_s=float("inf"))
    # Shorter names first puts 10 after 9; files in any other order are only held longer.
    for path in sorted(files, key=lambda p: (len(p.name), p.name)):
        try:
            found = reader.read(path.read_bytes(), path.name)
        except InputError as error:
            refuse(error)
            continue
        for volume in found:
            yield from reorderer.push(volume, now_s=0.0)
    yield from reorderer.flush()


def _shape(volume: Volume) -> tuple[int, int, int]:
    x, y, z = volume.data.shape
    return x, y, z


# ---- EEG and own recordings --------------------------------------------------------------------


def _eeg(path: Path, run: str, options: OpenOptions) -> EegRun:
    eeg = read_eeg(path, EegReadOptions(labels=dict(options.labels)))
    events = tuple(
        TimedEvent(run=run, t_s=m.t_s, duration_s=m.duration_s, label=m.label, detail=m.detail)
        for m in eeg.markers
    )
    return EegRun(run, eeg, events, {path.name: _sha256([path])})


def _own(path: Path, run: str | None) -> Recording:
    held = read_own(path, run)
    sources = {path.name: _sha256(held.files)}
    if held.eeg is not None:
        return EegRun(held.run, held.eeg, held.events, sources)
    first = held.first_volume
    assert first is not None  # noqa: S101
    x, y, z = held.shape
    return FmriRecording(
        run=held.run,
        shape=(x, y, z),
        affine=np.asarray(first.affine, np.float64).reshape(4, 4),
        tr_s=first.tr_s,
        n_volumes=held.n_volumes,
        events=held.events,
        mask=None,
        sources=sources,
        read=held.volumes,
        slice_times_s=first.slice_times_s or None,
        slice_axis=first.slice_axis,
    )
