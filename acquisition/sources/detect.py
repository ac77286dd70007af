"""Which runs a file or folder holds: looks at what is there, not at what it is called.

==========================  =====================================================================
what                        how it is known
==========================  =====================================================================
own recording               a file with the MCAP mark, or sealed, or a folder of `recording*.mcap`
fMRI, PyMVPA folder         `attributes.txt` (label and run of every volume) beside one 4-D NIfTI
fMRI, BIDS                  a data set, subject or session with `sub-*_bold.nii[.gz]`; each is a run
fMRI, NIfTI                 a `.nii` / `.nii.gz` file; of a folder, each 4-D file is a run
fMRI, volumes               DICOM files (the mark at byte 128), `.par` with `.rec`, 3-D NIfTI or
                            `.hdr` with `.img`; each series in each folder is a run
EEG                         `.csv` (Muse), `.xdf`, `.edf`, `.bdf`, `.vhdr` (BrainVision), `.set`
                            (EEGLAB), `.fif`, or a folder of these, each file one run
==========================  =====================================================================

Files of volumes are looked for in subfolders too, since scanners nest them. Where there are DICOM
or PAR/REC files, NIfTI files beside them are masks and templates. Runs of a data set are called by
their BIDS entities, all others are numbered in the order of their paths: a folder may be called
after a person, and the name of a run goes far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from acquisition.sources.bids import bids_runs, is_bids_image, run_name
from acquisition.sources.dicom_series import by_series
from acquisition.sources.labels import read_attributes
from acquisition.sources.listing import natural
from acquisition.sources.nifti_series import open_series
from phosphene.errors import InputError, problem
from phosphene.recorder.names import recordings_in
from phosphene.seal.opening import is_sealed

__all__ = ["EEG_ENDINGS", "NIFTI_ENDINGS", "Found", "find_runs"]

Kind = Literal["own", "pymvpa", "bids", "nifti", "volumes", "eeg"]
EEG_ENDINGS = (".csv", ".xdf", ".xdfz", ".edf", ".bdf", ".vhdr", ".set", ".fif")
NIFTI_ENDINGS = (".nii", ".nii.gz")
_PAIR_ENDINGS = (".hdr", ".img")
_PARREC_ENDINGS = (".par", ".rec")
_MCAP_MARK = b"\x89MCAP0\r\n"
_DEPTH = 5
_TRIALS = (".npz", ".mat", "-epo.fif", "_epo.fif")


@dataclass(frozen=True)
class Found:
    """One run, and what it was recognised as.

    Attributes
    ----------
    run : str
        Name of the run.
    kind : str
        What it is.
    path : Path
        File or folder.
    files : tuple of Path
        The files of volumes.
    """

    run: str
    kind: Kind
    path: Path
    files: tuple[Path, ...] = field(default=(), repr=False)


def find_runs(path: Path) -> tuple[Found, ...]:
    """Return the runs that a file or folder holds, in order; at least one.

    Raises
    ------
    InputError
        If `path` does not exist, or holds nothing that is known.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    return _of_folder(path) if path.is_dir() else (_of_file(path),)


# ---- files -----------------------------------------------------------------------------------


def _of_file(path: Path) -> Found:
    lower = path.name.lower()
    if _head(path, len(_MCAP_MARK)) == _MCAP_MARK or is_sealed(path):
        return Found("1", "own", path)
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    if is_bids_image(path):
        return Found(run_name(path), "bids", path)
    if lower.endswith(NIFTI_ENDINGS):
        return Found("1", "nifti", path)
    if lower.endswith(EEG_ENDINGS):
        return Found("1", "eeg", path)
    if lower.endswith(_PARREC_ENDINGS + _PAIR_ENDINGS):
        both = [p for p in path.parent.iterdir() if p.stem == path.stem and _is_half(p)]
        return Found("1", "volumes", path, tuple(sorted(both)))
    if _is_dicom(path):
        return Found("1", "volumes", path, (path,))
    allowed = "a folder of DICOM, PAR/REC or NIfTI, .nii, .nii.gz, .par, .mcap, "
    raise InputError(
        problem(str(path), "an unknown kind of file", allowed + ", ".join(EEG_ENDINGS),
                "Convert it.")
    )  # fmt: skip


