"""The one word that says how the run is, from what shell and gate say. No Qt."""

from __future__ import annotations

from gui.facts import Board
from gui.viewers.state import PROTOCOL_REASONS
from gui.words import State, state_word

__all__ = ["run_state"]


def run_state(board: Board, *, going: bool, ended: bool) -> State:
    """Return the state of the run as one word.

    Blanked is a run in which nobody sees anything though the protocol does not want it so: a gate
    that is silent and a bond that is lost count whatever was said before.

    Parameters
    ----------
    board : Board
        What the gate says: the phase, and whether pictures or feedback pass anywhere.
    going, ended : bool
        Whether the run has been started, and whether it is over.
    """
    seen = board.operator.passing or board.participant.passing or board.feedback_passes
    blanked = not seen and board.operator.reason not in PROTOCOL_REASONS
    # Blanked here is blanked, even while the gate has not heard of it yet.
    phase = "blanked" if board.blank_here else board.phase
    return state_word(going=going, ended=ended, blanked=blanked, phase=phase)
