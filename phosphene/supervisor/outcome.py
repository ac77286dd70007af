"""What a run looks like from outside: at one moment, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from phosphene.messages import Beat

__all__ = ["Outcome", "Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """The state of a run at one moment.

    Attributes
    ----------
    elapsed_s : float
        Seconds since the run went.
    beats : mapping of str to Beat
        Newest beat of each node.
    ended : frozenset of str
        Tools that have run to their end.
    counts : mapping
        Counters of each node, summed over its restarts.
    returning : frozenset of str
        Nodes that fell and are not back yet.
    """

    elapsed_s: float
    beats: Mapping[str, Beat]
    ended: frozenset[str]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    returning: frozenset[str] = frozenset()

    def count(self, node: str, name: str) -> int:
        """Return a counter of a node, summed over its restarts; 0 when it is not known."""
        return self.counts.get(node, {}).get(name, 0)


@dataclass
class Outcome:
    """How a run ended.

    Attributes
    ----------
    status : str
        ``success``, ``abort`` (stopped by a person before its end) or ``fail``.
    reason : str
        In words.
    interrupted : bool
        True when a node fell and was started again.
    counts : dict
        Counters of each node, summed over its restarts.
    began : bool
        True once every node was ready and went.
    """

    status: Literal["success", "abort", "fail"] = "success"
    reason: str = ""
    interrupted: bool = False
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    began: bool = False