def _is_half(path: Path) -> bool:
    return path.suffix.lower() in _PARREC_ENDINGS + _PAIR_ENDINGS


def _head(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def _is_dicom(path: Path) -> bool:
    return _head(path, 132)[128:] == b"DICM"


# ---- folders -----------------------------------------------------------------------------------


def _of_folder(folder: Path) -> tuple[Found, ...]:
    if recordings_in(folder):
        return (Found("1", "own", folder),)
    attributes = read_attributes(folder)
    if attributes is not None:
        runs = dict.fromkeys(run for _, run in attributes)
        return tuple(Found(run, "pymvpa", folder) for run in runs)
    if bids := bids_runs(folder):
        return tuple(Found(run, "bids", path) for run, path in bids.items())
    if eeg := [p for p in _files(folder) if p.name.lower().endswith(EEG_ENDINGS)]:
        return tuple(Found(str(k), "eeg", path) for k, path in enumerate(eeg, start=1))
    groups = [_group(where) for where in _tree(folder, _DEPTH)]
    telling = [g for g in groups if g.scanner] or [g for g in groups if g.nifti]
    several = [run for group in telling for run in group.runs()]
    if not several:
        _check_trials(folder)
        count = sum(len(g.scanner) + len(g.nifti) + g.others for g in groups)
        raise InputError(
            problem(str(folder), f"{count} files", "DICOM, PAR/REC, NIfTI or EEG", "Check the path")
        )
    return tuple(replace(found, run=str(k)) for k, found in enumerate(several, start=1))


def _check_trials(folder: Path) -> None:
    """Name the files of trials that a folder without recordings holds."""
    trials = [p for p in _files(folder) if p.name.lower().endswith(_TRIALS)]
    if trials:
        raise InputError(
            problem(str(folder), "a folder with trials: " + ", ".join(p.name for p in trials[:5]),
                    "recordings, or the file of trials itself", f"Name {trials[0]}.")
        )  # fmt: skip


def _files(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return sorted(found, key=lambda p: natural(p.name))


def _tree(folder: Path, depth: int) -> Iterator[Path]:
    """Yield a folder and what lies in it, not following links."""
    yield folder
    if depth:
        for below in sorted(folder.iterdir(), key=lambda p: natural(p.name)):
            if below.is_dir() and not below.is_symlink() and not below.name.startswith("."):
                yield from _tree(below, depth - 1)


@dataclass(frozen=True)
class _Group:
    """The files of one folder that may be volumes."""

    folder: Path
    scanner: tuple[Path, ...]
    nifti: tuple[Path, ...]
    others: int

    def runs(self) -> Iterator[Found]:
        """Yield the runs that the files are, not yet numbered."""
        if self.scanner:
            dumps = tuple(p for p in self.scanner if p.name.lower().endswith(_PARREC_ENDINGS))
            for files in [*by_series([p for p in self.scanner if p not in dumps]), dumps]:
                if files:
                    yield Found("", "volumes", self.folder, files)
            return
        long = [p for p in self.nifti if _is_long(p)]
        if long or len(self.nifti) == 1:
            for path in long or self.nifti:
                yield Found("", "nifti", path)
        else:
            yield Found("", "volumes", self.folder, self.nifti)


def _group(folder: Path) -> _Group:
    scanner, nifti, others = [], [], 0
    for path in _files(folder):
        lower = path.name.lower()
        if lower.endswith(NIFTI_ENDINGS + _PAIR_ENDINGS):
            nifti.append(path)
        elif lower.endswith(_PARREC_ENDINGS) or _is_dicom(path):
            scanner.append(path)
        else:
            others += 1
    return _Group(folder, tuple(scanner), tuple(nifti), others)


def _is_long(path: Path) -> bool:
    if not path.name.lower().endswith(NIFTI_ENDINGS):
        return False
    try:
        return open_series(path).n_volumes > 1
    except InputError:
        return False
