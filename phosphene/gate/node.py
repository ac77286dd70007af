"""The gate's shell: beats and frames in, judged frames, feedback, views and grants out.

It blanks by silence: where a verdict says no, no pixel is sent, and the sink is told ten times a
second. A gate that hangs or dies sends no view, and a sink without a fresh view blanks itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import zmq

from phosphene.bus import Publisher, Pusher
from phosphene.clock import utc_now
from phosphene.feedback.protocol import DataClock
from phosphene.gate.beats import BeatSieve
from phosphene.gate.desk import Desk
from phosphene.gate.diary import GateDiary
from phosphene.gate.door import SinkDoor
from phosphene.gate.ears import Ears
from phosphene.gate.frames import FrameInlet
from phosphene.gate.giving import Giving, feedback_desk
from phosphene.gate.keeping import Keeper
from phosphene.gate.late import late_watch
from phosphene.gate.markers import Markers
from phosphene.gate.memory import GateMemory
from phosphene.gate.orders import Orders
from phosphene.gate.policy import RECORDER_SINK, STREAM_SINK
from phosphene.gate.relay import WindowRelay
from phosphene.gate.results import PerceptInlet, ResultsDoor
from phosphene.gate.roles import Role
from phosphene.gate.rules import COUNTERS, holding, policy_of
from phosphene.gate.screening import Screen
from phosphene.gate.showing import Showing
from phosphene.gate.stopping import Stopping
from phosphene.gate.telling import Telling
from phosphene.messages import Command, Event, Message, Quality, Signal, topic_of
from phosphene.node import NodeContext
from phosphene.plan import SINKS

__all__ = ["GateNode"]

WAIT_MS = 10
WINDOW = "gui"
WATCHERS = frozenset({WINDOW, "sink"})
OUTLETS = "outlets"


class GateNode:
    """The privacy gate.

    Parameters
    ----------
    context : NodeContext
        What the shell lends.
    wall : Callable
        Returns the present date and time with zone, for the expiry of consent.

    Raises
    ------
    ConfigError, SealError
        If a protocol or a content filter cannot be used.
    """

    def __init__(self, context: NodeContext, wall: Callable[[], datetime] = utc_now) -> None:
        self._context, self._wall, self._plan = context, wall, context.plan
        self._memory = GateMemory(context.plan.folder)
        self.policy = policy_of(context.plan, self._memory)
        self._diary = GateDiary(context.plan.audit, context.plan.run)
        self._counts: Counter[str] = Counter()
        self._beats, self._closed = BeatSieve(), False
        self._watched = WATCHERS.isdisjoint(context.plan.nodes)
        self._hold = holding(context.plan)
        self._present = DataClock(None if context.plan.lossless else context.plan.speed)
        self._markers = Markers(context, self._present.now, self._marked)
        self._orders = Orders(
            self.policy, self._hold, self._memory, self._diary, context.clock,
            context.plan.session.person, lambda role: self._stopping.stop(role), self._markers.mark,
        )  # fmt: skip
        self._stopping = Stopping(
            context, self.policy, self._memory, self._diary, lambda: self._telling.all(),
            self._forget, self._orders.blank,
        )  # fmt: skip
        if self._memory.fell:
            self._stopping.came_back("gate")
        protocol = context.plan.session.protocol
        # Before any socket: what is wrongly configured ends the run with its sentence.
        desk = None if protocol is None else feedback_desk(context, self.policy.latest(wall()))
        self._open_doors()
        self._giving: Giving | None = None
        if desk is not None:
            doors = {door.sink: door for door in self._told}
            self._giving = Giving(context, desk, self.policy, doors, self._hold, wall)
            self.policy.blocks = self._giving.rule
        self._telling = Telling(
            context, self.policy, self._told, self._keeper, self._diary, wall,
            feedback=desk is not None, held=self._hold is not None,
        )  # fmt: skip
        self._grants = self._telling.grants
        self._open_ears()
        self._late = late_watch(context, self._diary)
        self._showing = Showing(
            context, self.policy, self._doors, self._hold, self._keeper, self._screen,
            self._giving, self._late, self._counts, wall, self._watch_on,
        )  # fmt: skip

    def _open_doors(self) -> None:
        context, lossless = self._context, self._plan.lossless
        self._frames = FrameInlet(context, self._counts, self._ready)
        self._doors = {
            sink: SinkDoor(sink, Publisher(context.zmq, context.endpoint(f"view-{sink}")), lossless)
            for sink in SINKS
        }
        self._results = ResultsDoor(context) if OUTLETS in self._plan.nodes else None
        self._told = [*self._doors.values(), *([self._results.door] if self._results else [])]
        records: Pusher | None = None
        if "recorder" in self._plan.nodes:
            records = Pusher(
                context.zmq,
                context.endpoint("records"),
                block=lossless,
                alive=lambda: self._alive_while_waiting("recorder"),
            )
        stop = self._plan.session.stop
        withhold_s = stop.withhold_s if stop.present and not lossless else 0.0
        self._keeper = Keeper(records, withhold_s)
        chosen = self._plan.session.gate.filter
        self._screen = None if chosen is None else Screen(context, chosen, self._counts)

    def _open_ears(self) -> None:
        context, giving = self._context, self._giving
        topics = [topic_of(Quality), *([topic_of(Event)] if self.policy.task else [])]
        if giving is not None and giving.desk.needs is Signal:
            topics.append(topic_of(Signal))
        self._ears = Ears(context, topics, self._counts)
        self._bonds, self._events = self._ears.bonds, self._ears.acquisition
        self._percepts: PerceptInlet | None = None
        if self._plan.gate_hears_percepts:
            self._percepts = PerceptInlet(context)
        self._relay: WindowRelay | None = None
        if WINDOW in self._plan.nodes:
            door = self._doors["operator"]
            self._relay = WindowRelay(context, self.policy, door, giving, self._wall)
        self._desk = Desk(context, self._told_to, self._diary.refused)

    # ---- what the shell asks for ----------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the sockets whose arrival should wake the node."""
        own = (
            self._bonds, self._frames, self._desk, self._events, self._percepts, self._screen,
            self._relay,
        )  # fmt: skip
        return [part.socket for part in own if part is not None]

    def due_s(self) -> float | None:
        """Return when the next view or grant is due, or the time of a content filter is over."""
        filtered = None if self._screen is None else self._screen.due_s()
        return self._telling.due_s if filtered is None else min(self._telling.due_s, filtered)

    def counts(self) -> Mapping[str, int]:
        """Return the counters of frames; each frame seen has one of four fates."""
        held = {
            "records_dropped": self._keeper.dropped,
            "frames_held": 0 if self._hold is None else len(self._hold),
        }
        counts = {name: self._counts[name] for name in COUNTERS}
        given = {} if self._giving is None else self._giving.counts()
        return counts | held | given | {"malformed": counts["malformed"] + self._desk.malformed}

    def done(self) -> bool:
        """Return False: the gate keeps watch until it is told to stop."""
        return False

    def step(self) -> None:
        """Take in beats and commands, then percepts, then judge the frames that are waiting."""
        self._watch()
        self._take_percepts()
        self._showing.step(self._frames)
        if self._relay is not None:
            self._relay.step(self._ears.received)
        self._keeper.send(self._context.clock.now())

    def close(self) -> None:
        """Tell every sink that nothing comes any more and close the sockets; twice does no harm."""
        if self._closed:
            return
        self._closed = True
        self.policy.blank("the gate has stopped")
        self._telling.views()
        for message in self._frames.rest():
            self._showing.judge(message)
        if self._hold is not None:
            # An end is no release: what observers have not been shown by now they never get.
            self._counts["frames_unreleased"] += self._hold.clear()
        if self._context.stopping:
            # A press that waits counts: what it finds withheld goes to no recorder.
            self._take_beats()
        else:
            # It failed: whoever presses before it is back must find these frames unrecorded.
            self._keeper.drop()
        self._keeper.send(self._context.clock.now(), all_of_them=True)
        parts = (
            *self._doors.values(), self._ears, self._frames, self._telling, self._results,
            self._percepts, self._screen, self._giving, self._relay, self._keeper, self._desk,
            self._diary,
        )  # fmt: skip
        for part in parts:
            if part is not None:
                part.close()

    def command(self, command: Command) -> str:
        """Obey the supervisor: ``go``, ``status``, and what the operator may ask for."""
        return self._status() if command.action == "go" else self._told_to(command, "operator")

    def _told_to(self, command: Command, role: Role) -> str:
        self._orders.obey(command, role)
        self._telling.views()
        if command.action != "status":
            self._telling.grant()
        return self._status()

    # ---- signals -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Keep bonds, commands, views and grants going; never waits for anybody."""
        self._take_beats()
        self._take_told()
        self._desk.take()
        self._stopping.look()
        self._telling.look()
        if self._memory.failure:
            self._context.note = self._memory.failure
        if self._giving is not None:
            self._giving.tell_blocks()

    def _watch_on(self) -> bool:
        """Keep watch while something is waited for; return False when the gate has to end."""
        self._watch()
        self._take_percepts()
        return self._context.beat(self.counts())

    def _alive_while_waiting(self, peer: str) -> bool:
        """Keep watch while a link is full; return False when waiting has lost its sense."""
        return self._watch_on() and self.policy.bonded(peer, self._context.clock.now())

    def _take_beats(self) -> None:
        now = self._context.clock.now()
        for message in self._ears.beats():
            header = message.header
            self.policy.beat(header.producer, header.state, header.t_sent, now)
            if self.policy.silence is not None:
                self.policy.silence.beat(header, now)
            self._stopping.hear(header)
            if self._beats.to_record(header, now):
                self._keeper.keep(message)
            if self._beats.to_tell(header, now):
                self._telling.grants.send(message)

    def _take_told(self) -> None:
        task = self.policy.task
        for message in self._ears.told():
            header = message.header
            if isinstance(header, Quality):
                self._present.saw(header.t_data, header.t_acquired)
                if self.policy.silence is not None:
                    self.policy.silence.quality(header)
                if self._late is not None:
                    self._late.rule.quality(header)
            elif isinstance(header, Event) and task is not None:
                task.event(header.label, header.duration_s, self._context.clock.now())
            if self._giving is not None and isinstance(header, Quality | Signal):
                self._giving.hear(message)

    def _take_percepts(self) -> None:
        """Hand percepts to the window, to the feedback of a protocol or to programs' outlets."""
        if self._percepts is None:
            return
        for percept in self._percepts.waiting(self._ears.received):
            if self._relay is not None:
                self._relay.percept(percept)
            if self._giving is not None:
                self._giving.hear(percept)
            elif self._results is not None:
                verdict = self.policy.verdict(STREAM_SINK, self._context.clock.now(), self._wall())
                passed = verdict.passing and self._results.send(self._context, percept)
                self._counts["results_passed" if passed else "results_blanked"] += 1

    def _marked(self, event: Message) -> None:
        self._grants.send(event)
        self._keeper.keep(event)

    def _forget(self) -> int:
        """After a stop: forget what has not reached anybody yet; return how many frames."""
        if self._giving is not None:
            self._giving.forget()
        return self._showing.forget()

    def _status(self) -> str:
        now, wall = self._context.clock.now(), self._wall()
        words = []
        for sink in (*SINKS, RECORDER_SINK):
            verdict = self.policy.verdict(sink, now, wall)
            state = f"passing at level {verdict.level}" if verdict.passing else verdict.reason
            words.append(f"{sink}: {state}")
        return " | ".join(words)

    # ---- frames --------------------------------------------------------------------------------

    def _ready(self) -> bool:
        """Return whether every process is there to see a frame through; asked at full speed."""
        self._watched = self._watched or any(d.watched() for d in self._doors.values())
        waits = self._bonds.socket
        if self._showing.busy and self._screen is not None:
            waits = self._screen.socket
        elif self._watched and not self.policy.lost_bonds(self._context.clock.now()):
            return True
        # Frames that wait would wake the loop at once; a beat or an answer is what it waits for.
        waits.poll(WAIT_MS)
        return False
