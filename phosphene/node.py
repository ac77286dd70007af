"""The shell that every node runs in.

A node is an object with a `step`; the shell gives it sockets, a clock, message numbering, sends its
beats from the work loop, obeys commands, and ends the process when the loop hangs (watchdog), when
the supervisor is gone or when it is told to stop.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import zmq

from phosphene.bus import Pusher, RunFolder
from phosphene.clock import Clock, MonotonicClock
from phosphene.coredumps import no_core_dumps
from phosphene.discretion import DiscreetLog, Discretion
from phosphene.errors import BundleError, ConfigError, PhospheneError
from phosphene.flood import without_ages
from phosphene.messages import (
    Array,
    Beat,
    Command,
    Message,
    Reply,
    decode,
    describe,
    encode,
    topic_of,
)
from phosphene.network.link import ConsoleLink
from phosphene.network.sockets import GuardedContext, guarded_context
from phosphene.node_protocol import Node
from phosphene.plan import Plan

__all__ = ["CONFIG_EXIT", "Node", "NodeContext", "farewell", "prepare", "serve", "work"]

BEAT_S = 0.1
CONFIG_EXIT = 78
"""Exit status of a node whose configuration is wrong (EX_CONFIG of sysexits.h): to start it again
would change nothing."""
State = Literal["starting", "ready", "running", "done", "stopped"]


class NodeContext:
    """What the shell lends to its node: plan, clock, context, message numbering, beats.

    Parameters
    ----------
    name : str
        Name of the node.
    plan : Plan
        The run.
    clock : Clock
        Present time.
    guest : bool
        True: the process was not started by the run's supervisor (the console), and whoever has
        started it may end before it.
    """

    def __init__(self, name: str, plan: Plan, clock: Clock, *, guest: bool = False) -> None:
        self.name = name
        self.plan = plan
        self.clock = clock
        self.folder = RunFolder(plan.folder)
        self.zmq: GuardedContext = guarded_context(plan.network)
        self.state: State = "starting"
        self.note = ""
        self.discretion = Discretion.of(plan)
        self.stopping = False
        self._untold: list[str] = []
        self._logged = ""
        self._seq: dict[bytes, int] = {}
        self._parent = None if guest else os.getppid()
        self._beaten_s = -1.0
        self._control: zmq.Socket[bytes] = self.zmq.socket(zmq.DEALER)
        self._control.identity = name.encode()
        self._control.linger = 1000
        self._control.connect(self.endpoint("control"))
        self._bond = Pusher(self.zmq, self.endpoint("bonds"))
        self._bond.socket.linger = 0
        self._commands: list[Command] = []
        self._link: ConsoleLink | None = None
        if plan.network is not None and plan.network.distant:
            self._link = ConsoleLink(clock, self._ask_time, self._take_in)
            self.clock = self._link.clock

    def endpoint(self, name: str) -> str:
        """Return the address of the run's socket `name`."""
        return self.plan.endpoint(name)

    def meet_console(self) -> None:
        """Wait for the console and take over its time, where it is another machine.

        Raises
        ------
        NodeError
            If it does not answer.
        """
        if self._link is not None:
            self._link.meet()

    def message(
        self,
        kind: Callable[..., Any],
        /,
        *,
        t_acquired: float,
        arrays: Mapping[str, Array] | None = None,
        dims: Mapping[str, Sequence[str]] | None = None,
        units: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Message:
        """Build the next message of a kind, numbered and stamped.

        Parameters
        ----------
        kind : type
            Header class.
        t_acquired : float
            When the newest data behind it was acquired (LSL clock, seconds).
        arrays, dims, units : mapping
            Arrays with the names of their dimensions and their units.
        **fields
            The header's own fields.
        """
        topic = topic_of(kind)
        seq = self._seq.get(topic, 0)
        self._seq[topic] = seq + 1
        held = dict(arrays or {})
        header = kind(
            run=self.plan.run,
            seq=seq,
            t_acquired=t_acquired,
            t_sent=self.clock.now(),
            producer=self.name,
            arrays=describe(held, dims or {}, units or {}),
            **fields,
        )
        return Message(header, held)

    def tell(self, sentence: str) -> None:
        """Have a sentence told and logged, whatever else is told in the same moment.

        The newest one is the note as well, which says how the node is now.
        """
        self.note = sentence
        self._untold.append(sentence)
        self._log(sentence)

    def _log(self, note: str) -> None:
        """Log what is new; ages that grow are not."""
        told, self._logged = self._logged, without_ages(note)
        if note and self._logged != told:
            logging.getLogger(self.name).warning("%s", note)

    def beat(self, counts: Mapping[str, int], *, force: bool = False) -> bool:
        """Send a sign of life when one is due; return False once the node should stop."""
        now = self.clock.now()
        if force or now - self._beaten_s >= BEAT_S:
            self._beaten_s = now
            self._log(self.note)
            sentences, self._untold = self._untold, []
            faulthandler.dump_traceback_later(self.plan.watchdog_s, exit=True)
            message = self.message(
                Beat,
                t_acquired=now,
                pid=os.getpid(),
                state=self.state,
                counts=dict(counts),
                note=self.discretion(self.note),
                sentences=tuple(map(self.discretion, sentences)),
            )
            self._tell(message)
            self._bond.send(message)
            if self._parent not in (None, os.getppid()):
                self.stopping = True
        return not self.stopping

    def _tell(self, message: Message) -> None:
        """Send to the supervisor; one that is suspended (Ctrl-Z) must not hold up the node."""
        with contextlib.suppress(zmq.Again):
            self._control.send_multipart(encode(message), zmq.NOBLOCK)

    def control_socket(self) -> zmq.Socket[bytes]:
        """Return the socket on which commands arrive."""
        return self._control

    def commands(self) -> list[Command]:
        """Return the commands that have arrived."""
        self._take_in()
        arrived, self._commands = self._commands, []
        return arrived

    def _take_in(self, wait_s: float = 0.0) -> None:
        self._control.poll(int(wait_s * 1000))
        while True:
            try:
                frames = self._control.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            header = decode(frames).header
            if isinstance(header, Command):
                self._commands.append(header)
            elif isinstance(header, Reply) and self._link is not None:
                self._link.answered(header)

    def _ask_time(self, number: str) -> None:
        now = self.clock.now()
        self._tell(self.message(Command, t_acquired=now, id=number, action="time"))

    def reply(self, command: Command, *, ok: bool, text: str) -> None:
        """Answer a command."""
        now = self.clock.now()
        message = self.message(Reply, t_acquired=now, id=command.id, ok=ok, text=text)
        self._tell(message)

    def close(self) -> None:
        """Close sockets and context."""
        faulthandler.cancel_dump_traceback_later()
        self._bond.close()
        self._control.close()
        # Not term(): it would wait for ever for the sockets of a node that failed half-built.
        self.zmq.destroy()


def _obey(context: NodeContext, node: Node) -> None:
    for command in context.commands():
        if command.action == "stop":
            context.stopping = True
            context.reply(command, ok=True, text="stopping")
            continue
        if command.action == "go":
            context.state = "running"
        try:
            text = node.command(command)
        except PhospheneError as error:
            context.reply(command, ok=False, text=context.discretion(str(error)))
        else:
            context.reply(command, ok=True, text=text)


def work(context: NodeContext, node: Node) -> None:
    """Do one round without waiting: obey commands, work, notice the end."""
    _obey(context, node)
    node.step()
    if node.done() and context.state == "running":
        context.state = "done"


def run_loop(context: NodeContext, node: Node) -> None:
    """Drive a node until it is told to stop."""
    poller = zmq.Poller()
    poller.register(context.control_socket(), zmq.POLLIN)
    for socket in node.sockets():
        poller.register(socket, zmq.POLLIN)
    while context.beat(node.counts()):
        due_s = node.due_s()
        wait_s = BEAT_S if due_s is None else min(BEAT_S, max(0.0, due_s - context.clock.now()))
        # Wake up to 1 ms before timed work: poll has millisecond steps, the node waits exactly.
        poller.poll(int(wait_s * 1000))
        work(context, node)


def prepare(name: str, plan: Plan) -> NodeContext:
    """Set up logging, signals and the sockets of a node's shell.

    `serve` does this; a node with an event loop of its own calls it, then `work` and
    `NodeContext.beat` from that loop and `farewell` at the end.

    Parameters
    ----------
    name : str
        Name of the node.
    plan : Plan
        The run.

    Returns
    -------
    NodeContext
        Its ``stopping`` turns True on SIGTERM.
    """
    no_core_dumps()
    logging.basicConfig(level=logging.INFO, format=f"{name}: %(message)s", stream=sys.stderr)
    context = NodeContext(name, plan, MonotonicClock())
    for handler in logging.getLogger().handlers:
        handler.addFilter(DiscreetLog(context.discretion))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        context.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return context


def farewell(context: NodeContext, counts: Mapping[str, int], error: Exception | None) -> int:
    """Send the last beat of a node and return its exit status.

    Returns
    -------
    int
        0; 1 when an error ended the node; `CONFIG_EXIT` where a wrong configuration or bundle did.
    """
    if error is not None:
        context.note = str(error)  # the beat logs it
    context.state = "stopped"
    context.beat(counts, force=True)
    if error is None:
        return 0
    return CONFIG_EXIT if isinstance(error, ConfigError | BundleError) else 1


def serve(
    name: str,
    build: Callable[[NodeContext], Node],
    argv: Sequence[str] | None = None,
    load: Callable[[Plan], None] = lambda _plan: None,
) -> int:
    """Run a node as this process.

    Parameters
    ----------
    name : str
        Name of the node.
    build : Callable
        Makes the node; may take seconds and should call ``context.beat({})`` meanwhile.
    argv : sequence of str, optional
        Command line, default `sys.argv`.
    load : Callable, optional
        Imports what only some runs need; called before the watchdog begins to look.

    Returns
    -------
    int
        Exit status: 0 after a stop command, otherwise as `farewell` says.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=f"Phosphene {name} node")
    parser.add_argument("--plan", type=Path, required=True, help="plan file of the run")
    plan = Plan.load(parser.parse_args(argv).plan)
    load(plan)
    context = prepare(name, plan)
    node: Node | None = None
    try:
        context.meet_console()
        context.beat({}, force=True)
        node = build(context)
        context.state = "ready"
        context.beat(node.counts(), force=True)
        run_loop(context, node)
    except PhospheneError as error:
        return farewell(context, node.counts() if node else {}, error)
    else:
        node.close()
        counts, node = node.counts(), None
        return farewell(context, counts, None)
    finally:
        if node is not None:
            node.close()
        context.close()
