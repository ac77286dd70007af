"""What the operator must be told now. No Qt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gui.facts import BLANKED_HERE, Board
from gui.notes import note_words, why_words
from gui.peers import Peer
from gui.scanner import tr_differs
from gui.texts import mark, told, tr
from gui.words import AlarmLevel, State
from phosphene.gate.silence import NO_DATA_S, NO_DATA_STEPS
from phosphene.latency import SLOW_FOR_S

__all__ = ["SILENT_BLANK", "Alarm", "alarms", "no_alarm", "silence"]

_STALE_STEPS, _LOST_STEPS = 2.0, 6.0
"""Volumes without which to warn, and without which to blank until somebody unblanks. At three the
gate blanks, and there is an alarm. A single lost volume holds up the next ones for two, which is
four in all: that alone must leave nothing for anybody to undo."""
_EPOCH_STEPS = (3.0, 6.0)
"""Epochs without which to warn, and without which it is an alarm: they come with the stimuli."""
_SILENT_AT_LEAST_S = NO_DATA_S + 0.5
"""What the gate tells of the nodes, here, is up to half a second old."""
_LEAST_STEP_S = 0.5
_FIRST_SAMPLES_S = 7.0
"""Time that an amplifier has to be found in, or its simulation to begin, from when nodes work."""
_RANK: dict[AlarmLevel, int] = {"high": 0, "medium": 1, "info": 2, "none": 3}
_SYMBOLS: dict[AlarmLevel, str] = {
    "high": mark("■ ALARM"),
    "medium": mark("▲ WARNING"),
    "info": mark("● NOTE"),
}
_TALLIES = {
    "lost": mark("volumes lost: {n}"),
    "second series": mark("files of a second series left out: {n}"),
    "restarts": mark("restarts of the series: {n}; a scan that was started anew needs a new run"),
    "outages": mark("outages of the folder: {n}"),
}
"""Counters whose growth is told, in words."""
_TALLY_LEVELS: dict[str, AlarmLevel] = {"lost": "info", "restarts": "high"}
"""A gap is a note: where it lasts, missing data are an alarm of their own. A scan that was started
anew gives this run nothing more. What is not here is a warning."""
_UNSURE_FOR_S = 5.0
SILENT_BLANK = "came for a while: blanked by the window"
"""In the reason of a blank that the window asked for because data stayed away."""
_NO_DATA = re.compile(r"(?:[^;]+: )?no data for [\d.]+ s")


@dataclass(frozen=True)
class Alarm:
    """One thing to be told, with its level.

    Attributes
    ----------
    level : str
        ``high``, ``medium``, ``info`` or ``none``.
    text : str
        What it is, in words.
    passing : bool
        True for what needs no acknowledgement once it is over.
    counting : bool
        True for a number that never falls: acknowledged, it is told again when it has grown.
    logged : bool
        True where the log has it already.
    first : bool
        True for missing data: whatever else is the matter, nothing works without them.
    lost : bool
        True for data missing for so long that views are to stay blank until somebody unblanks.
    over : bool
        True for a silence after everything that was announced: nothing is missing.
    """

    level: AlarmLevel
    text: str
    passing: bool = False
    counting: bool = False
    logged: bool = False
    first: bool = False
    lost: bool = False
    over: bool = False

    @property
    def rank(self) -> int:
        """Order of severity, the worst has the lowest."""
        return _RANK[self.level] - (len(_RANK) if self.first else 0)

    @property
    def latches(self) -> bool:
        """Whether it stays until acknowledged."""
        return self.level in ("high", "medium") and not self.passing

    def words(self) -> str:
        """Return the text with the symbol and the word of its level."""
        return f"{tr(_SYMBOLS[self.level])}  {self.text}" if self.level in _SYMBOLS else self.text


def no_alarm() -> Alarm:
    """Return what is told where there is nothing to tell."""
    return Alarm("none", tr("No alarms"))


def alarms(board: Board, state: State, unit: str, now_s: float) -> list[Alarm]:
    """Return all alarms at `now_s` (LSL clock, seconds), the worst first.

    Parameters
    ----------
    board : Board
        Facts of the run.
    state : str
        State word; an ended or idle run does not miss its data.
    unit : str
        What a step of the data is called.
    now_s : float
        Present time.
    """
    found: list[Alarm] = []
    missing = silence(board, unit, now_s)
    over = missing is not None and missing.over
    if board.trouble:
        found.append(Alarm("high", board.trouble))
    if state in ("RUNNING", "PAUSED", "BLANKED"):
        found += _about_data(board, unit, now_s)
        found += _about_nodes(board.peers, over=over)
    if state == "BLANKED":
        found.append(_about_blank(board, over=over))
    elif state == "RUNNING":
        found += _about_decoding(board)
    if board.decode_reason and "view_operator" in (board.scopes or ()) and state != "PAUSED":
        words = tr("Nothing is decoded: {reason}", reason=why_words(board.decode_reason))
        # Before a run has begun, and after its scan, that is how it should be.
        early = state in ("IDLE", "CHECKED", "ARMED")
        level: AlarmLevel = "info" if early or over else "medium"
        found.append(Alarm(level, words, passing=True))
    if state != "ENDED":
        found += _about_disk(board)
    found += _about_scan(board)
    return sorted(found, key=lambda a: a.rank) or [no_alarm()]


def _about_decoding(board: Board) -> Iterator[Alarm]:
    """Word what makes the picture worth less than usual, once it has lasted."""
    pace = board.pace
    if pace.latency_ms is not None and pace.slow_s >= SLOW_FOR_S:
        words = tr(
            "Latency {ms} ms, more than {budget} ms",
            ms=round(pace.latency_ms), budget=round(pace.budget_ms),
        )  # fmt: skip
        yield Alarm("medium", words)
    if pace.unsure_s >= _UNSURE_FOR_S:
        # It comes and goes with what the person does: told while it lasts, not kept.
        yield Alarm("medium", tr("Confidence below the threshold: no picture"), passing=True)


def _about_disk(board: Board) -> Iterator[Alarm]:
    facts = board.recorded
    if facts.full:
        yield Alarm("high", tr("The disk is full: the recording ends, the views go on"))
    elif facts.low and facts.left_min is not None:
        words = tr("The disk is full in {n} minutes", n=int(facts.left_min))
        yield Alarm("high" if facts.grave else "medium", words)


def _about_blank(board: Board, *, over: bool) -> Alarm:
    """Word a blank; one that somebody wanted, or that consent demands, is no fault."""
    reason = board.operator.reason
    wanted = board.blank_here or reason == BLANKED_HERE or board.phase == "stopped"
    denied = board.scopes is not None and "view_operator" not in board.scopes
    quiet = (wanted or denied) and board.phase != "stopped"
    level: AlarmLevel = "medium" if quiet else "high"
    if over and SILENT_BLANK in reason and board.phase != "stopped":
        level = "info"
    # A blank that was wanted, or that precedes the first picture, is no news afterwards.
    words = tr("No pictures: {reason}", reason=told(reason))
    return Alarm(level, words, wanted or denied or not board.shown_once)


def _about_data(board: Board, unit: str, now_s: float) -> list[Alarm]:
    missing = silence(board, unit, now_s)
    if missing is not None:
        return [missing]
    if board.features is None:
        return [Alarm("info", tr("Waiting for the first {unit}", unit=unit))]
    if board.all_pushed:
        return []
    late = _late(board, unit, now_s)
    if late is not None:
        return [late]
    return [] if board.features.ready else [Alarm("info", tr("Statistics are warming up"))]


def silence(board: Board, unit: str, now_s: float) -> Alarm | None:
    """Return the alarm of a source that sends nothing, None while data come.

    Samples are missed from the start; volumes from the second on, for a scan begins when it does.
    """
    if board.all_pushed:
        return None
    if not board.source:
        late = _late(board, unit, now_s)
        return None if late is None else replace(late, first=not late.over)
    # Samples are counted in the beats: without those nothing is known of the source.
    if any(p.name in ("gate", "acquisition") and p.health == "silent" for p in board.peers):
        return None
    if board.samples_s is None:
        waited_s = 0.0 if board.since_s is None else now_s - board.since_s
        if waited_s <= _FIRST_SAMPLES_S:
            return None
        words = tr("No data from {source} yet, for {n} s", source=board.source, n=round(waited_s))
        return Alarm("medium", words, passing=True, first=True)
    silent_s = now_s - board.samples_s
    if silent_s <= _SILENT_AT_LEAST_S:
        return None
    words = tr("No data from {source} for {n} s", source=board.source, n=round(silent_s))
    return Alarm("high", words, first=True, lost=silent_s > 2 * _SILENT_AT_LEAST_S)


def _late(board: Board, unit: str, now_s: float) -> Alarm | None:
    """Return the alarm of steps that stay away, None before the first."""
    if board.features is None:
        return None
    silent_s = now_s - board.features.t_sent
    # The first step is as long as announced: until the second has come, none has been measured.
    step_s = max(board.step_s or board.scan.tr_announced_s or 0.0, _LEAST_STEP_S)
    stale, missing = _EPOCH_STEPS if board.source else (_STALE_STEPS, NO_DATA_STEPS)
    if silent_s <= stale * step_s:
        return None
    # Blank for safety all the same: the last picture must not stand as the present one.
    lost = silent_s > _LOST_STEPS * step_s
    if board.over:
        return Alarm("info", tr("Scan over: end the run (Shift+F5)"), lost=lost, over=True)
    words = tr("No {unit} for {n} s", unit=unit, n=round(silent_s))
    grave = silent_s > missing * step_s
    return Alarm("high" if grave else "medium", words, lost=lost)


def _about_nodes(peers: tuple[Peer, ...], *, over: bool) -> Iterator[Alarm]:
    """Word what is wrong with nodes; one that starts only tells how far it is."""
    gate = next((p for p in peers if p.name == "gate"), None)
    if gate is not None and gate.health == "silent":
        # All beats come through the gate: without it nothing is known of the others.
        yield _mute(gate)
        return
    for peer in peers:
        if peer.health == "silent":
            yield _mute(peer)
        elif peer.note and peer.health in ("noted", "starting"):
            same = over and _NO_DATA.fullmatch(peer.note) is not None
            level: AlarmLevel = "medium" if peer.health == "noted" and not same else "info"
            yield Alarm(level, f"{peer.name}: {note_words(peer.note)}", logged=True)


def _mute(peer: Peer) -> Alarm:
    words = tr("{node}: no sign of life for {n} s", node=peer.name, n=round(peer.silent_s))
    return Alarm("high", words)


def _about_scan(board: Board) -> Iterator[Alarm]:
    if board.fd_mm is not None and board.fd_mm > board.fd_limits_mm[1]:
        yield Alarm("medium", tr("Head motion: displacement {mm} mm", mm=f"{board.fd_mm:.2f}"))
    for tally in board.scan.tallies:
        if tally.number and tally.words in _TALLIES:
            yield Alarm(
                _TALLY_LEVELS.get(tally.words, "medium"), tr(_TALLIES[tally.words], n=tally.number),
                counting=True,
            )  # fmt: skip
    if board.paced and tr_differs(board.scan):
        announced, measured = board.scan.tr_announced_s, board.scan.tr_measured_s
        yield Alarm(
            "medium",
            tr("TR is {measured} s, announced {announced} s",
               measured=f"{measured:.3f}", announced=f"{announced:.3f}"),
        )  # fmt: skip
