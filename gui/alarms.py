"""What the operator must be told now. No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gui.facts import BLANKED_HERE, Board
from gui.peers import Peer
from gui.scanner import tr_differs
from gui.words import AlarmLevel, State

__all__ = ["NO_ALARM", "Alarm", "alarms", "silence"]

_SILENT_STEPS, _LOST_STEPS = 3.0, 6.0
"""Intervals without data after which to warn, and after which it is an alarm; a single lost volume
holds up the next ones for two, and stays below the second."""
_SILENT_AT_LEAST_S = 1.5
_FIRST_SAMPLES_S = 5.0
"""Time that an amplifier has to be found in."""
_RANK: dict[AlarmLevel, int] = {"high": 0, "medium": 1, "info": 2, "none": 3}
_SYMBOLS: dict[AlarmLevel, str] = {"high": "■ ALARM", "medium": "▲ WARNING", "info": "● NOTE"}
_TALLIES = {
    "lost": "volumes lost: {}",
    "second series": "files of a second series left out: {}",
    "restarts": "restarts of the series: {}; a scan that was started anew needs a new run",
    "outages": "outages of the folder: {}",
}
"""Counters whose growth is a warning, in words."""


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
    """

    level: AlarmLevel
    text: str
    passing: bool = False
    counting: bool = False
    logged: bool = False
    first: bool = False

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
        return f"{_SYMBOLS[self.level]}  {self.text}" if self.level in _SYMBOLS else self.text


NO_ALARM = Alarm("none", "No alarms")


def alarms(board: Board, state: State, unit: str, now_s: float) -> list[Alarm]:
    """Return all alarms at `now_s` (LSL clock, seconds), the worst first.

    Parameters
    ----------
    board : Board
        Facts of the run.
    state : str
        State word; an ended or idle run does not miss its data.
    unit : str
        ``volume`` or ``epoch``.
    now_s : float
        Present time.
    """
    found: list[Alarm] = []
    if board.trouble:
        found.append(Alarm("high", board.trouble))
    if state in ("RUNNING", "BLANKED"):
        found += _about_data(board, unit, now_s)
        found += _about_nodes(board.peers, flowing=board.flowing)
    if state == "BLANKED":
        found.append(_about_blank(board))
    if board.decode_reason and "view_operator" in (board.scopes or ()):
        found.append(Alarm("medium", f"Nothing is decoded: {board.decode_reason}", passing=True))
    found += _about_scan(board)
    return sorted(found, key=lambda a: a.rank) or [NO_ALARM]


def _about_blank(board: Board) -> Alarm:
    """Word a blank; one that somebody wanted, or that consent demands, is no fault."""
    reason = board.operator.reason
    wanted = board.blank_here or reason == BLANKED_HERE
    denied = board.scopes is not None and "view_operator" not in board.scopes
    level: AlarmLevel = "medium" if wanted or denied else "high"
    # A blank that was wanted, or that precedes the first picture, is no news afterwards.
    return Alarm(level, f"No pictures: {reason}", wanted or denied or not board.shown_once)


def _about_data(board: Board, unit: str, now_s: float) -> list[Alarm]:
    missing = silence(board, unit, now_s)
    if missing is not None:
        return [missing]
    if board.features is None:
        return [Alarm("info", f"Waiting for the first {unit}")]
    if board.all_pushed:
        return []
    late = _late(board, unit, now_s)
    if late is not None:
        return [late]
    return [] if board.features.ready else [Alarm("info", "Statistics are warming up")]


def silence(board: Board, unit: str, now_s: float) -> Alarm | None:
    """Return the alarm of a source that sends nothing, None while data come.

    Samples are missed from the start; volumes from the second on, for a scan begins when it does.
    """
    if board.all_pushed:
        return None
    if not board.source:
        late = _late(board, unit, now_s)
        return None if late is None else replace(late, first=True)
    # Samples are counted in the beats: without those nothing is known of the source.
    if any(p.name in ("gate", "acquisition") and p.health == "silent" for p in board.peers):
        return None
    if board.samples_s is None:
        waited_s = 0.0 if board.since_s is None else now_s - board.since_s
        if waited_s <= _FIRST_SAMPLES_S:
            return None
        words = f"No data from {board.source} yet, for {waited_s:.0f} s"
        return Alarm("medium", words, passing=True, first=True)
    silent_s = now_s - board.samples_s
    if silent_s <= _SILENT_AT_LEAST_S:
        return None
    level: AlarmLevel = "high" if silent_s > 2 * _SILENT_AT_LEAST_S else "medium"
    return Alarm(level, f"No data from {board.source} for {silent_s:.0f} s", first=True)


def _late(board: Board, unit: str, now_s: float) -> Alarm | None:
    """Return the alarm of steps that stay away, None before the first."""
    if board.features is None:
        return None
    silent_s = now_s - board.features.t_sent
    step_s = max(board.step_s or 0.0, _SILENT_AT_LEAST_S / _SILENT_STEPS)
    if silent_s > _SILENT_STEPS * step_s:
        grave = silent_s > _LOST_STEPS * step_s
        return Alarm("high" if grave else "medium", f"No {unit} for {silent_s:.0f} s")
    return None


def _about_nodes(peers: tuple[Peer, ...], *, flowing: bool) -> Iterator[Alarm]:
    """Word what is wrong with nodes; before the first data they only tell how far they are."""
    gate = next((p for p in peers if p.name == "gate"), None)
    if gate is not None and gate.health == "silent":
        # All beats come through the gate: without it nothing is known of the others.
        yield Alarm("high", f"gate: no sign of life for {gate.silent_s:.0f} s")
        return
    for peer in peers:
        if peer.health == "silent":
            yield Alarm("high", f"{peer.name}: no sign of life for {peer.silent_s:.0f} s")
        elif peer.note and peer.health in ("noted", "starting"):
            grave = flowing and peer.health == "noted"
            yield Alarm("medium" if grave else "info", f"{peer.name}: {peer.note}", logged=True)


def _about_scan(board: Board) -> Iterator[Alarm]:
    if board.fd_mm is not None and board.fd_mm > board.fd_limits_mm[1]:
        yield Alarm("medium", f"Head motion: displacement {board.fd_mm:.2f} mm")
    for tally in board.scan.tallies:
        if tally.number and tally.words in _TALLIES:
            # A scan that was started anew gives this run nothing more.
            level: AlarmLevel = "high" if tally.words == "restarts" else "medium"
            yield Alarm(level, _TALLIES[tally.words].format(tally.number), counting=True)
    if board.paced and tr_differs(board.scan):
        announced, measured = board.scan.tr_announced_s, board.scan.tr_measured_s
        yield Alarm("medium", f"TR is {measured:.3f} s, announced {announced:.3f} s")
