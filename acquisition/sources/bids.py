"""Runs of a BIDS data set: which there are, and what their sidecars and events say.

A file that lies higher up applies to every image below whose name has all of its entities; of
several sidecars the nearer one wins, value by value (the inheritance principle). Only raw data are
looked at: ``[sub-*/][ses-*/][func/]sub-*_bold.nii[.gz]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from acquisition.sources.sidecar import Sidecar, parse_sidecar, stem_of
from phosphene.errors import InputError, problem

__all__ = [
    "bids_events",
    "bids_runs",
    "bids_sidecar",
    "bids_stimuli",
    "is_bids_image",
    "run_name",
    "session_of",
]

_SUFFIX = "bold"
_PLACES = ("", "func/", "ses-*/func/", "sub-*/func/", "sub-*/ses-*/func/")


def bids_runs(folder: Path) -> dict[str, Path]:
    """Return the functional images of a data set, a subject, a session or a ``func`` folder.

    Returns
    -------
    dict of str to Path
        By `run_name`, in order of the names.
    """
    found: dict[str, Path] = {}
    for place in _PLACES:
        for path in folder.glob(f"{place}sub-*_{_SUFFIX}.nii*"):
            if is_bids_image(path):
                found[run_name(path)] = path
    return dict(sorted(found.items()))


def is_bids_image(path: Path) -> bool:
    """Tell whether a file's name is that of a BIDS functional run."""
    name = path.name
    proper = name.startswith("sub-") and name.endswith((f"_{_SUFFIX}.nii", f"_{_SUFFIX}.nii.gz"))
    return proper and not any(part.startswith(".") for part in path.parts[-1:])


def run_name(image: Path) -> str:
    """Return what a run is called: its entities, for instance ``sub-1_task-faces_run-2``."""
    return stem_of(image.name).removesuffix(f"_{_SUFFIX}")


def bids_sidecar(image: Path) -> Sidecar:
    """Return the timing of a run, inherited from all sidecars that apply to it.

    Raises
    ------
    InputError
        If a sidecar cannot be read.
    """
    paths = [path for level in _levels(image) for path in _applying(level, image, "bold", ".json")]
    try:
        raws = [path.read_bytes() for path in paths]
    except OSError as error:
        raise InputError(
            problem("sidecar", f"{error.filename}: {error.strerror}", "a readable file", "")
        ) from error
    return parse_sidecar(*raws, shown=f"{run_name(image)}_bold.json")


def bids_events(image: Path) -> Path | None:
    """Return the event file that applies to a run, the nearest one; None where there is none."""
    paths = [path for level in _levels(image) for path in _applying(level, image, "events", ".tsv")]
    return paths[-1] if paths else None


def bids_stimuli(image: Path) -> Path | None:
    """Return the data set's folder of stimuli; None where it has none."""
    folder = next(_levels(image)) / "stimuli"
    return folder if folder.is_dir() else None


def session_of(run: str) -> str:
    """Return the session in the name of a run, for instance ``ses-2``; "" where there is none."""
    return next((part for part in run.split("_") if part.startswith("ses-")), "")


def _levels(image: Path) -> Iterator[Path]:
    """Yield the folders from the data set's root down to that of the image."""
    folders = [image.parent]
    while folders[-1].name == "func" or folders[-1].name.startswith(("sub-", "ses-")):
        if folders[-1] == folders[-1].parent:
            break
        folders.append(folders[-1].parent)
    return reversed(folders)


def _applying(folder: Path, image: Path, suffix: str, ending: str) -> list[Path]:
    """Return the files of a folder that apply to an image, the most special one last."""
    entities = set(run_name(image).split("_"))
    found = []
    for path in folder.glob(f"*{suffix}{ending}"):
        *own, last = path.name.removesuffix(ending).split("_")
        if last == suffix and set(own) <= entities:
            found.append((len(own), path.name, path))
    return [path for _, _, path in sorted(found)]
