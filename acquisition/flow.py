"""How many features may be on their way to the decoder, and who looks at the signal itself."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from phosphene.bus import Publisher
from phosphene.consent import Scope, why_not
from phosphene.consent.withdrawal import withdrawn_in
from phosphene.plan import Plan

__all__ = ["FeatureWindow", "Onlookers"]

_SILENCE_S = 2.0
_PATIENCE_S = 10.0
_CONSENT_S = 1.0


class FeatureWindow:
    """Counts features published and acknowledged, over restarts of the decoder.

    A decoder that is merely slow is waited for. One that has gone (its subscription ends, or its
    process id changes) will never acknowledge what it had: that is written off and counted.

    Parameters
    ----------
    most : int
        Features that may be outstanding.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sent = self._acknowledged = 0
        self._epoch: str | None = None
        self._heard_s = 0.0
        self._restart_s: float | None = None
        self._readers, self._fewer_since_s = 0, float("inf")
        self.unacknowledged = 0

    @property
    def outstanding(self) -> int:
        """Features published and not acknowledged."""
        return self._sent - self._acknowledged

    def sent(self, count: int) -> None:
        """Note that `count` features have been published in all."""
        self._sent = count

    def readers(self, count: int, now_s: float) -> None:
        """Note how many subscriptions there are at `now_s` seconds."""
        if count >= self._readers:
            if count > self._readers or self._fewer_since_s < now_s:
                self._fewer_since_s = float("inf")
            self._readers = count
            return
        if self._fewer_since_s == float("inf"):
            self._fewer_since_s = now_s
            self._restart_s = now_s
        elif now_s - self._fewer_since_s > _PATIENCE_S:
            # Somebody has left for good (a closed window); go on with those who are there.
            self._readers, self._fewer_since_s = count, float("inf")

    def acknowledge(self, count: int, epoch: str, now_s: float) -> None:
        """Note that process `epoch` has consumed every feature below `count`."""
        self._heard_s = now_s
        if self._epoch is not None and epoch != self._epoch:
            self._write_off(max(count, self._acknowledged))
        self._epoch = epoch
        self._acknowledged = max(self._acknowledged, min(count, self._sent))

    def room(self, now_s: float) -> bool:
        """Tell whether one more feature may be published at `now_s` seconds."""
        if self._fewer_since_s != float("inf"):
            return False
        if self.outstanding < self._most:
            return True
        if self._restart_s is None or now_s - max(self._restart_s, self._heard_s) < _SILENCE_S:
            return False
        self._write_off(self._acknowledged)
        return True

    def _write_off(self, consumed: int) -> None:
        consumed = min(consumed, self._sent)
        self.unacknowledged += self._sent - consumed
        self._acknowledged = self._sent
        self._restart_s = None


class Onlookers:
    """Tells whether anybody may and does look at the signal itself.

    Parameters
    ----------
    plan : Plan
        The run with its consent.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._asked_s = -math.inf
        self._allowed = False

    def watch(self, out: Publisher, now_s: float) -> bool:
        """Return True while there is a subscription and consent to the operator's view."""
        if not out.subscribers(b"signal"):
            return False
        if now_s - self._asked_s >= _CONSENT_S:
            self._asked_s = now_s
            person, now = self._plan.session.person, datetime.now(UTC)
            denied = why_not(self._plan.consent, Scope.VIEW_OPERATOR, person, now)
            self._allowed = denied is None and withdrawn_in(self._plan.folder) is None
        return self._allowed
