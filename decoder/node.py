"""The decoder node: cleaned brain windows in, percepts out, only while the gate allows it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import zmq

from decoder.flow import AckWindow
from decoder.permission import Permission
from decoder.window import WindowBuffer
from phosphene.bundle import Bundle
from phosphene.bus import Publisher, Puller, Pusher, Subscriber
from phosphene.engine import Engine
from phosphene.engines.choose import open_engine
from phosphene.errors import CausalityError, ConfigError, InputError, NodeError
from phosphene.feedback.protocol import Protocol
from phosphene.live_bundle import live_bundle
from phosphene.manifest import REST
from phosphene.messages import Array, Command, Credit, Features, Message, Percept
from phosphene.node import NodeContext

__all__ = ["DecoderNode", "build", "label_of"]

READY_TIMEOUT_S = 60.0
OUTSTANDING = 32
ACK_EVERY = 4
LIKELY = 0.5
# Windows decoded between two beats.
AT_ONCE = 8


def label_of(probabilities: Mapping[str, float], confidence: float) -> str | None:
    """Name what a percept is of.

    Parameters
    ----------
    probabilities : mapping of str to float
        Of each category and, where the decoder knows it, of rest.
    confidence : float
        Calibrated probability that the most probable category was seen.

    Returns
    -------
    str or None
        The most probable category; ``rest`` where that is known and the category is more likely
        wrong than right; None without probabilities.
    """
    categories = [name for name in probabilities if name != REST]
    if not categories:
        return None
    if REST in probabilities and confidence < LIKELY:
        return REST
    return max(categories, key=lambda name: probabilities[name])


class DecoderNode:
    """Decodes every window that is ready and covered by a fresh grant.

    Parameters
    ----------
    context : NodeContext
        The shell.
    bundle : Bundle or None
        The person's fitted decoder; None: nothing is decoded.
    engine : Engine or None
        Runs the bundle's graph.
    """

    def __init__(self, context: NodeContext, bundle: Bundle | None, engine: Engine | None) -> None:
        self._context, self._bundle, self._engine = context, bundle, engine
        self._lossless = context.plan.lossless
        self._window = WindowBuffer(bundle.manifest.window.length if bundle else 1)
        protocol = context.plan.session.protocol
        self._permission = Permission(
            None if protocol is None else Protocol.of(protocol),
            context.plan.speed,
            bundle.manifest.window.period_s if bundle else 0.0,
        )
        zmq_context = context.zmq
        self.grants = Subscriber(zmq_context, [context.endpoint("grants")], [b"grant"])
        self._features = Subscriber(zmq_context, [context.endpoint("acquisition")], [b"features"])
        self.out = Publisher(zmq_context, context.endpoint("decoder"))
        self._acks = Pusher(zmq_context, context.endpoint("acks"))
        self._render_acks = Puller(zmq_context, context.endpoint("render-acks"))
        self._records = Pusher(
            zmq_context,
            context.endpoint("records"),
            block=self._lossless,
            alive=lambda: context.beat(self.counts()),
        )
        self._waiting: deque[Message] = deque()
        self._flow = AckWindow(OUTSTANDING)
        self._last_seq = -1
        self._consumed = -1
        self._acked = -1
        names = ("features", "features_missed", "not_ready", "not_allowed", "percepts", "refused")
        self._counts = dict.fromkeys(names, 0)

    # ---- the shell's questions -----------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Wake on features, grants and acknowledgements."""
        return [self._features.socket, self.grants.socket, self._render_acks.socket]

    def due_s(self) -> float | None:
        """Return soon while windows wait for room, otherwise None."""
        return self._context.clock.now() + 0.01 if self._waiting else None

    def counts(self) -> Mapping[str, int]:
        """Return the counters."""
        return {
            **self._counts,
            "gaps": self._window.gaps,
            "records_dropped": self._records.dropped,
            "percepts_unacknowledged": self._flow.written_off,
        }

    def done(self) -> bool:
        """Return False: the decoder follows its source."""
        return False

    def command(self, command: Command) -> str:
        """Obey ``go``."""
        if command.action == "go":
            return "decoding" if self._bundle else "no bundle: nothing is decoded"
        raise ConfigError(f"decoder: unknown command {command.action!r}; allowed: go, stop")

    def close(self) -> None:
        """Close the sockets."""
        for socket in (
            self.grants,
            self._features,
            self.out,
            self._acks,
            self._render_acks,
            self._records,
        ):
            socket.close()

    # ---- work ----------------------------------------------------------------------------------

    def step(self) -> None:
        """Decode what is waiting as far as grant and flow control let it."""
        now = self._context.clock.now()
        for message in self._render_acks.receive():
            self._flow.acknowledge(message.header.count, message.header.epoch, now)
        self._hear()
        self._waiting.extend(self._features.receive())
        for _ in range(AT_ONCE):
            if not self._waiting or not self._may_go_on():
                break
            self._take(self._waiting.popleft())
            self._hear()
        self._acknowledge(force=not self._waiting)

    def _hear(self) -> None:
        """Take in what the gate says; once somebody has halted it nothing of before is kept."""
        for message in self.grants.receive():
            if self._permission.hear(message.header):
                self._window.forget()
            if self._permission.stopped:
                self._waiting.extend(self._features.receive())
                while self._waiting:
                    self._take(self._waiting.popleft())

    def _may_go_on(self) -> bool:
        """At full speed nothing is skipped: wait for room, and for a grant that is only delayed."""
        now = self._context.clock.now()
        return not self._lossless or (self._flow.room(now) and not self._permission.delayed(now))

    def _take(self, message: Message) -> None:
        header: Features = message.header
        self._counts["features"] += 1
        if self._last_seq >= 0 and header.seq > self._last_seq + 1:
            self._counts["features_missed"] += header.seq - self._last_seq - 1
        if header.seq <= self._last_seq:
            # Acquisition is a new process and numbers from 0 again; so do its acknowledgements.
            self._consumed = self._acked = -1
        self._last_seq = header.seq
        self._consumed = max(self._consumed, header.seq)
        admitted = self._permission.admits(header, self._context.clock.now())
        if not admitted:
            self._window.forget()
        if self._permission.stopped:
            self._counts["not_allowed"] += 1
        elif self._bundle is not None and self._usable(header, self._bundle):
            self._work(message, self._bundle.manifest.window.delay_s, admitted=admitted)

    def _work(self, message: Message, delay_s: float, *, admitted: bool) -> None:
        """Decode the window that a volume completes, where that is allowed."""
        header: Features = message.header
        if not admitted:
            self._counts["not_allowed"] += 1
        elif (window := self._windowed(message)) is not None:
            seen_s = header.t_data - delay_s if header.t_event is None else header.t_event
            if self._permission.shows(seen_s):
                self._decode(header, window, seen_s)
            else:
                self._counts["not_allowed"] += 1

    def _usable(self, header: Features, bundle: Bundle) -> bool:
        """Return whether a volume is ready and follows the bundle's mask."""
        if not header.ready:
            self._counts["not_ready"] += 1
            return False
        if header.mask_hash != bundle.manifest.mask_hash:
            self._refuse(
                f"features follow mask {header.mask_hash[:12]}, the bundle was fitted on "
                f"{bundle.manifest.mask_hash[:12]}: quality control only"
            )
            return False
        return True

    def _windowed(self, message: Message) -> Array | None:
        """Return the full window that ends with this message, if there is one."""
        try:
            return self._window.push(message.header.index, message.arrays["x"])
        except (CausalityError, InputError) as error:
            self._refuse(str(error))
            return None

    def _refuse(self, why: str) -> None:
        if self._counts["refused"] == 0:
            self._context.note = why
        self._counts["refused"] += 1

    def _decode(self, header: Features, window: Array, seen_s: float) -> None:
        assert self._bundle is not None  # noqa: S101
        assert self._engine is not None  # noqa: S101
        manifest = self._bundle.manifest
        result = self._engine.run({"x": window})
        arrays: dict[str, Array] = {n: result[n][0] for n in ("z", "c") if n in result}
        probabilities: dict[str, float] = {}
        if "log_probabilities" in result:
            values = np.exp(result["log_probabilities"][0].astype(np.float64))
            probabilities = dict(zip(manifest.labels, map(float, values), strict=True))
        # What is no number is no confidence.
        raw = float(result["confidence"].reshape(-1)[0])
        confidence = min(max(raw, 0.0), 1.0) if np.isfinite(raw) else 0.0
        percept = self._context.message(
            Percept,
            t_acquired=header.t_acquired,
            arrays=arrays,
            dims={"z": ("channel", "y", "x"), "c": ("c",)},
            index=header.index,
            t_data=header.t_data,
            t_seen=seen_s,
            t_features=header.t_sent,
            confidence=confidence,
            label=label_of(probabilities, confidence),
            probabilities=probabilities,
            bundle=self._bundle.digest,
        )
        self.out.send(percept)
        self._counts["percepts"] += 1
        self._flow.sent(percept.header.seq + 1, self._context.clock.now())
        self._records.send(percept)

    def _acknowledge(self, *, force: bool) -> None:
        due = self._consumed >= 0 and (force or (self._consumed + 1) % ACK_EVERY == 0)
        if not due or self._consumed == self._acked:
            return
        self._acked = self._consumed
        self._acks.send(
            self._context.message(
                Credit,
                t_acquired=self._context.clock.now(),
                stream="features",
                count=self._consumed + 1,
                epoch=str(os.getpid()),
            )
        )


