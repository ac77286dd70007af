"""What leaves the laboratory: the report with its film, marked, and only with consent. No Qt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gui.replay.keyring import locked_among
from gui.replay.rights import Rights
from gui.texts import told, tr
from phosphene.errors import ConsentError, InputError
from phosphene.marking import LABEL, SOURCE_TYPE, read_film_xmp
from phosphene.release import release, why_held
from phosphene.seal.places import note

__all__ = [
    "eeg_command",
    "export_report",
    "release_run",
    "unmarked",
    "why_no_export",
    "why_no_release",
]

PICTURED = ("report.html", "preview.mp4")
PLAIN = ("report.json", "volumes.csv")
Note = Callable[..., str]


def why_no_release(folder: Path, rights: Rights) -> str:
    """Say why a run may not even be released; empty where it may."""
    if locked_among(folder):
        return tr("sealed: the data steward unseals it first, elsewhere")
    return rights.export


def why_no_export(folder: Path, rights: Rights, run: str, now: datetime) -> str:
    """Say why nothing of a run may leave; empty where it may.

    A folder can hold several runs, one after the other: the release has to be of this one.
    """
    return why_no_release(folder, rights) or told(why_held(folder, run, now))


def release_run(
    folder: Path, run: str, by: str, rights: Rights, now: datetime, write: Note = note
) -> None:
    """Let a run go by the rules of ``phosphene release``, and only as far as the consent allows.

    Parameters
    ----------
    folder : Path
        Output folder of the run.
    run : str
        Identifier.
    by : str
        Initials or role of who decides.
    rights : Rights
        Of the run; its consent must include ``export``.
    now : datetime
        Present time, with zone.
    write : Callable
        Writes the audit log; returns what is wrong.

    Raises
    ------
    ConsentError
        If the consent does not include it, or the run is sealed.
    PhospheneError
        As `phosphene.release.release` does.
    """
    if why := why_no_release(folder, rights):
        raise ConsentError(tr("Not released: {why}", why=why))
    release(folder, run, by, now, write)


def unmarked(path: Path) -> bool:
    """Return whether a file with pictures lacks the mark that says where they come from."""
    if path.suffix == ".mp4":
        return SOURCE_TYPE not in read_film_xmp(path)
    return LABEL not in path.read_text(encoding="utf-8", errors="replace")


def export_report(
    folder: Path, target: Path, run: str, rights: Rights, now: datetime, write: Note = note
) -> list[Path]:
    """Copy report, tables and film of a run into a new folder.

    Parameters
    ----------
    folder : Path
        Output folder of the run.
    target : Path
        Folder that must not exist.
    run : str
        Identifier; the release has to be of this one.
    rights : Rights
        Of the run; its consent must include ``export``.
    now : datetime
        Present time, with zone.
    write : Callable
        Writes the audit log; returns what is wrong.

    Returns
    -------
    list of Path
        The copies.

    Raises
    ------
    ConsentError
        If the consent does not include it, or it is held.
    InputError
        If there is no report, a picture is not marked, or the copies or the line in the audit log
        cannot be written; then nothing is left in `target`.
    """
    if why := why_no_export(folder, rights, run, now):
        raise ConsentError(tr("Not exported: {why}", why=why))
    if target.exists():
        raise InputError(tr("{path}: exists already and is never overwritten", path=target))
    found = [folder / name for name in PICTURED + PLAIN if (folder / name).is_file()]
    if not found:
        raise InputError(tr("There is no report in {path}.", path=folder))
    for path in found:
        if path.name in PICTURED and unmarked(path):
            raise InputError(tr("{file} does not say that its pictures are generated; "
                                "build the report again.", file=path.name))  # fmt: skip
    # Noted first: what has left without a line in the log cannot be told from what was taken.
    if why := write("exported", None, run=run, format="report", files=str(len(found))):
        raise InputError(told(why))
    target.mkdir(parents=True, mode=0o700)
    try:
        return [Path(shutil.copy2(path, target / path.name)) for path in found]
    except OSError as error:
        shutil.rmtree(target)
        raise InputError(f"{target}: {error.strerror}") from error


def eeg_command(program: list[str], folder: Path, target: Path, kind: str) -> list[str]:
    """Return the command that writes the EEG of a run as XDF or BIDS.

    Parameters
    ----------
    program : list of str
        What starts ``phosphene``.
    folder, target : Path
        The run, and the file or data set to write.
    kind : str
        ``xdf`` or ``bids``.
    """
    return [*program, "export", str(folder), "--format", kind, "--out", str(target)]
