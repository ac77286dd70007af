"""The gate's shell: beats and frames in, judged frames, views and grants out.

It blanks by silence: where a verdict says no, no pixel is sent, and the sink is told ten times a
second. A gate that hangs or dies sends no view, and a sink without a fresh view blanks itself.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zmq

from phosphene.bus import Publisher, Puller, Pusher, Subscriber
from phosphene.clock import wall_time_s
from phosphene.errors import MessageError, NodeError, problem
from phosphene.gate.diary import GateDiary
from phosphene.gate.door import SinkDoor, addressed
from phosphene.gate.policy import RECORDER_SINK, STREAM_SINK, GatePolicy
from phosphene.gate.results import ResultsDoor
from phosphene.messages import (
    Beat,
    Command,
    Frame,
    Grant,
    Message,
    Reply,
    decode,
    encode,
    topic_of,
)
from phosphene.node import NodeContext
from phosphene.plan import SINKS, Plan

__all__ = ["GateNode"]

VIEW_S = 0.1
GRANT_S = 0.25
RECORD_STATE_S = 1.0
BEAT_TOLD_S = 0.5
FRAMES_PER_STEP = 16
MOST_WAITING = 1000
QUEUE_IN_LOSSLESS = 100_000
BLANK_FILE = "blanked"
SUPERVISOR = "supervisor"
OUTLETS = "outlets"
COUNTERS = (
    "frames_seen",
    "frames_passed",  # reached at least one viewing sink
    "frames_blanked",  # no sink was allowed to have it
    "frames_unwatched",  # allowed, but nobody was there
    "frames_skipped",  # overtaken by a newer one before it was judged
    "malformed",
    "results_passed",
    "results_blanked",
)


def _utc_now() -> datetime:
    return datetime.fromtimestamp(wall_time_s(), UTC)


def _policy(plan: Plan, blank_file: Path) -> GatePolicy:
    settings = plan.session.gate
    levels = {
        "self": settings.level_self,
        "operator": settings.level_operator,
        "observer": settings.level_observer,
        RECORDER_SINK: 4 if plan.out is not None and plan.session.recorder.images else 0,
        STREAM_SINK: 4 if plan.session.results.stream else 0,
    }
    peers = [*(n for n in plan.nodes if n != "gate"), SUPERVISOR]
    # A blank survives a restart of the gate: only a person takes it back.
    blanked = blank_file.read_text(encoding="utf-8") if blank_file.is_file() else None
    return GatePolicy(peers, settings.bond_s, plan.session.person, plan.consent, levels, blanked)


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
        self._blank_file = context.plan.folder / BLANK_FILE
        self.policy = _policy(context.plan, self._blank_file)
        self._diary = GateDiary(context.plan.audit, context.plan.run)
        self._counts: Counter[str] = Counter()
        self._to_record: deque[Message] = deque()
        self._recorded_beats: dict[str, tuple[str, float]] = {}
        self._told_beats: dict[str, tuple[tuple[int, str, str], float]] = {}
        self._view_due_s = self._grant_due_s = context.clock.now()
        self._open()

    def _open(self) -> None:
        context, lossless = self._context, self._plan.lossless
        self._bonds = Puller(context.zmq, context.endpoint("bonds"))
        self._frames = Subscriber(context.zmq, [], [topic_of(Frame)])
        if lossless:
            # The renderer's link is not acknowledged; here its frames wait instead of being lost.
            self._frames.socket.rcvhwm = QUEUE_IN_LOSSLESS
        self._frames.socket.connect(context.endpoint("renderer"))
        self._grants = Publisher(context.zmq, context.endpoint("grants"))
        self._doors = {
            sink: SinkDoor(sink, Publisher(context.zmq, context.endpoint(f"view-{sink}")), lossless)
            for sink in SINKS
        }
        streams = OUTLETS in self._plan.nodes
        self._results = ResultsDoor(context) if streams else None
        self._told = [*self._doors.values(), *([self._results.door] if self._results else [])]
        self._records: Pusher | None = None
        if "recorder" in self._plan.nodes:
            self._records = Pusher(
                context.zmq,
                context.endpoint("records"),
                block=lossless,
                alive=lambda: self._alive_while_waiting("recorder"),
            )
        self._control: zmq.Socket[bytes] = context.zmq.socket(zmq.ROUTER)
        self._control.linger = 200
        self._control.bind(context.endpoint("gate-control"))

    # ---- what the shell asks for ----------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the sockets whose arrival should wake the node."""
        results = [self._results.socket] if self._results else []
        return [self._bonds.socket, self._frames.socket, self._control, *results]

    def due_s(self) -> float | None:
        """Return when the next view or grant is due."""
        return min(self._view_due_s, self._grant_due_s)

    def counts(self) -> Mapping[str, int]:
        """Return the counters of frames; each frame seen has one of four fates."""
        dropped = self._counts["records_dropped"] + (self._records.dropped if self._records else 0)
        return {name: self._counts[name] for name in COUNTERS} | {"records_dropped": dropped}

    def done(self) -> bool:
        """Return False: the gate keeps watch until it is told to stop."""
        return False

    def step(self) -> None:
        """Take in beats and commands, then judge the frames that are waiting."""
        self._watch()
        for message in self._waiting_frames():
            self._judge(message)
        self._pass_results()
        self._record_waiting()

    def close(self) -> None:
        """Tell every sink that nothing comes any more and close the sockets."""
        self.policy.blank("the gate has stopped")
        self._send_views(self._context.clock.now())
        self._record_waiting()
        for door in self._doors.values():
            door.close()
        for socket in (self._bonds, self._frames, self._grants, self._records, self._results):
            if socket is not None:
                socket.close()
        self._control.close()
        self._diary.close()

    def command(self, command: Command) -> str:
        """Obey ``blank`` (argument reason), ``unblank``, ``status`` or ``go``."""
        if command.action == "blank":
            reason = command.arguments.get("reason", "") or "blanked by the operator"
            self._blank_file.touch(mode=0o600)
            self._blank_file.write_text(reason, encoding="utf-8")
            self.policy.blank(reason)
        elif command.action == "unblank":
            self._blank_file.unlink(missing_ok=True)
            self.policy.unblank()
        elif command.action not in ("status", "go"):
            raise NodeError(
                problem("command", command.action, "blank, unblank, status, go", "Send one.")
            )
        if command.action in ("blank", "unblank"):
            self._diary.order(command.action)
        self._send_views(self._context.clock.now())
        return self._status()

    # ---- signals -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Keep bonds, commands, views and grants going; never waits for anybody."""
        self._take_beats()
        self._take_commands()
        now = self._context.clock.now()
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
                self._record_beat(message, now)
                self._tell_beat(message, now)

    def _record_beat(self, message: Message, now: float) -> None:
        """Keep one beat a second of each node, and each change of state, for the recording."""
        header = message.header
        state, since = self._recorded_beats.get(header.producer, ("", -1.0))
        if header.state != state or now - since >= RECORD_STATE_S:
            self._recorded_beats[header.producer] = (header.state, now)
            self._keep(message)

    def _tell_beat(self, message: Message, now: float) -> None:
        """Pass beats on to windows: changes of state or note, sentences, else twice a second."""
        header = message.header
        news = (header.pid, header.state, header.note)
        told, since = self._told_beats.get(header.producer, (None, -1.0))
        if news != told or header.sentences or now - since >= BEAT_TOLD_S:
            self._told_beats[header.producer] = (news, now)
            self._grants.send(message)

    def _take_commands(self) -> None:
        while True:
            try:
                identity, *frames = self._control.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            envelope = [identity, b""] if frames[:1] == [b""] else [identity]
            try:
                command = decode(frames[len(envelope) - 1 :]).header
            except MessageError:
                self._counts["malformed"] += 1
                continue
            if isinstance(command, Command):
                self._control.send_multipart([*envelope, *encode(self._answer(command))])

    def _answer(self, command: Command) -> Message:
        try:
            ok, text = True, self.command(command)
        except NodeError as error:
            ok, text = False, str(error)
        now = self._context.clock.now()
        return self._context.message(Reply, t_acquired=now, id=command.id, ok=ok, text=text)

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
            message, changed = door.tell(verdict, self._plan.run, now)
            if changed or now - door.recorded_s >= RECORD_STATE_S:
                door.recorded_s = now
                self._keep(message)
        self._view_due_s = now + VIEW_S

    def _send_grant(self, now: float) -> None:
        wall = self._wall()
        decode_allowed, reason = self.policy.may_decode(wall)
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
        )
        self._grants.send(grant)
        if grant.header.seq % round(RECORD_STATE_S / GRANT_S) == 0:
            self._keep(grant)
        self._grant_due_s = now + GRANT_S

    # ---- frames --------------------------------------------------------------------------------

    def _waiting_frames(self) -> list[Message]:
        """Return the frames to judge: all in lossless plans, otherwise only the newest."""
        frames: list[Message] = []
        limit = FRAMES_PER_STEP if self._plan.lossless else 1000
        while len(frames) < limit:
            message = self._received(lambda: self._frames.socket.recv_multipart(zmq.NOBLOCK))
            if message is None:
                break
            if isinstance(message.header, Frame):
                frames.append(message)
        self._counts["frames_seen"] += len(frames)
        if not self._plan.lossless and len(frames) > 1:
            self._counts["frames_skipped"] += len(frames) - 1
            frames = frames[-1:]
        return frames

    def _judge(self, frame: Message) -> None:
        """Send a frame to each sink that may have it, at that sink's level."""
        allowed = reached = 0
        clock = self._context.clock
        for door in self._doors.values():
            # Asked anew for each sink: a wait at one may have outlived the permission of the next.
            verdict = self.policy.verdict(door.sink, clock.now(), self._wall())
            if verdict.passing:
                allowed += 1
                reached += door.send(frame, verdict.level, clock.now, self._still(door))
        name = "passed" if reached else "unwatched" if allowed else "blanked"
        self._counts[f"frames_{name}"] += 1
        verdict = self.policy.verdict(RECORDER_SINK, clock.now(), self._wall())
        copy = addressed(frame, RECORDER_SINK, verdict.level, clock.now())
        if copy is not None:
            self._keep(copy)
            self._record_waiting()

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

    def _keep(self, message: Message) -> None:
        """Queue a message for the recorder; while that one stands still, only so many."""
        if len(self._to_record) < MOST_WAITING:
            self._to_record.append(message)
        else:
            self._counts["records_dropped"] += 1

    def _record_waiting(self) -> None:
        while self._to_record:
            message = self._to_record.popleft()
            if self._records is not None:
                self._records.send(message)
