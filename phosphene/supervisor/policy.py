"""When a fallen node is started again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["RestartPolicy"]


@dataclass
class RestartPolicy:
    """Allows a few restarts within a time, then gives up.

    Parameters
    ----------
    most : int
        Restarts allowed within `within_s`.
    within_s : float
        Length of the sliding interval in seconds.
    """

    most: int = 3
    within_s: float = 60.0
    _at_s: dict[str, deque[float]] = field(default_factory=dict)

    def allow(self, name: str, now_s: float) -> bool:
        """Return True, and remember it, when node `name` may be started again at `now_s`."""
        past = self._at_s.setdefault(name, deque())
        while past and now_s - past[0] > self.within_s:
            past.popleft()
        if len(past) >= self.most:
            return False
        past.append(now_s)
        return True
