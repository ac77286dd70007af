"""What can be known of a content filter before anything starts."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from phosphene.doctor import Finding
from phosphene.errors import ConfigError
from phosphene.filters import GROUP
from phosphene.filters.concept_files import CONCEPTS, TOWER, read_folder
from phosphene.session_gate import FilterSettings

__all__ = ["filter_finding"]


def filter_finding(settings: FilterSettings | None) -> Finding:
    """Look at the filter that a session names; nothing of it is run.

    Returns
    -------
    Finding
        A hint where there is none: it is for the person's welfare, and nobody has to have one.
    """
    if settings is None:
        return Finding(
            "hint",
            "none: no picture is kept back for what it shows",
            "name one in [gate.filter]; phosphene filter export makes one",
        )
    known = sorted(point.name for point in entry_points(group=GROUP))
    if settings.name not in known:
        cure = f"set gate.filter.name to one of: {', '.join(known)}"
        return Finding("error", f'no filter is called "{settings.name}"', cure)
    if settings.name != "concepts":
        return Finding("ok", f'"{settings.name}"')
    if settings.folder is None:
        cure = "set gate.filter.folder; phosphene filter export makes it"
        return Finding("error", '"concepts" has no folder', cure)
    folder = settings.folder
    return _of_concepts(folder, tuple(_stamp(folder / name) for name in (CONCEPTS, TOWER)))


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=2)
def _of_concepts(folder: Path, _stamps: tuple[tuple[int, ...], ...]) -> Finding:
    """Read a folder once for as long as its files are the same: a tower may be of gigabytes."""
    try:
        held, _tower = read_folder(folder)
    except ConfigError as error:
        return Finding("error", str(error), "correct gate.filter.folder, or export it anew")
    return Finding("ok", f'"concepts": {len(held.concepts)} of them, {held.model}')
