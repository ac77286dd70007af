"""The loop's core: samples in, scores out. It has no clock, and no sample sees a later one."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from phosphene.feedback.blocks import Block
from phosphene.feedback.protocol import Protocol
from phosphene.feedback.scores import Sample, Score
from phosphene.feedback.shaping import Baseline, Limits, Smoother
from phosphene.session_protocol import ShapeSettings

__all__ = ["FeedbackLoop", "Given"]

NAN = math.nan


@dataclass(frozen=True)
class Given:
    """What one sample gives.

    Attributes
    ----------
    index : int
        Of the sample.
    t_data : float
        Present time on the recording's axis, in seconds.
    block : int
        Number of the block that is running; -1 for none.
    seen_block : int
        Number of the block that the measured activity belongs to; -1 for none.
    measured : float
        Measurement; not a number where there is none.
    value : float
        Against the baseline, in the score's unit; not a number likewise.
    score : float
        From 0 to 1, to be shown now; not a number where nothing is.
    clipped : int
        -1 below the limits, 1 above, else 0.
    """

    index: int
    t_data: float
    block: int
    seen_block: int
    measured: float
    value: float
    score: float
    clipped: int = 0

    @property
    def shows(self) -> bool:
        """Return whether there is a score to show."""
        return not math.isnan(self.score)


class FeedbackLoop:
    """One run.

    Measurements belong to the block in which the brain did what they measure, which in fMRI is
    seconds before they come. What is shown follows the block that is running.

    Parameters
    ----------
    protocol : Protocol
        Its blocks.
    score : Score
        What is measured.
    shape : ShapeSettings
        Baseline, smoothing and limits.

    Attributes
    ----------
    counts : Counter
        ``samples``, ``shown``, ``clipped_low``, ``clipped_high``, ``late``, ``unmeasured``.
    """

    def __init__(self, protocol: Protocol, score: Score, shape: ShapeSettings) -> None:
        self.protocol, self.score = protocol, score
        self._baseline = Baseline(shape.baseline or score.baseline)
        self._smoother = Smoother(shape.smoothing_s)
        self._limits = Limits(shape, score.limits)
        self._block_sums: dict[int, list[float]] = {}
        self._results: dict[int, tuple[float, int]] = {}
        self._newest_s = -math.inf
        self.counts: Counter[str] = Counter()

    def take(self, sample: Sample) -> Given | None:
        """Take in a sample; None where it came after a later one."""
        if sample.t_data <= self._newest_s:
            self.counts["late"] += 1
            return None
        self._newest_s = sample.t_data
        self.counts["samples"] += 1
        # Nothing can be seen before it happened.
        seen_s = min(self.score.seen_s(sample), sample.t_data)
        seen = self.protocol.block_at(seen_s)
        measured = None if seen is None else self.score.measure(sample, seen)
        if measured is not None and not math.isfinite(measured):
            measured = None
        self.counts["unmeasured"] += seen is not None and measured is None
        value = self._valued(seen, measured, seen_s)
        score, clipped = self._shown(sample.t_data, seen_s, seen, value)
        return Given(
            sample.index,
            sample.t_data,
            _number(self.protocol.block_at(sample.t_data)),
            _number(seen),
            NAN if measured is None else measured,
            NAN if value is None else value,
            score,
            clipped,
        )

    def _valued(self, seen: Block | None, measured: float | None, seen_s: float) -> float | None:
        if seen is None or measured is None:
            return None
        if seen.kind == "rest":
            self._baseline.add(seen.index, measured)
        value = self.score.against(measured, self._baseline.value())
        if value is None or seen.kind != "regulate":
            return value
        value = self._smoother.add(seen.index, seen_s, value)
        self._block_sums.setdefault(seen.index, []).append(value)
        return value

    def _shown(
        self, now_s: float, seen_s: float, seen: Block | None, value: float | None
    ) -> tuple[float, int]:
        running = self.protocol.block_at(now_s)
        found: tuple[float, int] = (NAN, 0)
        regulated = seen is not None and seen.kind == "regulate" and value is not None
        if regulated and value is not None:
            scaled = self._limits.scale(value)
            # Only once the activity of the running block itself has arrived.
            if self.protocol.continuous and running == seen:
                found = (scaled.score, scaled.clipped)
            self._limits.learn(value)
        if running is not None and running.kind == "feedback":
            found = self._result_before(running, seen_s)
        if not math.isnan(found[0]):
            self.counts["shown"] += 1
            self.counts["clipped_low"] += found[1] < 0
            self.counts["clipped_high"] += found[1] > 0
        return found

    def _result_before(self, running: Block, seen_s: float) -> tuple[float, int]:
        """Return the mean of the block of regulation before, once all of it has arrived."""
        before = [b for b in self.protocol.blocks[: running.index] if b.kind == "regulate"]
        if not before or seen_s < before[-1].end_s:
            return NAN, 0
        at = before[-1].index
        if at not in self._results and (values := self._block_sums.get(at)):
            # Scaled once, so that it does not change while it is looked at.
            scaled = self._limits.scale(math.fsum(values) / len(values))
            self._results[at] = (scaled.score, scaled.clipped)
        return self._results.get(at, (NAN, 0))


def _number(block: Block | None) -> int:
    return -1 if block is None else block.index
