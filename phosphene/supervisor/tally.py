"""Counters of nodes, summed over their restarts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from phosphene.messages import Beat

__all__ = ["Tally"]


class Tally:
    """Keeps what nodes had counted when they fell: who starts again counts from nothing."""

    def __init__(self) -> None:
        self._fallen: dict[str, dict[str, int]] = {}

    def keep(self, name: str, beat: Beat | None) -> None:
        """Keep the counters of the last beat of a node that fell; None: it had none."""
        if beat is not None:
            _add(self._fallen.setdefault(name, {}), beat.counts)

    def total(self, beats: Mapping[str, Beat]) -> dict[str, dict[str, int]]:
        """Return the counters of each node: the kept ones, and those of its newest beat."""
        total = {name: dict(counts) for name, counts in self._fallen.items()}
        for name, beat in beats.items():
            _add(total.setdefault(name, {}), beat.counts)
        return total


def _add(total: dict[str, int], counts: Mapping[str, int]) -> None:
    for key, value in counts.items():
        total[key] = total.get(key, 0) + value
