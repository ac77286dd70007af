"""The words and colours of the operator's window. No Qt.

Colours of alarms follow the ladder of medical monitors (red, yellow, cyan); nothing is told by
colour alone, a word or a symbol always goes with it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal, get_args

from gui.colours import AMBER, CYAN, FINE, GREY, RED
from gui.facts import Pictures
from gui.texts import mark, told, tr
from phosphene.consent import Scope, why_not
from phosphene.messages import Frame
from phosphene.plan import Plan
from phosphene.sink import Showing

__all__ = [
    "ALARM_COLOURS",
    "ALL_STATES",
    "LEVEL_WORDS",
    "MODE_COLOURS",
    "MODE_WORDS",
    "STATE_COLOURS",
    "STATE_WORDS",
    "AlarmLevel",
    "State",
    "caption",
    "consent_words",
    "neutral_word",
    "recording_words",
    "seen_caption",
    "state_word",
    "unit_word",
    "viewer_word",
]

State = Literal["IDLE", "CHECKED", "ARMED", "RUNNING", "PAUSED", "BLANKED", "ENDED"]
AlarmLevel = Literal["high", "medium", "info", "none"]

ALL_STATES: frozenset[State] = frozenset(get_args(State))
MODE_WORDS = {"replay": mark("REPLAY"), "live": mark("LIVE"), "pilot": mark("PILOT")}
MODE_COLOURS = {"replay": "#4a90d9", "live": "#e8912d", "pilot": "#9b6bdf"}
STATE_WORDS: dict[State, str] = {
    "IDLE": mark("IDLE"),
    "CHECKED": mark("CHECKED"),
    "ARMED": mark("ARMED"),
    "RUNNING": mark("RUNNING"),
    "PAUSED": mark("PAUSED"),
    "BLANKED": mark("BLANKED"),
    "ENDED": mark("ENDED"),
}
STATE_COLOURS: dict[State, str] = {
    "IDLE": GREY,
    "CHECKED": "#6cb6ff",
    "ARMED": "#e8912d",
    "RUNNING": FINE,
    "PAUSED": "#b79df0",
    "BLANKED": AMBER,
    "ENDED": GREY,
}
ALARM_COLOURS: dict[AlarmLevel, str] = {
    "high": RED,
    "medium": AMBER,
    "info": CYAN,
    "none": GREY,
}
LEVEL_WORDS = (
    mark("blank"),
    mark("one colour"),
    mark("8x8 pixels"),
    mark("at most 32x32 pixels"),
    mark("full picture"),
)
"""What each abstraction level leaves of a picture, in English."""
FULL = len(LEVEL_WORDS) - 1

SCORE_WORDS = {
    "thermometer": mark("thermometer"),
    "curve": mark("curve"),
    "score": mark("score"),
}
_SOON_S = 10.0
_SCOPES = {
    Scope.VIEW_SELF: mark("participant view"),
    Scope.VIEW_OPERATOR: mark("operator view"),
    Scope.VIEW_OBSERVER: mark("observer view"),
    Scope.RECORD_BRAIN: mark("save brain data"),
    Scope.RECORD_IMAGES: mark("save pictures"),
    Scope.EXPORT: mark("export"),
    Scope.STREAM_RESULTS: mark("results to other programs"),
}


def state_word(*, going: bool, ended: bool, blanked: bool, phase: str = "") -> State:
    """Return the state of a run as one word.

    Parameters
    ----------
    going : bool
        Whether its nodes have begun to work.
    ended : bool
        Whether it is over.
    blanked : bool
        Whether the operator's view shows nothing, whatever the reason.
    phase : str
        What the gate says of the run: ``armed``, ``running``, ``paused``, ``stopped`` or
        ``blanked``; empty where it says nothing.
    """
    if ended:
        return "ENDED"
    if not going:
        return "IDLE"
    if phase == "armed":
        return "ARMED"
    if phase == "paused":
        return "PAUSED"
    return "BLANKED" if blanked or phase in ("stopped", "blanked") else "RUNNING"


def consent_words(scopes: Collection[str] | None) -> str:
    """Word the consent; None means that the gate has not granted anything lately."""
    if scopes is None:
        return tr("unknown: no grant from the gate")
    words = [tr(text) for scope, text in _SCOPES.items() if scope.value in scopes]
    return ", ".join(words) if words else tr("nothing is allowed")


def recording_words(plan: Plan, now: datetime) -> tuple[bool, str]:
    """Tell whether this run is recorded, and what of it.

    Parameters
    ----------
    plan : Plan
        The run.
    now : datetime
        Present time, with time zone.

    Returns
    -------
    tuple of bool and str
    """
    if plan.out is None or "recorder" not in plan.nodes:
        return False, tr("not recording")
    person = plan.session.person
    kept = []
    if why_not(plan.consent, Scope.RECORD_BRAIN, person, now) is None:
        kept.append(tr("brain data"))
    wanted = plan.session.recorder.images
    if wanted and why_not(plan.consent, Scope.RECORD_IMAGES, person, now) is None:
        kept.append(tr("pictures"))
    return True, tr("REC {what}", what=" + ".join(kept) if kept else tr("events only"))


def unit_word(plan: Plan) -> str:
    """Return what one step of the data is called."""
    return tr("volume") if plan.session.modality == "fmri" else tr("epoch")


def caption(
    showing: Showing, step: str, label: str, stale_s: float | None = None, least: float = 1.0
) -> str:
    """Word the facts below the reconstructed picture, as HTML of at most two lines.

    Parameters
    ----------
    showing : Showing
        What the operator's sink shows.
    step : str
        What a step is called where its number is told; else empty.
    label : str
        Decoded label; empty where there is none.
    stale_s : float or None
        Age of the percept in seconds where no newer ones come: it is told in grey.
    least : float
        Confidence below which no picture is made.
    """
    frame = showing.frame
    if frame is None or showing.age_s is None:
        return ""
    age_s = showing.age_s
    soon = age_s < _SOON_S
    age = tr("age {ms} ms", ms=f"{age_s * 1000:.0f}") if soon else tr("age {s} s", s=f"{age_s:.0f}")
    if frame.state == "neutral":
        return f"{_neutral_words(frame, stale_s, least)}<br>{age}"
    name = f"<b>{label}</b> · " if label else ""
    words = name + tr("confidence {value}", value=f"<b>{frame.confidence:.2f}</b>")
    if stale_s is not None:
        ago = tr("decoded {s} s ago", s=f"{stale_s:.0f}")
        return f"<span style='color:{GREY}'>{words}<br>{ago}</span>"
    number = f"{step} {frame.percept_index} · " if step else ""
    # A coarse picture is coarse because it was made so, not because little was decoded.
    coarse = f" · {tr(LEVEL_WORDS[frame.level])}" if frame.level < FULL else ""
    return f"{words}<br>{number}{age}{coarse}"


def _neutral_words(frame: Frame, stale_s: float | None, least: float) -> str:
    if frame.card:
        return f"<b>{tr('no picture: {why}', why=told(frame.card))}</b>"
    if frame.percept_seq < 0 or stale_s is not None:
        return f"<b>{tr('neutral picture: nothing decoded')}</b>"
    words = tr("confidence {value}", value=f"<b>{frame.confidence:.2f}</b>")
    return f"{words} · {neutral_word(frame.confidence, least)}"


def neutral_word(confidence: float, least: float) -> str:
    """Say why a percept has no picture, as far as its confidence tells."""
    return tr("too low for a picture: neutral") if confidence < least else tr("neutral: no picture")


def seen_caption(pictures: Pictures) -> str:
    """Word what was really shown, and how long before the data, as HTML."""
    percept = pictures.percept
    if percept is None or not pictures.seen.label:
        return ""
    delay_s = percept.t_data - percept.t_seen
    before = tr("{s} s before the data", s=f"{delay_s:.1f}")
    label = tr("rest") if pictures.seen.kind == "rest" else pictures.seen.label
    return f"<b>{label}</b> · {before}"


def viewer_word(pictures: Pictures) -> str:
    """Say in a word what the participant's window shows, as far as the operator may know it."""
    if pictures.sealed:
        return "–"
    viewer, frame = pictures.viewer, pictures.participant.frame
    if viewer.display in SCORE_WORDS:
        return tr(SCORE_WORDS[viewer.display])
    if viewer.picture is not None and frame is not None:
        return tr(LEVEL_WORDS[frame.level])
    return tr("cross") if viewer.fixation else tr(LEVEL_WORDS[0])
