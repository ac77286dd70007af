"""Missing messages, found by their numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from phosphene.messages import topic_of

__all__ = ["GapWatch"]

THINNED = frozenset({"view", "beat", "grant", "frame", "statmap"})
"""Topics that are recorded in part on purpose, so that their numbers jump."""


class GapWatch:
    """Counts the numbers that a stream of messages skips.

    Attributes
    ----------
    missing : Counter
        Missing messages of each topic.
    """

    def __init__(self) -> None:
        self.missing: Counter[str] = Counter()
        self._next: dict[tuple[str, str], int] = {}

    def see(self, header: Any) -> int:
        """Take in a header and return how many messages are missing just before it.

        A smaller number than expected is a producer that was started again, not a gap.
        """
        topic = topic_of(header).decode()
        if topic in THINNED:
            return 0
        key = (header.producer, topic)
        seq = int(header.seq)
        gap = max(0, seq - self._next.get(key, seq))
        self._next[key] = seq + 1
        if gap:
            self.missing[topic] += gap
        return gap
