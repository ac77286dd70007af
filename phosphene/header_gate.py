"""Headers of what the gate says: what it lets through, and what it allows."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from phosphene.header_base import Count, Header

__all__ = ["Feedback", "Grant", "Phase", "View"]

Phase = Literal["", "armed", "running", "paused", "stopped", "blanked"]
"""How far the run is, by what people have asked for: not begun, under way, paused by the operator,
stopped by the participant (or the consent was withdrawn), blanked until the operator unblanks."""


class Feedback(Header, frozen=True, tag="feedback"):
    """What the gate lets other programs have of a percept.

    Attributes
    ----------
    index : int
        Index of the volume or epoch it comes from.
    t_data : float
        End of the data used, seconds on the recording's axis.
    score : float
        In a run with a protocol the feedback score from 0 to 1, and 0 where `display` is ``none``;
        otherwise the probability of the session's target category, or without one the confidence.
    label : str or None
        Decoded category.
    confidence : float
        Calibrated probability that the percept identifies the truth.
    display : str
        How the score is drawn: ``thermometer``, ``curve`` or ``score``; ``picture`` where the
        feedback is the frame itself; ``none`` where nothing is to be shown (rest, no score yet).
        Empty in a run without a protocol.
    block : int
        Number of the block that is running; -1 outside of all.
    block_kind : str
        ``rest``, ``regulate``, ``task`` or ``feedback``; empty outside of all.
    block_end_s : float
        When that block ends, in seconds on the recording's axis.
    instruction : str
        What the participant's window says during the block.
    """

    index: Count
    t_data: float
    score: float
    label: str | None
    confidence: Annotated[float, Meta(ge=0.0, le=1.0)]
    display: Literal["", "none", "thermometer", "curve", "score", "picture"] = ""
    block: int = -1
    block_kind: Literal["", "rest", "regulate", "task", "feedback"] = ""
    block_end_s: float = 0.0
    instruction: str = ""


class View(Header, frozen=True, tag="view"):
    """What the gate tells a sink ten times a second: whether it passes frames, and why not.

    Attributes
    ----------
    sink : str
        Whom it is for.
    passing : bool
        Whether pictures pass.
    reason : str
        Why not, in words; empty while they do.
    passed : int
        Frames and results that were sent to this sink.
    phase : str
        How far the run is, the same for all sinks; a lost bond leaves it as it is.
    feedback : bool
        Whether `Feedback` of a protocol passes to this sink: a score may be shown where no picture
        is. Where it is False, what was drawn of it is cleared.
    """

    sink: str
    passing: bool
    reason: str
    passed: Count
    phase: Phase = ""
    feedback: bool = False


class Grant(Header, frozen=True, tag="grant"):
    """What the gate currently allows; repeated four times a second, void one second later.

    ``phase`` is that of `View`. While it is ``stopped``, every node forgets what it holds of the
    person's data.
    """

    person: str
    scopes: tuple[str, ...]
    decode: bool
    reason: str
    phase: Phase = ""
