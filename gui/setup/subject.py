"""What checks are made of: the run that is to begin, probes of the world, and findings. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from gui.screens import ScreenFacts
from gui.texts import told
from phosphene.bundle import Bundle
from phosphene.consent import Consent
from phosphene.consent.confirm import Confirmation
from phosphene.doctor import Finding
from phosphene.session import RendererSettings, Session, StopSettings
from phosphene.session_gate import FilterSettings

__all__ = ["Check", "Found", "Level", "Mode", "Probes", "Row", "Subject", "worst"]

Level = Literal["ok", "hint", "warning", "error", "waiting"]
Mode = Literal["live", "replay", "pilot"]
_RANK: Mapping[str, int] = {"ok": 0, "hint": 1, "warning": 2, "waiting": 3, "error": 4}


@dataclass(frozen=True)
class Row:
    """One line of the list of checks."""

    id: str
    title: str
    level: Level
    text: str
    cure: str = ""


@dataclass(frozen=True)
class Subject:
    """The run that is to begin, as the page knows it.

    Attributes
    ----------
    mode : str
        ``live``, ``replay`` or ``pilot``.
    problems : int
        How many settings are wrong; with any there is no `session`.
    saved : bool
        Whether the file on the disk says the same as the form.
    session : Session or None
        Settings of a live session, paths absolute.
    file : Path or None
        Its file.
    lsl_session : str
        LSL session id of its streams.
    recording : Path or None
        What is replayed.
    bundle, consent, out : Path or None
        Decoder, consent file, folder to record to.
    renderer : RendererSettings
        What paints.
    screen : str
        Name or serial number of the participant's screen; empty for no window.
    screens : tuple of ScreenFacts
        All screens.
    operator : str
        Name of the operator's screen.
    card_seen : str
        Name of the screen of which somebody said that its test card is seen.
    confirmation : Confirmation or None
        That the consent was confirmed in words.
    key : Path or None
        Private key of a sealed decoder.
    typed : bool
        Whether its passphrase was typed; the passphrase itself stays in its line.
    """

    mode: Mode
    problems: int = 0
    saved: bool = True
    session: Session | None = None
    file: Path | None = None
    lsl_session: str = "default"
    recording: Path | None = None
    bundle: Path | None = None
    consent: Path | None = None
    out: Path | None = None
    renderer: RendererSettings = field(default_factory=RendererSettings)
    screen: str = ""
    screens: tuple[ScreenFacts, ...] = ()
    operator: str = ""
    card_seen: str = ""
    confirmation: Confirmation | None = None
    key: Path | None = None
    typed: bool = False


@dataclass(frozen=True)
class Probes:
    """Looks at the world; each is replaced in tests.

    Attributes
    ----------
    source : Callable
        Findings of a session's source.
    streams : Callable
        Findings of its LSL streams; None while they are looked for.
    free_bytes : Callable
        Room where a path is or will be.
    why_not_writable : Callable
        Why a folder cannot be made or written; empty where it can.
    why_not_readable : Callable
        The same of a recording.
    renderer : Callable
        Findings of what paints.
    engine : Callable
        Why the decoder's engine does not run here; None where it does.
    bundle : Callable
        Reads and verifies the decoder of a subject that names one.
    grid : Callable
        Whether volumes that lie at hand are of the grid of a decoder's mask; None without a mask.
    consent : Callable
        Reads the consent of a subject, and refuses one that it may not rest on; None without.
    now : Callable
        Present date and time, with zone.
    clock_trouble : Callable
        Why the clock cannot be believed, empty where nothing speaks against it.
    synchronised : Callable
        Whether the clock follows a time server; None where nobody knows.
    presses : Callable
        How often the participant's stop was pressed since the page was opened.
    locked : Callable
        Whether key and passphrase are there for a sealed decoder; None where it is not sealed.
    seal : Callable
        Findings of what a session with this consent leaves on the disk.
    swap : Callable
        Whether what lies in memory can reach the disk.
    filter : Callable
        What there is to know of a content filter.
    """

    source: Callable[[Session], Sequence[Finding]]
    streams: Callable[[Subject], Sequence[Finding] | None]
    free_bytes: Callable[[Path], int]
    why_not_writable: Callable[[Path], str]
    why_not_readable: Callable[[Path], str]
    renderer: Callable[[RendererSettings], Sequence[Finding]]
    engine: Callable[[str], str | None]
    bundle: Callable[[Subject], Bundle | None]
    grid: Callable[[Bundle, Path | None], Finding | None]
    consent: Callable[[Subject], Consent | None]
    now: Callable[[], datetime]
    clock_trouble: Callable[[datetime], str]
    synchronised: Callable[[], bool | None]
    presses: Callable[[StopSettings], int]
    locked: Callable[[Subject], Finding | None]
    seal: Callable[[Session, Consent | None], Sequence[Finding]]
    swap: Callable[[], Finding]
    filter: Callable[[FilterSettings | None], Finding]


Found = tuple[Level, str, str]
Check = Callable[[Subject, Probes], Found | None]


def worst(findings: Sequence[Finding]) -> Found:
    """Put several findings into one: the level of the worst, the words of all that are as bad."""
    level = max((f.level for f in findings), key=_RANK.__getitem__)
    told_of = [f for f in findings if f.level == level]
    text = "; ".join(told(f.text) for f in told_of)
    return level, text, "; ".join(dict.fromkeys(told(f.fix) for f in told_of if f.fix))
