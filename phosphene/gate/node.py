"""The gate's shell: beats and frames in, judged frames, views and grants out.

It blanks by silence: where a verdict says no, no pixel is sent, and the sink is told ten times a
second. A gate that hangs or dies sends no view, and a sink without a fresh view blanks itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import zmq

from phosphene.bus import Publisher, Puller, Pusher, Subscriber
from phosphene.clock import wall_time_s
from phosphene.consent.withdrawal import withdrawn_in
from phosphene.errors import MessageError
from phosphene.feedback.protocol import DataClock
from phosphene.gate.beats import RECORD_STATE_S, BeatSieve
from phosphene.gate.card import carded
from phosphene.gate.desk import Desk
from phosphene.gate.diary import GateDiary
from phosphene.gate.door import SinkDoor, addressed
from phosphene.gate.frames import FrameInlet
from phosphene.gate.keeping import Keeper
from phosphene.gate.markers import Markers
from phosphene.gate.memory import GateMemory
from phosphene.gate.orders import Orders
from phosphene.gate.policy import RECORDER_SINK, STREAM_SINK
from phosphene.gate.results import ResultsDoor
from phosphene.gate.roles import Role
from phosphene.gate.rules import COUNTERS, confirms_after_crash, holding, policy_of
from phosphene.gate.window import end_frozen
from phosphene.messages import (
    Beat,
    Command,
    Event,
    Grant,
    Message,
    Quality,
    decode,
    topic_of,
)
from phosphene.node import NodeContext
from phosphene.plan import SINKS

__all__ = ["GateNode"]

VIEW_S = 0.1
GRANT_S = 0.25
BEAT_WAIT_MS = 10
WINDOW, STOP = "gui", "stop"
WATCHERS = frozenset({"gui", "sink"})
HELD_SINK = "observer"
OUTLETS = "outlets"


def _utc_now() -> datetime:
    return datetime.fromtimestamp(wall_time_s(), UTC)


class GateNode:
    """The privacy gate.

    Parameters
    ----------
    context : NodeContext
        What the shell lends.
    wall : Callable
        Returns the present date and time with zone, for the expiry of consent.
    """

    def __init__(self, context: NodeContext, wall: Callable[[], datetime] = _utc_now) -> None:
        self._context, self._wall = context, wall
        self._plan = context.plan
        self._memory = GateMemory(context.plan.folder)
        self.policy = policy_of(context.plan, self._memory)
        self._diary = GateDiary(context.plan.audit, context.plan.run)
        self._counts: Counter[str] = Counter()
        self._beats = BeatSieve()
        self._pids: dict[str, int] = {}
        self._least = context.plan.session.renderer.min_confidence
        self._view_due_s = self._grant_due_s = context.clock.now()
        self._watched = WATCHERS.isdisjoint(context.plan.nodes)
        self._hold = holding(context.plan)
        person = context.plan.session.person
        self._present = DataClock(None if context.plan.lossless else context.plan.speed)
        self._markers = Markers(context, self._present.now, self._marked)
        self._orders = Orders(
            self.policy, self._hold, self._memory, self._diary, context.clock, person, self._stop,
            self._markers.mark,
        )  # fmt: skip
        if self._memory.fell:
            self._came_back("gate")
        self._open()

    def _open(self) -> None:
        context, lossless = self._context, self._plan.lossless
        self._bonds = Puller(context.zmq, context.endpoint("bonds"))
        self._frames = FrameInlet(context, self._counts, self._ready)
        self._grants = Publisher(context.zmq, context.endpoint("grants"))
        self._doors = {
            sink: SinkDoor(sink, Publisher(context.zmq, context.endpoint(f"view-{sink}")), lossless)
            for sink in SINKS
        }
        streams = OUTLETS in self._plan.nodes
        self._results = ResultsDoor(context) if streams else None
        self._told = [*self._doors.values(), *([self._results.door] if self._results else [])]
        topics = [topic_of(Quality), *([topic_of(Event)] if self.policy.task else [])]
        self._events = Subscriber(context.zmq, [context.endpoint("acquisition")], topics)
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
        self._desk = Desk(context, self._told_to, self._diary.refused)

    # ---- what the shell asks for ----------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the sockets whose arrival should wake the node."""
        results = [self._results.socket] if self._results else []
        own = (self._bonds, self._frames, self._desk, self._events)
        return [*(part.socket for part in own), *results]

    def due_s(self) -> float | None:
        """Return when the next view or grant is due."""
        return min(self._view_due_s, self._grant_due_s)

    def counts(self) -> Mapping[str, int]:
        """Return the counters of frames; each frame seen has one of four fates."""
        held = {
            "records_dropped": self._keeper.dropped,
            "frames_held": 0 if self._hold is None else len(self._hold),
        }
        counts = {name: self._counts[name] for name in COUNTERS}
        return counts | held | {"malformed": counts["malformed"] + self._desk.malformed}

    def done(self) -> bool:
        """Return False: the gate keeps watch until it is told to stop."""
        return False

    def step(self) -> None:
        """Take in beats and commands, then judge the frames that are waiting."""
        self._watch()
        for message in self._frames.waiting():
            self._judge(message)
        self._pass_held()
        self._pass_results()
        self._keeper.send(self._context.clock.now())

    def close(self) -> None:
        """Tell every sink that nothing comes any more and close the sockets."""
        self.policy.blank("the gate has stopped")
        now = self._context.clock.now()
        self._send_views(now)
        for message in self._frames.rest():
            self._judge(message)
        self._keeper.send(now, all_of_them=True)
        for door in self._doors.values():
            door.close()
        for socket in (self._bonds, self._frames, self._grants, self._results, self._events):
            if socket is not None:
                socket.close()
        self._keeper.close()
        self._desk.close()
        self._diary.close()
        self._memory.close()

    def command(self, command: Command) -> str:
        """Obey the supervisor: ``go``, ``status``, and what the operator may ask for."""
        return self._status() if command.action == "go" else self._told_to(command, "operator")

    def _told_to(self, command: Command, role: Role) -> str:
        self._orders.obey(command, role)
        now = self._context.clock.now()
        self._send_views(now)
        if command.action != "status":
            self._send_grant(now)
        return self._status()

    # ---- the participant's stop -----------------------------------------------------------------

    def _hear_stop(self, beat: Beat) -> None:
        change = self.policy.latch.hear(beat.pid, beat.counts.get("presses", 0))
        if change == "stopped":
            self._stopped("device")
        elif change == "tested":
            self._diary.stop("tested", "device")
        self._memory.keep_stop(self.policy.latch.memory)

    def _hear_withdrawal(self) -> None:
        if not self.policy.withdrawn and (why := withdrawn_in(self._plan.folder)):
            self.policy.withdraw(why)
            self._stopped("withdrawal")

    def _stop(self, source: str) -> None:
        if self.policy.latch.stop():
            self._stopped(source)

    def _stopped(self, source: str) -> None:
        """Blank first; then forget what has not reached anybody yet."""
        now = self._context.clock.now()
        self._send_views(now)
        self._send_grant(now)
        dropped = self._keeper.drop() + (0 if self._hold is None else self._hold.clear())
        self._diary.stop("stopped", source, dropped)
        self._end_frozen_window(now)

    def _end_frozen_window(self, now: float) -> None:
        """End a window that stands still: it cannot blank the screen itself."""
        pid = self._pids.get(WINDOW, 0)
        frozen = WINDOW in self._plan.nodes and not self.policy.bonded(WINDOW, now)
        if pid and frozen and end_frozen(pid):
            self._pids[WINDOW] = 0
            self._diary.fell(WINDOW)

    def _came_back(self, node: str) -> None:
        """Take note that a process fell and is back: in live runs only a person goes on."""
        if confirms_after_crash(self._plan) and self.policy.blanked is None:
            self._diary.fell(node)
            self._orders.blank(f"{node} fell and was started again: unblank to go on")

    # ---- signals -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Keep bonds, commands, views and grants going; never waits for anybody."""
        self._take_beats()
        self._take_events()
        self._desk.take()
        self._hear_withdrawal()
        now = self._context.clock.now()
        if self.policy.latch.phase == "stopped":
            self._end_frozen_window(now)
        wall = self._wall()
        changed = any(d.verdict != self.policy.verdict(d.sink, now, wall) for d in self._told)
        if changed or now >= self._view_due_s:
            self._send_views(now)
        if now >= self._grant_due_s:
            self._send_grant(now)

    def _alive_while_waiting(self, peer: str) -> bool:
        """Keep watch while a link is full; return False when waiting has lost its sense."""
        self._watch()
        alive = self._context.beat(self.counts())
        return alive and self.policy.bonded(peer, self._context.clock.now())

    def _received(self, receive: Callable[[], Any]) -> Any:
        """Return the next message of a socket, None when there is none; bad ones are counted."""
        while True:
            try:
                return decode(receive())
            except zmq.Again:
                return None
            except MessageError:
                self._counts["malformed"] += 1

    def _take_beats(self) -> None:
        now = self._context.clock.now()
        while True:
            message = self._received(lambda: self._bonds.socket.recv_multipart(zmq.NOBLOCK))
            if message is None:
                return
            header = message.header
            if isinstance(header, Beat) and header.run == self._plan.run:
                self.policy.beat(header.producer, header.state, header.t_sent, now)
                if header.pid != self._pids.get(header.producer, header.pid):
                    self._came_back(header.producer)
                self._pids[header.producer] = header.pid
                if header.producer == STOP:
                    self._hear_stop(header)
                if self._beats.to_record(header, now):
                    self._keeper.keep(message)
                if self._beats.to_tell(header, now):
                    self._grants.send(message)

    def _take_events(self) -> None:
        task, read = self.policy.task, self._events.socket.recv_multipart
        while (message := self._received(lambda: read(zmq.NOBLOCK))) is not None:
            header = message.header
            if isinstance(header, Quality):
                self._present.saw(header.t_data, header.t_acquired)
            elif isinstance(header, Event) and task is not None:
                task.event(header.label, header.duration_s, self._context.clock.now())

    def _marked(self, event: Message) -> None:
        self._grants.send(event)
        self._keeper.keep(event)

    def _status(self) -> str:
        now, wall = self._context.clock.now(), self._wall()
        words = []
        for sink in (*SINKS, RECORDER_SINK):
            verdict = self.policy.verdict(sink, now, wall)
            state = f"passing at level {verdict.level}" if verdict.passing else verdict.reason
            words.append(f"{sink}: {state}")
        return " | ".join(words)

    def _send_views(self, now: float) -> None:
        wall = self._wall()
        for door in self._told:
            verdict = self.policy.verdict(door.sink, now, wall)
            self._diary.view(door.sink, verdict)
            message, changed = door.tell(verdict, self.policy.phase, self._plan.run, now)
            if changed or now - door.recorded_s >= RECORD_STATE_S:
                door.recorded_s = now
                self._keeper.keep(message)
        self._view_due_s = now + VIEW_S

    def _send_grant(self, now: float) -> None:
        wall = self._wall()
        decode_allowed, reason = self.policy.may_decode(wall, now)
        scopes = self.policy.scopes(wall)
        self._diary.grant(scopes, decode=decode_allowed)
        if self._diary.failure:
            self._context.note = self._diary.failure
        grant = self._context.message(
            Grant,
            t_acquired=now,
            person=self._plan.session.person,
            scopes=scopes,
            decode=decode_allowed,
            reason=reason,
            phase=self.policy.phase,
        )
        self._grants.send(grant)
        if grant.header.seq % round(RECORD_STATE_S / GRANT_S) == 0:
            self._keeper.keep(grant)
        self._grant_due_s = now + GRANT_S

    # ---- frames --------------------------------------------------------------------------------

    def _ready(self) -> bool:
        """Return whether every process is there to see a frame through; asked at full speed."""
        self._watched = self._watched or any(d.watched() for d in self._doors.values())
        if self._watched and not self.policy.lost_bonds(self._context.clock.now()):
            return True
        # Frames that wait would wake the loop at once; a beat is what it waits for.
        self._bonds.socket.poll(BEAT_WAIT_MS)
        return False

    def _judge(self, frame: Message) -> None:
        """Send a frame to each sink that may have it, at that sink's level."""
        header = frame.header
        if header.state == "picture" and header.confidence < self._least:
            # The renderer stays neutral by itself; here nothing depends on that.
            frame = carded(frame)
            self._counts["frames_carded"] += 1
        allowed = reached = 0
        clock = self._context.clock
        for door in self._doors.values():
            # Asked anew for each sink: a wait at one may have outlived the permission of the next.
            verdict = self.policy.verdict(door.sink, clock.now(), self._wall())
            if not verdict.passing:
                continue
            allowed += 1
            if self._hold is not None and door.sink == HELD_SINK:
                copy = addressed(frame, HELD_SINK, verdict.level, clock.now())
                if copy is not None:
                    self._hold.put(copy, clock.now())
                continue
            reached += door.send(frame, verdict.level, clock.now, self._still(door))
        name = "passed" if reached else "unwatched" if allowed else "blanked"
        self._counts[f"frames_{name}"] += 1
        verdict = self.policy.verdict(RECORDER_SINK, clock.now(), self._wall())
        copy = addressed(frame, RECORDER_SINK, verdict.level, clock.now())
        if copy is not None:
            self._keeper.withhold(copy, clock.now())
            self._keeper.send(clock.now())

    def _pass_held(self) -> None:
        """Send observers what was waited for; once they may see nothing, it is forgotten."""
        if self._hold is None or not len(self._hold):
            return
        clock, door = self._context.clock, self._doors[HELD_SINK]
        verdict = self.policy.verdict(HELD_SINK, clock.now(), self._wall())
        if not verdict.passing:
            self._hold.clear()
            return
        for frame in self._hold.due(clock.now()):
            door.send(frame, verdict.level, clock.now, self._still(door))

    def _pass_results(self) -> None:
        """Hand results on to the outlets of other programs while that is allowed."""
        if self._results is None:
            return
        for percept in self._results.waiting(self._received):
            verdict = self.policy.verdict(STREAM_SINK, self._context.clock.now(), self._wall())
            passed = verdict.passing and self._results.send(self._context, percept)
            self._counts["results_passed" if passed else "results_blanked"] += 1

    def _still(self, door: SinkDoor) -> Callable[[], bool]:
        def still() -> bool:
            self._watch()
            now = self._context.clock.now()
            alive = self._context.beat(self.counts())
            return alive and self.policy.verdict(door.sink, now, self._wall()).passing

        return still
