"""The supervisor: brings the nodes of a run up in order and down in reverse.

It waits for readiness before data flows, watches beats and exits, starts a fallen node again (the
run is then marked interrupted; the gate, which misses the node's beat, blanks every view meanwhile)
and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from phosphene.bus import RunFolder
from phosphene.clock import Clock, MonotonicClock
from phosphene.discretion import Discretion
from phosphene.errors import NodeError
from phosphene.flood import Flood
from phosphene.messages import Beat, Reply
from phosphene.node import CONFIG_EXIT
from phosphene.plan import Plan
from phosphene.supervisor.child import Child, NodeSpec
from phosphene.supervisor.control import ControlRoom
from phosphene.supervisor.distant import Distant
from phosphene.supervisor.guest import Guest
from phosphene.supervisor.leaving import Leaving
from phosphene.supervisor.outcome import Outcome, Snapshot
from phosphene.supervisor.patience import READY_TIMEOUT_S, patience_s
from phosphene.supervisor.policy import RestartPolicy
from phosphene.supervisor.standstill import Wakefulness
from phosphene.supervisor.tally import Tally

__all__ = ["Supervisor"]

# A node's watchdog comes first; this is for one that is stopped altogether.
BEAT_GRACE_S = 2.0
REPLY_TIMEOUT_S = 3.0
TICK_S = 0.05
# Even the quickest restart keeps the views blank for long enough that every sink notices.
LEAST_BLANK_S = 1.0
# A longer gap between two of its own ticks: the supervisor itself stood still (Ctrl-Z).
OWN_GAP_S = 1.0


@dataclass
class _Return:
    """A fallen node on its way back: when it must be there, and its (next) ``go``."""

    deadline_s: float
    go_from_s: float
    go: str = ""


class Supervisor:
    """Runs the nodes of a plan.

    Parameters
    ----------
    plan : Plan
        The run; its folder must exist.
    specs : sequence of NodeSpec
        In the order of start: those that receive before those that send.
    logs : Path
        Folder for the nodes' log files.
    say : Callable
        Gets one line for each thing worth telling.
    clock : Clock
        Present time.
    open_ended : bool
        True: the run has no end of its own, and one Ctrl-C, or Stop, is how it ends as it should.
    """

    def __init__(
        self,
        plan: Plan,
        specs: Sequence[NodeSpec],
        logs: Path,
        say: Callable[[str], None],
        clock: Clock | None = None,
        *,
        open_ended: bool = False,
    ) -> None:
        self._plan, self._specs, self._logs = plan, tuple(specs), logs
        self._print, self._open_ended = say, open_ended
        self._clock = clock or MonotonicClock()
        self._folder = RunFolder(plan.folder)
        self._plan_file = plan.save()
        self._discretion = Discretion.of(plan)
        self._room = ControlRoom(self._folder, plan.run, self._clock, plan.network)
        self._children: dict[str, Child | Guest] = {}
        self._ended: set[str] = set()
        self._policy = RestartPolicy()
        self._returning: dict[str, _Return] = {}
        self._tally = Tally()
        self._started_s = 0.0
        self._awake = Wakefulness(self._clock, OWN_GAP_S)
        self.outcome = Outcome()
        self._interrupts: list[signal.Signals] = []
        self._flood = Flood()

    # ---- life of a run -------------------------------------------------------------------------

    def run(
        self, until: Callable[[Snapshot], str | None], watch: Callable[[Snapshot], None]
    ) -> Outcome:
        """Start everything, watch it until it ends, stop everything.

        Parameters
        ----------
        until : Callable
            Called 20 times a second; returns the reason to end, or None.
        watch : Callable
            Called as often, for progress display.

        Returns
        -------
        Outcome
        """
        numbers = [signal.SIGINT, signal.SIGTERM]
        # Ignored on purpose (nohup): the run goes on without its terminal.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        previous = {number: signal.signal(number, self._interrupt) for number in numbers}
        try:
            self._start()
            self._watch(until, watch)
        except NodeError as error:
            if self._interrupts:
                self.outcome.status, self.outcome.reason = "abort", self._stopped_by()
            else:
                self.outcome.status, self.outcome.reason = "fail", self._told_of(error)
        finally:
            self._stop_all()
            self._tell_notes(end=True)
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self.outcome

    def _say(self, line: str) -> None:
        # A terminal that has hung up must not keep the nodes from being stopped.
        with contextlib.suppress(OSError):
            self._print(line)

    def _told_of(self, error: NodeError) -> str:
        """Word an error for the recording: last words of a node may name its files."""
        return self._discretion(str(error))

    def _stopped_by(self) -> str:
        ctrl_c = self._interrupts[0] == signal.SIGINT
        return "stopped by " + ("Ctrl-C" if ctrl_c else self._interrupts[0].name)

    def _interrupt(self, number: int, _frame: object) -> None:
        self._interrupts.append(signal.Signals(number))
        if len(self._interrupts) > 1:
            for child in self._children.values():
                child.signal(signal.SIGKILL)

    def _nodes(self) -> list[NodeSpec]:
        return [s for s in self._specs if s.kind == "node"]

    def _launch(self, spec: NodeSpec) -> None:
        log = self._logs / f"{spec.name}.log"
        self._room.beats.pop(spec.name, None)
        child: Child | Guest
        if spec.machine:
            child = Distant(spec)
        else:
            child = Guest(spec) if spec.guest else Child(spec, self._plan_file, log)
        self._children[spec.name] = child

    def _start(self) -> None:
        for spec in self._nodes():
            self._launch(spec)
        for spec in self._nodes():
            self._wait_ready(spec)
        self._say("all nodes are ready: " + ", ".join(s.name for s in self._nodes()))
        for spec in self._nodes():
            self._command(spec.name, "go")
        for spec in self._specs:
            if spec.kind == "tool":
                self._launch(spec)
        self._started_s = self._clock.now()
        self.outcome.began = True

    def _wait_ready(self, spec: NodeSpec) -> None:
        most_s = patience_s(spec)
        deadline = self._clock.now() + most_s
        child = self._children[spec.name]
        while True:
            self._tick("starting")
            self._tell_notes()
            if self._is_ready(spec.name):
                return
            if child.exit_code() is not None:
                self._check_configured(spec.name)
                raise NodeError(
                    f"{spec.name} did not start (exit {child.exit_code()}):\n{child.last_words()}"
                )
            if self._clock.now() > deadline:
                raise NodeError(f"{spec.name} was not ready within {most_s:.0f} s")
            if self._interrupts:
                raise NodeError("interrupted while starting")

    def _is_ready(self, name: str) -> bool:
        beat = self._beat_of(name)
        return beat is not None and beat.state in ("ready", "running")

    def _beat_of(self, name: str) -> Beat | None:
        """Return the newest beat of a node's present process; one of its past is not counted."""
        beat = self._room.beats.get(name)
        return beat if beat is not None and beat.pid == self._children[name].pid else None

    def _tick(self, state: Literal["starting", "running"] = "running") -> None:
        self._awake.now()
        # Told to the gate: no view shows anything while a node is on its way back.
        self._room.beat("starting" if self._returning else state)
        self._room.receive(TICK_S)
        for child in self._children.values():
            if isinstance(child, Guest):
                child.hear(self._room.beats.get(child.spec.name))

    def _watch(
        self, until: Callable[[Snapshot], str | None], watch: Callable[[Snapshot], None]
    ) -> None:
        while True:
            self._tick()
            self._tell_notes()
            self._look_after()
            snapshot = self.snapshot()
            watch(snapshot)
            stop_asked = [
                name
                for name, beat in snapshot.beats.items()
                if beat.state == "done" and "stop requested" in beat.note
            ]
            if self._interrupts or stop_asked:
                self._end_by_person(stop_asked)
                return
            if (reason := until(snapshot)) is not None:
                self.outcome.reason = reason
                return

    def _end_by_person(self, stop_asked: Sequence[str]) -> None:
        in_peace = not self._interrupts or self._interrupts == [signal.SIGINT]
        if self._open_ended and in_peace:
            self.outcome.status, self.outcome.reason = "success", "stopped by the operator"
            return
        self.outcome.status = "abort"
        self.outcome.reason = f"stopped by {stop_asked[0]}" if stop_asked else self._stopped_by()

    def snapshot(self) -> Snapshot:
        """Return the present state of the run."""
        elapsed_s = self._clock.now() - self._started_s
        ended, returning = frozenset(self._ended), frozenset(self._returning)
        beats = dict(self._room.beats)
        return Snapshot(elapsed_s, beats, ended, self._tally.total(beats), returning)

    def _tell_notes(self, *, end: bool = False) -> None:
        """Tell what nodes report, each sentence once; of many at a time only how many."""
        now = self._clock.now()
        heard = self._room.heard
        while heard:
            name, sentence = heard.popleft()
            if self._flood.admit(name, sentence, now):
                self._say(f"{name}: {sentence}")
        for name, held in self._flood.over(now, end=end):
            self._say(f"{name}: ... and {held} more like that, see logs/{name}.log")

    # ---- fallen nodes --------------------------------------------------------------------------

    def _look_after(self) -> None:
        for spec in self._specs:
            child = self._children[spec.name]
            code = child.exit_code()
            if code is None and self._silent(spec.name):
                self._say(f"{spec.name} gives no sign of life: killed")
                child.kill()
            if code is None and spec.name in self._returning:
                self._welcome(spec.name, self._returning[spec.name])
            if code is None or spec.name in self._ended:
                continue
            if spec.kind == "tool":
                self._ended.add(spec.name)
                if code != 0:
                    raise NodeError(f"{spec.name} failed (exit {code}):\n{child.last_words()}")
                continue
            self._raise_again(spec)

    def _silent(self, name: str) -> bool:
        """Return whether a node that has beaten before stands still, its watchdog included."""
        beat = self._beat_of(name)
        most_s = self._plan.watchdog_s + BEAT_GRACE_S
        return beat is not None and self._awake.silent_s(beat.t_sent) > most_s

    def _raise_again(self, spec: NodeSpec) -> None:
        child = self._children[spec.name]
        self._check_configured(spec.name)
        self.outcome.interrupted = True
        self._tally.keep(spec.name, self._beat_of(spec.name))
        how = child.how_it_fell()
        if words := self._last_note(spec.name):
            how += f": {words}"
        if not self._policy.allow(spec.name, self._clock.now()):
            raise NodeError(f"{spec.name} keeps falling ({how})\n{child.last_words()}")
        self._say(f"{spec.name} fell ({how}): views blank, starting it again")
        # Where a guest is gone the run has its own window from now on.
        self._launch(replace(spec, guest=False))
        now = self._clock.now()
        deadline_s = now + max(READY_TIMEOUT_S, patience_s(spec))
        self._returning[spec.name] = _Return(deadline_s, go_from_s=now + LEAST_BLANK_S)

    def _last_note(self, name: str) -> str:
        """Return what a node said of its own end, or an empty text."""
        self._room.receive(0.0)
        beat = self._beat_of(name)
        return beat.note if beat is not None and beat.state == "stopped" else ""

    def _check_configured(self, name: str) -> None:
        """Raise when a node has ended because it cannot run as it is configured."""
        child = self._children[name]
        if child.exit_code() == CONFIG_EXIT:
            raise NodeError(f"{name}: {self._last_note(name) or child.last_words()}")

    def _welcome(self, name: str, back: _Return) -> None:
        """Let a node that starts again go as soon as it is ready, without waiting for it."""
        now = self._clock.now()
        if back.go and self._room.replies.pop(back.go, None) is not None:
            del self._returning[name]
            self._say(f"{name} is back")
        elif now > back.deadline_s:
            raise NodeError(f"{name} was not ready again in time")
        elif now >= back.go_from_s and self._is_ready(name):
            back.go = self._room.send(name, "go")
            back.go_from_s = now + REPLY_TIMEOUT_S

    # ---- commands and the end ------------------------------------------------------------------

    def _command(
        self, node: str, action: str, arguments: Mapping[str, str] | None = None
    ) -> Reply | None:
        """Send a command, once more when it stays unanswered; return the reply, if any."""
        for _attempt in range(2):
            command = self._room.send(node, action, arguments)
            deadline = self._clock.now() + REPLY_TIMEOUT_S
            while self._clock.now() < deadline:
                self._tick()
                if command in self._room.replies:
                    return self._room.replies.pop(command)
                if self._children[node].exit_code() is not None:
                    return None
        return None

    def _stop_all(self) -> None:
        leaving = Leaving(self._clock, self._tick, self._beat_of, self._say)
        for spec in reversed(self._specs):
            child = self._children.get(spec.name)
            if child is None or child.exit_code() is not None:
                continue
            if spec.kind == "node":
                if spec.name == "recorder":
                    # Whatever the others have sent it is there once their processes are gone.
                    leaving.await_all()
                    self._finish_recording()
                self._command(spec.name, "stop")
            leaving.take(spec, child)
        leaving.await_all()
        self._room.receive(0.0)
        self.outcome.counts = self._tally.total(self._room.beats)
        self._room.close()

    def _finish_recording(self) -> None:
        arguments = {
            "exit_status": self.outcome.status,
            "reason": self.outcome.reason,
            "interrupted": str(self.outcome.interrupted).lower(),
            "counts": json.dumps(self._tally.total(self._room.beats)),
        }
        reply = self._command("recorder", "finish", arguments)
        if reply is None or not reply.ok:
            self._say(f"recorder did not confirm the end: {reply.text if reply else 'no answer'}")
