"""How many features may be on their way to the decoder when nothing may be lost."""

from __future__ import annotations

__all__ = ["FeatureWindow"]

_SILENCE_S = 2.0
_PATIENCE_S = 10.0


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
