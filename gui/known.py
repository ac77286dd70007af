"""What the window knows of the person's brain, in one place, so that it can be forgotten. No Qt."""

from __future__ import annotations

from collections import OrderedDict

from phosphene.messages import Features, Message, Percept, Quality, Regions, Signal, StatMap
from phosphene.quality import tells_of_brain

__all__ = ["Known"]

MOST_PERCEPTS = 128


class Known:
    """Percepts by their numbers, the newest map, where the regions lie.

    Attributes
    ----------
    percepts : OrderedDict of int to Percept
        The newest percepts, oldest first.
    map, regions : Message or None
        The newest map of where the brain follows the conditions, and where the regions lie.
    anything : bool
        Whether anything has come that tells of the brain: these, a signal, or a curve of one.
    """

    def __init__(self) -> None:
        self.percepts: OrderedDict[int, Percept] = OrderedDict()
        self.map: Message | None = None
        self.regions: Message | None = None
        self.anything = False

    def take(self, message: Message) -> None:
        """Take in a message of any kind."""
        header = message.header
        self.anything |= _tells(message)
        if isinstance(header, Percept):
            self.percepts[header.seq] = header
            if len(self.percepts) > MOST_PERCEPTS:
                self.percepts.popitem(last=False)
        elif isinstance(header, StatMap):
            self.map = message
        elif isinstance(header, Regions):
            self.regions = message


def _tells(message: Message) -> bool:
    header = message.header
    if isinstance(header, Quality):
        return any(tells_of_brain(name) for name in header.values)
    if isinstance(header, Features):
        return bool(message.arrays)
    return isinstance(header, Percept | StatMap | Regions | Signal)
