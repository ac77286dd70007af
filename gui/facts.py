"""What the window is told at one moment: pictures and facts. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gui.pace import Pace
from gui.peers import Peer
from gui.recording_lamp import Recorded
from gui.scanner import Scan
from gui.seen import Seen
from gui.texts import told, tr
from gui.viewers.state import ViewerState
from phosphene.gate.levels import abstract
from phosphene.messages import Features, Feedback, Percept
from phosphene.sink import Showing

__all__ = ["BLANKED_HERE", "Board", "Flow", "Pictures", "Thumbnail"]

NOTHING, UNRECORDED, UNKNOWN_PACE = ViewerState(), Recorded(), Pace()
BLANKED_HERE = "blanked by the operator"
_STALE_S, _STALE_STEPS = 4.0, 4.0
"""Age from which a value is no longer told as the present one: seconds, and steps."""


@dataclass(frozen=True)
class Flow:
    """Messages of one kind: how many have come, and when the newest was sent (None: none)."""

    messages: int = 0
    newest_s: float | None = None


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """The participant's window as the operator may see it: a view, or words in its place."""

    view: ViewerState = NOTHING
    words: str = ""


@dataclass(frozen=True)
class Pictures:
    """What the picture panels show at one moment.

    Attributes
    ----------
    operator, participant : Showing
        What the gate lets through to each sink.
    percept : Percept or None
        The percept behind the operator's picture.
    seen : Seen
        What was really shown when that percept was seen.
    viewer : ViewerState
        What the participant's window shows.
    sealed : bool
        Whether the operator may not know what feedback the participant gets.
    """

    operator: Showing
    participant: Showing
    percept: Percept | None
    seen: Seen
    viewer: ViewerState = NOTHING
    sealed: bool = False

    def thumbnail(self) -> Thumbnail:
        """Return the participant's view as the operator may see it: never more than their own.

        What the participant may see is not the operator's: without a picture of their own there is
        none, and detail beyond their own abstraction level is taken out. A score that is sealed
        before the operator is not drawn here either, nor when it comes and goes.
        """
        mine, theirs = self.operator, self.viewer
        lamp = ViewerState(recording=theirs.recording)
        if self.sealed:
            return Thumbnail(lamp, tr("sealed: not for the operator"))
        if theirs.picture is None:
            shown = theirs.passing or theirs.fixation or theirs.display != "none"
            return Thumbnail(theirs) if shown else Thumbnail(lamp, told(self.participant.reason))
        if mine.frame is None:
            return Thumbnail(lamp, tr("not for the operator: {reason}", reason=told(mine.reason)))
        picture = abstract(theirs.picture, mine.frame.level)
        return Thumbnail(replace(theirs, picture=picture))


@dataclass(frozen=True)
class Board:
    """Facts for strip, alarms and status line.

    Attributes
    ----------
    scopes : tuple of str or None
        Consent as the gate grants it; None without a fresh grant.
    decode_reason : str
        Why nothing is decoded; empty while decoding is allowed.
    operator, participant : Showing
        What the gate lets through.
    features : Features or None
        Newest header of cleaned data.
    step_s : float or None
        Typical interval at which features come, in seconds: in a replay as fast as it goes.
    fd_mm : float or None
        Framewise displacement of the newest volume, in millimetres.
    fd_limits_mm : tuple of float
        Displacement to watch, and that of a spike, in millimetres.
    flows : dict of str to Flow
        What has come, by kind of message.
    blank_here : bool
        True after the operator blanked, until the gate has confirmed the opposite.
    trouble : str
        An unanswered or refused request, in words.
    scan : Scan
        How far the scan is, and what went missing.
    peers : tuple of Peer
        The nodes of the run.
    shown_once : bool
        Whether the operator's view has ever shown pictures.
    paced : bool
        Whether volumes come at the speed of the scanner.
    source : str
        Name of the stream of samples; empty where the data are volumes.
    samples_s : float or None
        When samples last came (LSL clock, seconds); None before the first.
    since_s : float or None
        When acquisition was first heard to work.
    phase : str
        How far the run is, as the gate says; empty before it has spoken.
    recorded : Recorded
        The recording so far.
    pace : Pace
        How well pictures follow the data.
    feedback : Feedback or None
        What the participant is told, where the operator may know.
    feedback_passes : bool
        Whether feedback passes to participant or operator.
    held : int
        Frames that observers wait for.
    over : bool
        Whether every volume that was announced has come; see `gui.scan_end`.
    """

    scopes: tuple[str, ...] | None
    decode_reason: str
    operator: Showing
    participant: Showing
    features: Features | None
    step_s: float | None
    fd_mm: float | None
    fd_limits_mm: tuple[float, float]
    flows: dict[str, Flow]
    blank_here: bool
    trouble: str
    scan: Scan
    peers: tuple[Peer, ...]
    shown_once: bool
    paced: bool
    source: str = ""
    samples_s: float | None = None
    since_s: float | None = None
    phase: str = ""
    recorded: Recorded = UNRECORDED
    pace: Pace = UNKNOWN_PACE
    feedback: Feedback | None = None
    feedback_passes: bool = False
    held: int = 0
    over: bool = False

    @property
    def flowing(self) -> bool:
        """Whether any data have come."""
        return self.features is not None or self.scan.volumes is not None

    def stale_s(self, kind: str, now_s: float) -> float | None:
        """Return the age of the newest message of a kind; None where it is new, or none came."""
        newest_s = self.flows.get(kind, Flow()).newest_s
        if newest_s is None or self.all_pushed:
            return None
        age_s = now_s - newest_s
        return age_s if age_s > max(_STALE_S, _STALE_STEPS * (self.step_s or 0.0)) else None

    @property
    def all_pushed(self) -> bool:
        """Whether the source has come to its end."""
        return any(p.name == "bridge" and p.health == "ended" for p in self.peers)
