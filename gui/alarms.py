"""What the operator must be told now. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from gui.model import BLANKED_HERE, Board
from gui.words import AlarmLevel, State

__all__ = ["FD_HIGH_MM", "FD_NOTE_MM", "Alarm", "alarms"]

FD_NOTE_MM, FD_HIGH_MM = 0.2, 0.5
_SILENT_STEPS = 3.0
_SILENT_AT_LEAST_S = 1.5
_RANK: dict[AlarmLevel, int] = {"high": 0, "medium": 1, "info": 2, "none": 3}
_SYMBOLS: dict[AlarmLevel, str] = {"high": "■ ALARM", "medium": "▲ WARNING", "info": "● NOTE"}


@dataclass(frozen=True)
class Alarm:
    """One thing to be told, with its level."""

    level: AlarmLevel
    text: str

    def words(self) -> str:
        """Return the text with the symbol and the word of its level."""
        return f"{_SYMBOLS[self.level]}  {self.text}" if self.level in _SYMBOLS else self.text


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
    if state == "BLANKED":
        found.append(_about_blank(board))
    if board.decode_reason and "view_operator" in (board.scopes or ()):
        found.append(Alarm("medium", f"Nothing is decoded: {board.decode_reason}"))
    if board.fd_mm is not None and board.fd_mm > FD_HIGH_MM:
        found.append(Alarm("medium", f"Head motion: displacement {board.fd_mm:.2f} mm"))
    return sorted(found, key=lambda a: _RANK[a.level]) or [Alarm("none", "No alarms")]


def _about_blank(board: Board) -> Alarm:
    """Word a blank; one that somebody wanted, or that consent demands, is no fault."""
    reason = board.operator.reason
    wanted = board.blank_here or reason == BLANKED_HERE
    denied = board.scopes is not None and "view_operator" not in board.scopes
    return Alarm("medium" if wanted or denied else "high", f"No pictures: {reason}")


def _about_data(board: Board, unit: str, now_s: float) -> list[Alarm]:
    if board.features is None:
        return [Alarm("info", f"Waiting for the first {unit}")]
    silent_s = now_s - board.features.t_sent
    limit_s = max(_SILENT_STEPS * (board.step_s or 0.0), _SILENT_AT_LEAST_S)
    if silent_s > limit_s:
        return [Alarm("high", f"No {unit} for {silent_s:.0f} s")]
    return [] if board.features.ready else [Alarm("info", "Statistics are warming up")]
