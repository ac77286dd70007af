"""Reads all that the page after a run shows. No Qt."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gui.replay.keyring import Keyring, files_of, locked_among
from gui.replay.load import load
from gui.replay.recording import Recording
from gui.replay.rights import Rights, rights_of
from gui.summary.diary import Diary, diary_of
from gui.summary.events import MODES, time_in_words
from gui.summary.figures import Table, read_report, tables_of
from gui.summary.keep import Choice, choice_of
from gui.texts import told, tr
from phosphene.consent.withdrawal import why_withdrawn
from phosphene.errors import ConsentError, RecordingError
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
    decoded : bool
        Whether the report holds what was decoded.
    withdrawn : str
        That the consent was withdrawn, in words; empty where it holds.
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
    decoded: bool = False
    withdrawn: str = ""

    @property
    def why_unshown(self) -> str:
        """Why the report may not be opened here; empty where it may."""
        if self.withdrawn:
            return self.withdrawn
        if self.pictured and self.rights.pictures:
            return self.rights.pictures
        return self.rights.results if self.decoded else ""


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
    withdrawn = _withdrawn(recording, folder, state)
    if report is None:
        modality = "" if recording.start is None else recording.start.modality
        words = tr("No report is made: {why}", why=withdrawn) if withdrawn else ""
        table = Table(tr("Report"), words=(words or tr("There is no report of this run yet."),))
        title = _title(run, recording.start)
        made = _made(folder, run, title, modality, [table], rights, state)
        return replace(made, has_report=False, can_report=not withdrawn, withdrawn=withdrawn)
    return replace(_of_report(folder, report, rights, run, state), withdrawn=withdrawn)


def _withdrawn(recording: Recording, folder: Path, state: Path | None) -> str:
    facts = {} if recording.start is None else recording.start.facts
    try:
        return told(why_withdrawn(facts, folder, state))
    except ConsentError as error:
        return told(str(error))


def _of_report(
    folder: Path, report: dict[str, Any], rights: Rights, run: str, state: Path | None
) -> Gathered:
    run = run or str(report.get("run") or "")
    words = [report.get("person"), tr("run {run}", run=run), _mode(report.get("mode"))]
    counts = report.get("counts") or {}
    made = _made(folder, run, " · ".join(str(word) for word in words if word),
                 str(report.get("modality") or ""), tables_of(report, rights), rights,
                 state)  # fmt: skip
    return replace(made, pictured=bool(counts.get("frames_recorded")),
                   decoded=bool(counts.get("percepts")))  # fmt: skip


def _of_sealed(folder: Path, header: Header, state: Path | None) -> Gathered:
    """Tell what the header tells everybody; all else needs the steward's key, elsewhere."""
    core = header.core
    rows = [
        (tr("begun"), time_in_words(core.made)),
        (tr("to be erased after"), time_in_words(core.keep_until) or tr("no limit")),
        (tr("sealed to"), ", ".join(header.fingerprints)),
    ]
    words = (
        tr("The recording is sealed: its figures are made by the data steward, with {command}",
           command=f"phosphene report {shlex.quote(str(folder))} --key KEY"),
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
) -> Gathered:
    diary, choice = diary_of(run, state), choice_of(folder, run)
    here = (folder / "report.html").is_file()
    return Gathered(folder, run, title, modality, tables, rights, diary, choice, here,
                    pictured=False, can_report=False)  # fmt: skip


def _title(run: str, start: Any) -> str:
    return (
        ""
        if start is None
        else f"{start.person} · {tr('run {run}', run=run)} · {_mode(start.mode)}"
    )


def _mode(mode: Any) -> str:
    return tr(MODES.get(str(mode), str(mode or "")))
