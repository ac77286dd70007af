"""The recorder's shell: takes everything in, keeps what consent allows, never holds anybody up.

It always runs and counts; it writes only when the plan names a folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import zmq

from phosphene.bus import Puller, Subscriber
from phosphene.clock import utc_now
from phosphene.consent import Scope, why_not
from phosphene.consent.withdrawal import withdrawn_in
from phosphene.errors import ConfigError, MessageError, NodeError, RecordingError, problem
from phosphene.gate.dates import LatestDate
from phosphene.gate.memory import latest_in, stop_in
from phosphene.messages import (
    Command,
    Grant,
    Message,
    RunStart,
    RunStop,
    decode,
    encode,
    topic_of,
)
from phosphene.node import NodeContext
from phosphene.recorder.backlog import Backlog
from phosphene.recorder.documents import StopFacts, audit_facts, metadata_of, start_facts
from phosphene.recorder.gaps import GapWatch
from phosphene.recorder.names import is_unfinished, next_free, number_of
from phosphene.recorder.recover import recover_all
from phosphene.recorder.scribe import Scribe
from phosphene.recorder.writer import RecordingFile, create
from phosphene.seal.places import note
from phosphene.seal.retention import keep_until, seal_for
from phosphene.session_seal import pictures_lie_open

__all__ = ["RecorderNode", "scope_for"]

BRAIN_TOPICS = frozenset({"volume", "samples", "features", "percept", "statmap", "regions"})
OPEN_TOPICS = frozenset(
    {"quality", "event", "frameinfo", "painting", "view", "grant", "beat", "runstart", "runstop"}
)
MESSAGES_PER_STEP = 500
BACKLOG_BYTES = 128 * 2**20
CONSENT_CHECK_S = 0.1


def scope_for(topic: str) -> Scope | None:
    """Return the scope that recording a topic needs; None where it needs none.

    Raises
    ------
    RecordingError
        If messages of this topic are never recorded.
    """
    if topic in BRAIN_TOPICS:
        return Scope.RECORD_BRAIN
    if topic == "frame":
        return Scope.RECORD_IMAGES
    if topic in OPEN_TOPICS:
        return None
    raise RecordingError(problem("topic", topic, "a recorded topic", "Send it elsewhere."))


def _topic(message: Message) -> str:
    return topic_of(message.header).decode()


class RecorderNode:
    """Records one run.

    Parameters
    ----------
    context : NodeContext
        What the shell lends.
    wall : Callable
        Returns the present date and time with zone, for the expiry of consent.
    open_file : Callable, optional
        Opens the recording; for tests of a failing disk.
    backlog_bytes : int
        Room for messages that wait for the disk.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or the consent demands a seal and there is no key.
    SealError
        If a steward's public key cannot be read.
    """

    def __init__(
        self,
        context: NodeContext,
        wall: Callable[[], datetime] = utc_now,
        open_file: Callable[[Path], BinaryIO] | None = None,
        backlog_bytes: int = BACKLOG_BYTES,
    ) -> None:
        self._context, self._wall, self._plan = context, wall, context.plan
        self._counts: Counter[str] = Counter()
        self._gaps = GapWatch()
        self._stop = StopFacts()
        self._allowed: dict[Scope, bool] = {}
        # Started again, it must not record until somebody tells it what it could know.
        known = stop_in(self._plan.folder)
        self._stopped = known is not None and known.stopped
        self._resumed_s = float("-inf")
        self._dates = LatestDate(latest_in(self._plan.folder))
        self._consent_checked_s = float("-inf")
        self._backlog = Backlog(backlog_bytes)
        self._scribe: Scribe | None = None
        self._ended_s = context.clock.now()
        if self._plan.out is not None:
            self._scribe = self._begin(self._plan.out, open_file)
        self._records = Puller(context.zmq, context.endpoint("records"))
        # Whoever may send records could send a grant among them: only the gate's own are obeyed.
        self._grants = Subscriber(context.zmq, [context.endpoint("grants")], [b"grant"])

    def _begin(self, out: Path, open_file: Callable[[Path], BinaryIO] | None) -> Scribe:
        context, plan = self._context, self._plan
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            allowed = "a folder that can be written"
            raise ConfigError(
                problem("recorder.out", str(out), allowed, f"{error.strerror}: choose another.")
            ) from error
        recover_all(out, alive=lambda: context.beat({}))
        settings, begun = plan.session.recorder, self._wall()
        path = next_free(out, sealed=bool(settings.seal))
        part = number_of(path) or 1
        seal = seal_for(settings, plan.consent, plan.run, part, begun)
        file = RecordingFile(path, open_file or create, seal)
        self._tell_audit("recording begun", **audit_facts(file.header, part))
        now = context.clock.now()
        start = context.message(
            RunStart,
            t_acquired=now,
            person=plan.session.person,
            mode=plan.mode,
            modality=plan.session.modality,
            t_wall=begun.timestamp(),
            facts=start_facts(plan, part, keep_until(settings, plan.consent, begun)),
        )
        file.note("phosphene.start", metadata_of(start.header))
        file.add(start, encode(start))
        file.flush()
        return Scribe(file, self._backlog, context.clock.now)

    def _tell_audit(self, what: str, **facts: str) -> None:
        """Write a line of the audit log; a log that fails is told, and keeps nothing from going."""
        if self._plan.audit is not None and (
            why := note(what, folder=self._plan.audit, run=self._plan.run, **facts)
        ):
            self._context.note = why

    # ---- what the shell asks for ----------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the sockets whose arrival should wake the node."""
        return [self._records.socket, self._grants.socket]

    def due_s(self) -> float | None:
        """Return None: nothing is timed here."""
        return None

    def counts(self) -> Mapping[str, int]:
        """Return the counters: messages by fate, and by topic."""
        scribe = self._scribe
        fates = {
            "received": self._counts["received"],
            "written": scribe.written if scribe else 0,
            "withheld": self._counts["withheld"],  # consent does not cover them
            "dropped": self._counts["dropped"],  # the disk was too slow
            "lost": scribe.lost if scribe else 0,  # the disk failed
            "gaps": self._gaps.missing.total(),  # numbers that never arrived
            "malformed": self._counts["malformed"],
        }
        topics = {k: n for k, n in self._counts.items() if k.startswith("topic_")}
        return fates | self._extent() | topics

    def _extent(self) -> dict[str, int]:
        """Return bytes and seconds of the file, and what room its disk has; nothing without one."""
        scribe = self._scribe
        if scribe is None:
            return {}
        # A disk that has failed takes no more: the length is what it has become.
        until_s = self._context.clock.now() if scribe.result is None else self._ended_s
        self._ended_s = until_s
        found = {"bytes": scribe.size, "recording_s": int(until_s - scribe.begun_s)}
        return found if scribe.free is None else {**found, "disk_free": scribe.free}

    def done(self) -> bool:
        """Return False: the recorder goes on until it is told to stop."""
        return False

    def command(self, command: Command) -> str:
        """Obey ``go``, ``status`` and ``finish`` (exit_status, reason, interrupted, counts)."""
        if command.action == "finish":
            self._stop = StopFacts.from_arguments(command.arguments)
        elif command.action not in ("go", "status"):
            raise NodeError(problem("command", command.action, "go, status, finish", "Send one."))
        if self._scribe is None:
            return "counting only: no folder to record to"
        return self._scribe.failure or f"{self._scribe.written} messages written"

    def step(self) -> None:
        """Take in what has arrived."""
        scribe = self._scribe
        if scribe is not None:
            if not scribe.alive():
                raise RecordingError("the writing thread has ended unexpectedly; see above")
            if scribe.failure:
                self._context.note = scribe.failure
        self._hear()
        for _ in range(MESSAGES_PER_STEP):
            # In lossless plans a full queue is felt by the senders, who then wait.
            if self._plan.lossless and not self._backlog.wait_for_room(0.05):
                return
            if not self._take():
                return

    def close(self) -> None:
        """Take in the rest, write the stop document and finish the file."""
        while self._take():
            self._context.beat(self.counts())
        if self._scribe is not None:
            now = self._context.clock.now()
            stop = self._context.message(
                RunStop,
                t_acquired=now,
                exit_status=self._stop.exit_status,
                reason=self._stop.reason,
                interrupted=self._stop.interrupted,
                counts=self._stop.counts,
            )
            self._scribe.finish(stop, metadata_of(stop.header))
            self._context.note = self._scribe.failure
            left = self._scribe.result
            state = "finished" if left is not None and not is_unfinished(left) else "cut off"
            self._tell_audit(f"recording {state}", messages=str(self._scribe.written))
        self._records.close()
        self._grants.close()

    # ---- messages --------------------------------------------------------------------------------

    def _take(self) -> bool:
        """Receive one message; return False when none is waiting."""
        try:
            frames = self._records.socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return False
        self._counts["received"] += 1
        self._hear()
        try:
            message = decode(frames)
            topic = bytes(frames[0]).decode()
            scope = scope_for(topic)
        except (MessageError, RecordingError):
            self._counts["malformed"] += 1
            return True
        self._counts[f"topic_{topic}"] += 1
        self._gaps.see(message.header)
        if not self._may_keep(scope, message.header.t_sent):
            self._counts["withheld"] += 1
        elif self._scribe is not None:
            self._keep(message, frames)
        return True

    def _hear(self) -> None:
        """After the participant's stop nothing of the person is kept, nor what waits for the disk.

        What was written stays: it is covered by the consent, and can be erased. What was sent while
        it was stopped, and comes late, is not kept either.
        """
        for message in self._grants.receive():
            grant: Grant = message.header
            before, self._stopped = self._stopped, grant.phase == "stopped"
            if before and not self._stopped:
                self._resumed_s = grant.t_sent
            if self._stopped:
                lost = self._backlog.drop(lambda waiting: scope_for(_topic(waiting)) is not None)
                self._counts["withheld"] += lost

    def _keep(self, message: Message, frames: list[Any]) -> None:
        while not self._backlog.offer(message, frames):
            if not self._plan.lossless or self._scribe is None or not self._scribe.alive():
                self._counts["dropped"] += 1
                return
            self._context.beat(self.counts())
            self._backlog.wait_for_room(0.05)

    def _may_keep(self, scope: Scope | None, sent_s: float) -> bool:
        if scope is None:
            return True
        if self._stopped or not sent_s >= self._resumed_s:
            return False
        now = self._context.clock.now()
        if now - self._consent_checked_s >= CONSENT_CHECK_S:
            self._consent_checked_s = now
            wall, person = self._dates.of(self._wall()), self._plan.session.person
            withdrawn = withdrawn_in(self._plan.folder) is not None
            self._allowed = {
                s: not withdrawn and why_not(self._plan.consent, s, person, wall) is None
                for s in (Scope.RECORD_BRAIN, Scope.RECORD_IMAGES)
            }
        plan = self._plan
        # The run was refused for it already; here it holds whoever has written the plan.
        images_off = scope is Scope.RECORD_IMAGES and (
            not plan.session.recorder.images
            or pictures_lie_open(plan.session, plan.consent, plan.mode)
        )
        brain_off = scope is Scope.RECORD_BRAIN and not plan.session.recorder.brain
        return self._allowed[scope] and not images_off and not brain_off
