"""Pictures of trials that lie in a folder, as files."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from decoder.readers.layout import Pictures
from phosphene.errors import InputError, check_all, problem
from phosphene.pictures import read_pictures

__all__ = ["folders_of", "pictures_in"]

_SHOWN = 5


def folders_of(names: Mapping[str, str], known: Container[str]) -> dict[str, Path]:
    """Return which roles name a folder in place of an array of the source.

    Parameters
    ----------
    names : mapping of str to str
        Array of each role.
    known : container of str
        Arrays of the source, which come first.
    """
    found = {role: Path(names[role]) for role in ("stimuli", "test_stimuli") if role in names}
    return {r: p for r, p in found.items() if p.is_dir() and str(p) not in known}


def pictures_in(
    parts: Sequence[tuple[Path, Sequence[str] | None, int]],
) -> tuple[Pictures, tuple[str, ...]]:
    """Read the picture of every trial.

    Parameters
    ----------
    parts : sequence of (folder, names or None, trials)
        Of the trials one after the other. Names are those of files, with or without their ending;
        without names the files are taken in order of theirs, one for each trial.

    Returns
    -------
    array (trials, H, W, 3) uint8
    tuple of str
        What was done to them, in words.

    Raises
    ------
    InputError
        Listing files that are missing or cannot be read.
    """
    paths: list[Path] = []
    found: list[str] = []
    for folder, names, trials in parts:
        files = sorted(p for p in folder.iterdir() if p.is_file() and p.name[0] != ".")
        if names is None:
            if len(files) != trials:
                found.append(
                    problem(f"stimuli {folder}", f"{len(files)} files", f"{trials}, one for each "
                            "trial", "Name each trial's file with --stimulus-ids.")
                )  # fmt: skip
            paths += files
            continue
        by_name = {p.stem: p for p in files} | {p.name: p for p in files}
        lost = [name for name in dict.fromkeys(names) if name not in by_name]
        if lost:
            shown = ", ".join(lost[:_SHOWN]) + (" ..." if len(lost) > _SHOWN else "")
            found.append(
                problem(f"stimuli {folder}", f"{len(lost)} missing: {shown}",
                        f"a file of {len(files)} there", "Copy them, or correct the names.")
            )  # fmt: skip
        paths += [by_name[name] for name in names if name in by_name]
    check_all(found, InputError, "stimuli")
    place = {path: row for row, path in enumerate(dict.fromkeys(paths))}
    once, notes = read_pictures(list(place))
    return once[[place[path] for path in paths]], notes