def _load(context: NodeContext) -> tuple[Bundle | None, Engine | None]:
    plan = context.plan
    bundle = live_bundle(plan.session)
    if bundle is None:
        return None, None
    settings, lines = plan.session.decoder, list[str]()
    context.beat({}, force=True)
    engine = open_engine(
        bundle.graph, settings.engine, settings.precision, settings.threads, lines.append
    )
    if lines:
        context.note = lines[0]
    return bundle, engine


def build(context: NodeContext) -> DecoderNode:
    """Load the bundle, meet the renderer and hear the gate once, then make the node."""
    bundle, engine = _load(context)
    context.beat({}, force=True)
    node = DecoderNode(context, bundle, engine)
    patience_s = context.plan.patience_s("renderer", READY_TIMEOUT_S)
    deadline = time.monotonic() + patience_s
    try:
        while context.beat(node.counts()):
            # The gate listens too where results are fed back or other programs get them.
            met_renderer = node.out.subscribers(b"percept") > int(context.plan.gate_hears_percepts)
            heard_gate = bool(node.grants.socket.poll(0))
            if ("renderer" not in context.plan.nodes or met_renderer) and (
                "gate" not in context.plan.nodes or heard_gate
            ):
                break
            if time.monotonic() > deadline:
                missing = "renderer" if not met_renderer else "gate"
                raise NodeError(f"decoder: no sign of the {missing} in {patience_s:.0f} s")
            # Who is there already would let nobody wait: a core would spin while others start.
            (node.out if heard_gate else node.grants).socket.poll(20)
    except NodeError:
        node.close()
        raise
    return node
