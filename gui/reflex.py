"""What the window does by itself: when the data of a live run stop, every view goes blank. No Qt.

Lost bonds are the gate's to see, and it blanks for them without being asked. A scanner that falls
silent breaks no bond; then the last picture would stand as if it were the present. The window asks
for the blank once in each silence. To show pictures again is the operator's decision. Replays and
pilots are left alone: nobody lies in the scanner.
"""

from __future__ import annotations

from gui.alarms import SILENT_BLANK, silence
from gui.facts import Board
from gui.words import State
from phosphene.plan import Plan

__all__ = ["Reflex"]


class Reflex:
    """Notices when something must be done without the operator.

    Parameters
    ----------
    plan : Plan
        The run.
    unit : str
        What a step of the data is called.
    """

    def __init__(self, plan: Plan, unit: str) -> None:
        self._live, self._unit = plan.mode == "live", unit
        self._missing = "volume" if plan.session.modality == "fmri" else "sample"
        self._done = False

    def why_blank(self, board: Board, state: State, now_s: float) -> str:
        """Return why every view must go blank now; empty where nothing has to be done.

        Parameters
        ----------
        board : Board
            Facts of the run.
        state : str
            State word; only a running run is blanked.
        now_s : float
            Present time (LSL clock, seconds).
        """
        missing = silence(board, self._unit, now_s)
        if missing is None or not missing.lost:
            self._done = False
            return ""
        if self._done or not self._live or state != "RUNNING":
            return ""
        self._done = True
        # Told to the gate and kept by it: English, like everything in recordings and audit log.
        return f"no {self._missing} {SILENT_BLANK}, unblank to go on"
