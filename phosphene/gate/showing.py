"""Frames on their way to the sinks: each is judged, and goes as far as it may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from phosphene.gate.card import FILTERED, LATE, UNSURE, carded, neutralised
from phosphene.gate.door import SinkDoor, addressed
from phosphene.gate.frames import FrameInlet
from phosphene.gate.giving import Giving
from phosphene.gate.hold import HoldQueue
from phosphene.gate.keeping import Keeper
from phosphene.gate.late import LateWatch
from phosphene.gate.policy import RECORDER_SINK, GatePolicy, Verdict
from phosphene.gate.screening import Screen
from phosphene.messages import Feedback, Frame, Message
from phosphene.node import NodeContext

__all__ = ["HELD_SINK", "Showing"]

HELD_SINK = "observer"
WAITS, WAIT_S = 200, 0.001
Judge = Callable[[str, float, datetime], Verdict]


class Showing:
    """Takes frames to the sinks that may have them.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    policy : GatePolicy
        Says who may have what.
    doors : mapping of str to SinkDoor
        The sinks' ways out.
    hold : HoldQueue or None
        Where observers' frames wait.
    keeper : Keeper
        The way to the recorder.
    screen : Screen or None
        The content filter.
    giving : Giving or None
        The feedback of a protocol, which knows what each frame is of.
    late : LateWatch or None
        Says whether pictures come too late; None where that does not matter.
    counts : Counter
        The gate's counters.
    wall : Callable
        Returns the present date and time.
    watch : Callable
        Keeps beats, commands and views going; returns False once waiting has lost its sense.
    """

    def __init__(
        self,
        context: NodeContext,
        policy: GatePolicy,
        doors: Mapping[str, SinkDoor],
        hold: HoldQueue | None,
        keeper: Keeper,
        screen: Screen | None,
        giving: Giving | None,
        late: LateWatch | None,
        counts: Counter[str],
        wall: Callable[[], datetime],
        watch: Callable[[], bool],
    ) -> None:
        self._context, self._policy, self._doors = context, policy, doors
        self._hold, self._keeper, self._screen, self._giving = hold, keeper, screen, giving
        self._late, self._counts, self._wall, self._watch = late, counts, wall, watch
        self._least = context.plan.session.renderer.min_confidence

    @property
    def busy(self) -> bool:
        """Whether a frame is being looked at by the content filter: the next one has to wait."""
        return self._screen is not None and self._screen.busy

    def step(self, frames: FrameInlet) -> None:
        """Judge the frames that wait, and send what was held for long enough."""
        if self._screen is not None:
            for frame, passed in self._screen.settled():
                self._show(frame if passed else self._card(frame, FILTERED))
        if not self.busy:
            for frame in frames.waiting():
                self.judge(frame)
        self._pass_held()

    def judge(self, frame: Message) -> None:
        """Let a frame go its way: first to the content filter, where there is one."""
        header: Frame = frame.header
        late = self._late is not None and self._late.holds(header, self._context.clock.now())
        if header.state != "picture":
            frame = self._neutral(frame)
        elif late:
            frame = self._card(frame, LATE)
        elif not header.confidence >= self._least:
            # The renderer stays neutral by itself; here nothing depends on that. What is no number
            # is below every threshold.
            frame = self._card(frame, UNSURE)
        if self._screen is None or frame.header.state != "picture":
            self._show(frame)
        elif not self._screen.put(frame):
            self._show(self._card(frame, FILTERED))

    def forget(self) -> int:
        """Forget what waits; return how many frames that were."""
        if self._late is not None:
            self._late.rule.forget()
        waiting = 0 if self._screen is None else self._screen.forget()
        held = 0 if self._hold is None else self._hold.clear()
        return self._keeper.drop() + held + waiting

    def _neutral(self, frame: Message) -> Message:
        """Put the gate's own neutral frame in place of what the renderer calls so."""
        own, honest = neutralised(frame)
        if not honest:
            self._counts["frames_not_neutral"] += 1
            self._context.note = "the renderer calls neutral what is not: the gate shows its own"
        return own

    def _card(self, frame: Message, why: str) -> Message:
        self._counts["frames_filtered" if why == FILTERED else "frames_carded"] += 1
        return carded(frame, why)

    def _show(self, frame: Message) -> None:
        """Send a frame to each sink that may have it, at that sink's level."""
        clock = self._context.clock
        allowed = reached = 0
        # Of what was in the brain during rest nobody sees a picture, however late it is painted,
        # and none is recorded: a replay would show it.
        rest = self._follow(frame.header)
        if not rest:
            for door in self._doors.values():
                # Asked anew for each sink: a wait may have outlived the permission of the next.
                verdict = self._policy.verdict(door.sink, clock.now(), self._wall())
                if not verdict.passing:
                    continue
                allowed += 1
                if self._hold is not None and door.sink == HELD_SINK:
                    copy = addressed(frame, HELD_SINK, verdict.level, clock.now())
                    if copy is not None:
                        self._hold.put(copy, clock.now())
                    continue
                still = self._still(door, self._policy.verdict)
                reached += door.send(frame, verdict.level, clock.now, still)
        name = "passed" if reached else "unwatched" if allowed else "blanked"
        self._counts[f"frames_{name}"] += 1
        if not rest:
            self._record(frame)

    def _record(self, frame: Message) -> None:
        """Send a frame to the recorder, where it may have it."""
        clock = self._context.clock
        verdict = self._policy.verdict(RECORDER_SINK, clock.now(), self._wall())
        copy = addressed(frame, RECORDER_SINK, verdict.level, clock.now())
        if copy is not None:
            self._keeper.withhold(copy, clock.now())
            self._keeper.send(clock.now())

    def _follow(self, header: Frame) -> str:
        """Go to the time that a frame is of; return why no sink may have it, for its sake."""
        if self._giving is None:
            return ""
        times = self._giving.times(header.percept_seq)
        if self._context.plan.lossless:
            times = times or self._waited_for(header.percept_seq)
            self._giving.rule.turn_to(None if times is None else times[0])
            self._watch()
        if header.state != "picture":
            return ""
        return self._giving.rule.no_picture_of(None if times is None else times[1])

    def _waited_for(self, percept_seq: int) -> tuple[float, float] | None:
        """Wait a moment for a percept: another socket than the frame's may be slower."""
        assert self._giving is not None  # noqa: S101
        clock, found = self._context.clock, None
        for _ in range(WAITS):
            if percept_seq < 0 or (found := self._giving.times(percept_seq)) or not self._watch():
                break
            clock.wait_until(clock.now() + WAIT_S)
        return found

    def _pass_held(self) -> None:
        """Send observers what was waited for; once they may see nothing, it is forgotten."""
        if self._hold is None or not len(self._hold):
            return
        clock, door = self._context.clock, self._doors[HELD_SINK]
        # Blocks were asked about when it came: what is due may be of one that is over.
        verdict = self._policy.covered(HELD_SINK, clock.now(), self._wall())
        if not verdict.passing:
            self._hold.clear()
            return
        for message in self._hold.due(clock.now()):
            if isinstance(message.header, Feedback):
                door.give(message)
            else:
                still = self._still(door, self._policy.covered)
                door.send(message, verdict.level, clock.now, still)

    def _still(self, door: SinkDoor, judged: Judge) -> Callable[[], bool]:
        def still() -> bool:
            alive, now = self._watch(), self._context.clock.now()
            return alive and judged(door.sink, now, self._wall()).passing

        return still
