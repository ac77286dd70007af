"""What happens when: the blocks of a run, and what the gate may show in each. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from phosphene.errors import ConfigError, check_all, problem
from phosphene.feedback.blocks import Block
from phosphene.feedback.events import blocks_from_events
from phosphene.session_protocol import ProtocolSettings, ScoreSettings

__all__ = ["OUTSIDE", "Block", "BlockState", "DataClock", "Protocol"]


@dataclass(frozen=True)
class BlockState:
    """What holds at one moment.

    Attributes
    ----------
    block : Block or None
        The present one; None outside of all.
    decode : bool
        Whether anything is to be decoded.
    picture : bool
        Whether a picture may be shown at all.
    score : bool
        Whether a score may be shown.
    reason : str
        Why no picture is shown, in words; "" where one may be.
    """

    block: Block | None
    decode: bool
    picture: bool
    score: bool
    reason: str = ""


OUTSIDE = BlockState(None, decode=False, picture=False, score=False, reason="no block is running")
"""What holds before the first block, between blocks, after the last, and while nobody knows."""


class Protocol:
    """The blocks of a run.

    Parameters
    ----------
    blocks : sequence of Block
        In order, not overlapping.
    display : str
        ``thermometer``, ``curve``, ``score`` or ``picture``.
    continuous : bool
        Feedback while the person regulates; otherwise in blocks of feedback only.

    Raises
    ------
    ConfigError
        If blocks overlap, or an intermittent protocol never gives feedback.
    """

    def __init__(self, blocks: Sequence[Block], display: str, *, continuous: bool) -> None:
        self.blocks, self.display, self.continuous = tuple(blocks), display, continuous
        self._onsets = [block.onset_s for block in self.blocks]
        check_all(list(self._troubles()), ConfigError, "protocol")

    def _troubles(self) -> list[str]:
        found = []
        if not self.blocks:
            found.append("protocol.blocks: none is left; give at least one")
        for before, after in zip(self.blocks, self.blocks[1:], strict=False):
            if after.onset_s < before.end_s:
                where = f"protocol.blocks[{after.index}].onset_s"
                found.append(problem(where, after.onset_s, f"at least {before.end_s:g}, the end of "
                                     "the block before", "Move it."))  # fmt: skip
        kinds = [block.kind for block in self.blocks]
        if not self.continuous and self.blocks and "feedback" not in kinds:
            found.append("protocol.feedback: intermittent feedback needs blocks of kind feedback")
        return found

    @classmethod
    def of(cls, settings: ProtocolSettings) -> Protocol:
        """Lay out the blocks of a session's settings.

        Raises
        ------
        ConfigError
            If they do not fit, or the events file cannot be used.
        """
        if settings.events is not None:
            blocks = blocks_from_events(settings.events, settings.kinds)
        else:
            blocks = _laid_out(settings)
        filled = _aimed(blocks, settings.score)
        return cls(filled, settings.display, continuous=settings.feedback == "continuous")

    @property
    def end_s(self) -> float:
        """End of the last block, in seconds."""
        return self.blocks[-1].end_s

    def block_at(self, t_s: float) -> Block | None:
        """Return the block that holds at a time of the recording's axis, in seconds."""
        at = bisect_right(self._onsets, t_s) - 1
        return self.blocks[at] if at >= 0 and t_s < self.blocks[at].end_s else None

    def state_at(self, t_s: float | None) -> BlockState:
        """Say what may be shown.

        Parameters
        ----------
        t_s : float or None
            Present time on the recording's axis, in seconds; None, or not a number, while nobody
            knows it: then nothing is shown.
        """
        block = None if t_s is None else self.block_at(t_s)
        if block is None:
            return OUTSIDE
        gives = block.kind == ("regulate" if self.continuous else "feedback")
        # Continuous feedback may rest on its result for a while, where there are such blocks.
        gives = gives or block.kind == "feedback"
        picture = gives and self.display == "picture"
        return BlockState(block, decode=True, picture=picture, score=gives and not picture,
                          reason="" if picture else _why(block, gives))  # fmt: skip


def _aimed(blocks: Sequence[Block], score: ScoreSettings) -> list[Block]:
    """Give each block its target; rest that names none is measured against what it is rest of.

    That is the regulation after it, the last one after the last.
    """
    own, found = (score.target or "", score.foil or ""), list[Block]()
    tried = [b for b in blocks if b.kind == "regulate"]
    for block in blocks:
        target, foil = block.target or own[0], block.foil or own[1]
        if block.kind == "rest" and not target and tried:
            of = next((b for b in tried if b.onset_s >= block.onset_s), tried[-1])
            target, foil = of.target, foil or of.foil
        found.append(replace(block, target=target, foil=foil))
    return found


def _why(block: Block, gives: bool) -> str:
    if block.kind in ("rest", "task"):
        return f"{block.kind} block"
    return "feedback is a score" if gives else "feedback comes after this block"


def _laid_out(settings: ProtocolSettings) -> list[Block]:
    blocks: list[Block] = []
    end_s = start_s = 0.0
    for _ in range(settings.cycles):
        # A given onset counts from the begin of its cycle.
        for given in settings.blocks:
            onset_s = end_s if given.onset_s is None else start_s + given.onset_s
            end_s = onset_s + given.duration_s
            blocks.append(
                Block(len(blocks), given.kind, onset_s, end_s, given.condition,
                      given.target or "", given.foil or "", given.instruction)
            )  # fmt: skip
        start_s = end_s
    return blocks


class DataClock:
    """Present time on the recording's axis, between messages too.

    Parameters
    ----------
    pace : float or None
        Seconds of data in a second; None where data come as fast as they can, and time stands
        still between messages.
    """

    def __init__(self, pace: float | None = 1.0) -> None:
        self._pace = pace
        self._newest: tuple[float, float] | None = None

    def saw(self, t_data: float, t_acquired: float) -> None:
        """Note that data up to `t_data` were acquired at `t_acquired` (LSL clock); both seconds."""
        if self._newest is None or t_data >= self._newest[0]:
            self._newest = (t_data, t_acquired)

    def now(self, clock_s: float) -> float | None:
        """Return the present time on the recording's axis; None before any data."""
        if self._newest is None:
            return None
        t_data, t_acquired = self._newest
        return t_data + max(0.0, clock_s - t_acquired) * (self._pace or 0.0)
