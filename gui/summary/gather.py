"""Reads all that the page after a run shows. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gui.replay.keyring import Keyring, files_of, locked_among
from gui.replay.load import load
from gui.replay.rights import Rights, rights_of
from gui.summary.diary import Diary, diary_of
from gui.summary.figures import Table, read_report, tables_of
from gui.summary.keep import Choice, choice_of
from gui.texts import tr
from phosphene.errors import RecordingError
from phosphene.seal.header import Header
from phosphene.seal.opening import sealed_header

__all__ = ["Gathered", "gather"]


@dataclass(frozen=True)
class Gathered:
    """What is known of a run after its end.

    Attributes
    ----------
    folder : Path
        Its output folder.
    run : str
        Its identifier; empty where nothing tells.
    title : str
        Whose, which, how.
    modality : str
        ``fmri``, ``eeg`` or empty.
    tables : list of Table
        Figures.
    rights : Rights
        What of it may be shown and exported.
    diary : Diary
        Policy events.
    choice : Choice
        What can be deleted.
    has_report : bool
        Whether ``report.html`` is there.
    pictured : bool
        Whether that shows pictures.
    can_report : bool
        Whether a report can be made here.
    """

    folder: Path
    run: str
    title: str
    modality: str
    tables: list[Table]
    rights: Rights
    diary: Diary
    choice: Choice
    has_report: bool
    pictured: bool
    can_report: bool


def gather(
    folder: Path,
    now: datetime,
    progress: Callable[[float], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
    state: Path | None = None,
) -> Gathered:
    """Read recording, report and audit log of a run.

    Parameters
    ----------
    folder : Path
        Output folder.
    now : datetime
        Present date and time, with zone.
    progress, stopped : Callable
        See `gui.replay.load.load`.
    state : Path or None
        State folder with audit log and withdrawals; None takes this user's.

    Raises
    ------
    RecordingError
        If there is neither a recording nor a report.
    """
    report = read_report(folder)
    sealed = locked_among(folder)
    if sealed:
        return _of_sealed(folder, sealed_header(sealed[-1]), state)
    if not files_of(folder) and report is None:
        raise RecordingError(tr("{path}: neither a recording nor a report is here", path=folder))
    if not files_of(folder):
        rights = Rights.none(tr("the recording is not here any more"))
        return _of_report(folder, report or {}, rights, "", state)
    recording = load(folder, Keyring().open, progress, stopped)
    rights = rights_of(recording.start, recording.held, folder, now, state)
    run = "" if recording.start is None else recording.start.run
    if report is not None and report.get("run") != run:
        report = None  # of another run, which this folder once held
    if report is None:
        modality = "" if recording.start is None else recording.start.modality
        table = Table(tr("Report"), words=(tr("There is no report of this run yet."),))
        title = _title(run, recording.start)
        return _made(folder, run, title, modality, [table], rights, state, can_report=True)
    return _of_report(folder, report, rights, run, state)


def _of_report(
    folder: Path, report: dict[str, Any], rights: Rights, run: str, state: Path | None
) -> Gathered:
    run = run or str(report.get("run") or "")
    words = [report.get("person"), tr("run {run}", run=run), report.get("mode")]
    pictured = bool((report.get("counts") or {}).get("frames_recorded"))
    return _made(folder, run, " · ".join(str(word) for word in words if word),
                 str(report.get("modality") or ""),
                 tables_of(report, rights), rights, state, pictured=pictured)  # fmt: skip


def _of_sealed(folder: Path, header: Header, state: Path | None) -> Gathered:
    """Tell what the header tells everybody; all else needs the steward's key, elsewhere."""
    core = header.core
    rows = [
        (tr("begun"), core.made),
        (tr("to be erased after"), core.keep_until or tr("no limit")),
        (tr("sealed to"), ", ".join(header.fingerprints)),
    ]
    words = (
        tr("The recording is sealed: its figures are made by the data steward, with "
           "phosphene report FOLDER --key KEY."),
    )  # fmt: skip
    rights = Rights.none(tr("the recording is sealed"))
    table = Table(tr("Sealed recording"), (), tuple(rows), words)
    return _made(folder, core.run, tr("run {run}, sealed", run=core.run), "", [table], rights,
                 state)  # fmt: skip


def _made(
    folder: Path,
    run: str,
    title: str,
    modality: str,
    tables: list[Table],
    rights: Rights,
    state: Path | None,
    *,
    pictured: bool = False,
    can_report: bool = False,
) -> Gathered:
    return Gathered(
        folder, run, title, modality, tables, rights, diary_of(run, state), choice_of(folder, run),
        (folder / "report.html").is_file() and not can_report, pictured, can_report,
    )  # fmt: skip


def _title(run: str, start: Any) -> str:
    return "" if start is None else f"{start.person} · {tr('run {run}', run=run)} · {start.mode}"
