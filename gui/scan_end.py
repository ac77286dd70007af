"""Whether everything that was announced has come: silence is then the end of the scan. No Qt."""

from __future__ import annotations

from dataclasses import replace

from gui.facts import Board
from phosphene.errors import PhospheneError
from phosphene.feedback.protocol import Protocol
from phosphene.plan import Plan

__all__ = ["ScanEnd"]


class ScanEnd:
    """Knows when a scan is over; where nothing was announced it never is.

    A scanner does not say that it has finished. An amplifier sends for as long as it is on, so that
    its silence is never an end.

    Parameters
    ----------
    plan : Plan
        The run.
    """

    def __init__(self, plan: Plan) -> None:
        self._end_s = _protocol_end_s(plan) if plan.session.modality == "fmri" else None

    def told(self, board: Board) -> Board:
        """Return the facts of the run, with whether its scan is over."""
        return replace(board, over=True) if self._over(board) else board

    def _over(self, board: Board) -> bool:
        newest, scan = board.features, board.scan
        if newest is None or board.source:
            return False
        if scan.planned and max(newest.index + 1, scan.volumes or 0) >= scan.planned:
            return True
        # The last volume of the last block begins one repetition time before its end.
        step_s = scan.tr_announced_s or scan.tr_measured_s or 0.0
        return self._end_s is not None and newest.t_data + step_s >= self._end_s


def _protocol_end_s(plan: Plan) -> float | None:
    settings = plan.session.protocol
    if settings is None:
        return None
    try:
        return Protocol.of(settings).end_s
    except PhospheneError:  # the gate tells of it; here silence stays what it is without a protocol
        return None
