"""What leaves the laboratory: the report with its film, marked, and only with consent. No Qt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gui.replay.keyring import locked_among
from gui.replay.rights import Rights
from gui.texts import told, tr
from phosphene.errors import ConsentError, InputError
from phosphene.marking import LABEL, SOURCE_TYPE, read_film_xmp
from phosphene.release import why_held
from phosphene.seal.places import note

__all__ = ["eeg_command", "export_report", "unmarked", "why_no_export"]

PICTURED = ("report.html", "preview.mp4")
PLAIN = ("report.json", "volumes.csv")
Note = Callable[..., str]


def why_no_export(folder: Path, rights: Rights, run: str) -> str:
    """Say why nothing of a run may leave; empty where it may.

    A folder can hold several runs, one after the other: the release has to be of this one.
    """
    if locked_among(folder):
        return tr("sealed: the data steward unseals it first, elsewhere")
    return rights.export or told(why_held(folder, run, datetime.now(UTC)))


def unmarked(path: Path) -> bool:
    """Return whether a file with pictures lacks the mark that says where they come from."""
    if path.suffix == ".mp4":
        return SOURCE_TYPE not in read_film_xmp(path)
    return LABEL not in path.read_text(encoding="utf-8", errors="replace")


def export_report(
    folder: Path, target: Path, run: str, rights: Rights, write: Note = note
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
    if why := why_no_export(folder, rights, run):
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
