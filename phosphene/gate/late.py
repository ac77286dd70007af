"""Whether pictures come too late after the brain data to be shown as the present; live runs only.

A picture that is seconds behind looks like one of now. Where latency has been above the budget for
five seconds, a card is shown in its place, until it has been within the budget for as long again.
Only what was measured counts: at the first frame of each percept, so that a slow TR, a rest without
percepts or a picture that stands while nothing new is decoded is not taken for lateness.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from phosphene.gate.diary import GateDiary
from phosphene.latency import SLOW_FOR_S, budget_ms
from phosphene.messages import Frame, Quality
from phosphene.node import NodeContext

__all__ = ["IN_TIME_FOR_S", "LateWatch", "Lateness", "late_watch"]

IN_TIME_FOR_S = 5.0
"""Seconds within the budget after which pictures are shown again."""


class Lateness:
    """The rule, pure and with time injected.

    Parameters
    ----------
    modality : str
        ``fmri`` or ``eeg``: one TR, or half a second.

    Attributes
    ----------
    late : bool
        Whether the card is to be shown.
    latency_ms : float
        The newest latency, in milliseconds; 0 before the first.
    """

    def __init__(self, modality: Literal["fmri", "eeg"]) -> None:
        self._volumes = modality == "fmri"
        self._volume: Quality | None = None
        self._tr_s: float | None = None
        self._percept: int | None = None
        self._since_s: dict[bool, float] = {}
        self.late, self.latency_ms = False, 0.0

    @property
    def budget_ms(self) -> float | None:
        """Latency that is allowed, in milliseconds; None while no two volumes have told the TR."""
        if self._volumes and self._tr_s is None:
            return None
        return budget_ms(self._tr_s)

    def quality(self, told: Quality) -> None:
        """Learn from figures of two volumes how long one takes."""
        before = self._volume
        if not self._volumes or (before is not None and told.index <= before.index):
            return
        self._volume = told
        if before is not None and told.t_data > before.t_data:
            self._tr_s = (told.t_data - before.t_data) / (told.index - before.index)

    def frame(self, frame: Frame, now_s: float) -> bool:
        """Take in a frame that is about to be shown at `now_s` seconds; return `late`."""
        budget = self.budget_ms
        if budget is None or frame.percept_seq < 0 or frame.percept_seq == self._percept:
            return self.late
        self._percept = frame.percept_seq
        self.latency_ms = 1000.0 * (now_s - frame.t_acquired)
        # What is no number is late: no picture is shown for its sake.
        slow = not self.latency_ms <= budget
        self._since_s.pop(not slow, None)
        held_s = now_s - self._since_s.setdefault(slow, now_s)
        if slow and held_s >= SLOW_FOR_S:
            self.late = True
        elif not slow and held_s >= IN_TIME_FOR_S:
            self.late = False
        return self.late

    def forget(self) -> None:
        """Begin to measure anew: pictures were away, and what was before says nothing of now."""
        self._since_s.clear()


class LateWatch:
    """Applies the rule to the frames of a run, and tells when the card comes and goes.

    Parameters
    ----------
    rule : Lateness
        The rule.
    tell : Callable
        Gets a sentence when the card comes, an empty text when it goes.
    audit : Callable
        Gets whether the card is shown from now on.
    """

    def __init__(
        self, rule: Lateness, tell: Callable[[str], None], audit: Callable[[bool], None]
    ) -> None:
        self.rule, self._tell, self._audit = rule, tell, audit

    def holds(self, frame: Frame, now_s: float) -> bool:
        """Return whether a frame is to be replaced by the card at `now_s` seconds."""
        before, late = self.rule.late, self.rule.frame(frame, now_s)
        if late != before:
            self._audit(late)
            ms, most = round(self.rule.latency_ms), round(self.rule.budget_ms or 0)
            self._tell(
                f"pictures come {ms} ms after the data, more than {most} ms: "
                "a card is shown in their place" if late else ""
            )  # fmt: skip
        return late


def late_watch(context: NodeContext, diary: GateDiary) -> LateWatch | None:
    """Return what watches the latency of a live run; None where pictures may take their time."""
    plan = context.plan
    if plan.mode != "live":
        return None
    said = ""

    def tell(words: str) -> None:
        nonlocal said
        if words:
            context.tell(words)
        elif context.note == said:
            context.note = ""
        said = words

    return LateWatch(Lateness(plan.session.modality), tell, diary.late)
