"""Which volumes may be decoded, by what the gate says and when they were acquired; pure.

What may not be decoded gets into no window either: a percept after a pause holds nothing of it.
"""

from __future__ import annotations

from phosphene.feedback.protocol import Protocol
from phosphene.messages import Features, Grant

__all__ = ["Permission"]

GRANT_VALID_S = 1.0
GRANT_PATIENCE_S = 5.0
NEVER_S = float("-inf")
SAME_S = 1e-6


class Permission:
    """Judges volumes.

    Parameters
    ----------
    protocol : Protocol or None
        Blocks, outside of which nothing is decoded.
    pace : float or None
        Seconds of data in a second; None at full speed, where the order of messages alone tells
        what came before a grant and what after it.
    period_s : float
        Time between two volumes, or length of an epoch, in seconds.
    """

    def __init__(self, protocol: Protocol | None, pace: float | None, period_s: float) -> None:
        self._protocol, self._pace, self._period_s = protocol, pace, period_s
        self._grant: Grant | None = None
        self._refused = self._by_people = False
        self._since_s = self._unseen_s = NEVER_S

    @property
    def stopped(self) -> bool:
        """Whether the participant has stopped, or the consent was withdrawn."""
        return self._grant is not None and self._grant.phase == "stopped"

    def hear(self, grant: Grant) -> bool:
        """Take in what the gate says.

        Returns
        -------
        bool
            Whether somebody has halted decoding: what is held of the person is to be forgotten.
        """
        self._grant = grant
        if not grant.decode:
            self._by_people = grant.phase != "running"
            # The blocks of a protocol tell by the data's own time what belongs to them, the same
            # in every replay; all else holds from when it was told.
            self._refused = self._by_people or self._protocol is None
        elif self._refused:
            self._refused, self._since_s = False, grant.t_sent
        return self._halted

    def fresh(self, now_s: float) -> bool:
        """Return whether the newest grant still holds."""
        return self._grant is not None and now_s - self._grant.t_sent < GRANT_VALID_S

    def delayed(self, now_s: float) -> bool:
        """Return whether a grant is late, and worth waiting for."""
        last_s = NEVER_S if self._grant is None else self._grant.t_sent
        return not self.fresh(now_s) and now_s - last_s < GRANT_PATIENCE_S

    def admits(self, header: Features, now_s: float) -> bool:
        """Return whether a volume may get into a window; asked of each, once, in order.

        Of a pause it is remembered up to where in the data it lasted.
        """
        if self._halted:
            self._unseen_s = max(self._unseen_s, header.t_data)
        if self._grant is None or not self._grant.decode or not self.fresh(now_s):
            return False
        event_s = header.t_event
        begins_s = header.t_data - self._period_s if event_s is None else event_s
        allowed_s = self._allowed_from(header)
        # What somebody decided holds for all of a volume. A block that an event begins is heard of
        # a moment late: its first epoch begins before that.
        if (begins_s if self._by_people else header.t_data) < allowed_s - SAME_S:
            if self._by_people:
                self._unseen_s = max(self._unseen_s, allowed_s)
            return False
        return begins_s >= self._unseen_s - SAME_S and not self._outside(header.t_data)

    def shows(self, t_seen: float) -> bool:
        """Return whether what was seen at `t_seen` seconds of the data may be decoded.

        The brain is late: volumes of after a pause tell at first what was seen during it.
        """
        return t_seen >= self._unseen_s - SAME_S

    @property
    def _halted(self) -> bool:
        grant = self._grant
        return grant is not None and not grant.decode and self._by_people

    def _allowed_from(self, header: Features) -> float:
        """Return from when on decoding is allowed, on the axis of the data, in seconds."""
        if self._pace is None:
            return NEVER_S
        return header.t_data - (header.t_acquired - self._since_s) * self._pace

    def _outside(self, t_data: float) -> bool:
        """Return whether data of a time belong to no block of the protocol."""
        return self._protocol is not None and self._protocol.block_at(t_data) is None
