"""The renderer node: newest percept in, a frame out whenever one is due."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import zmq
from pydantic import ValidationError

from phosphene.bundle import Bundle
from phosphene.bus import Publisher, Pusher, Subscriber
from phosphene.errors import ConfigError
from phosphene.messages import Command, Credit, Frame, FrameInfo, Message, Percept
from phosphene.node import NodeContext
from phosphene.session import RendererSettings, explain
from renderer.desk import Desk
from renderer.frameclock import FrameClock, Tick
from renderer.pacing import Lead
from renderer.painter import open_painter, warm_up
from renderer.studio import Picture, Seen, Studio

__all__ = ["RendererNode", "build"]

NEAR_S = 0.004
# A frame this many periods behind its due time counts as late.
LATE_PERIODS = 0.5


class RendererNode:
    """Renders at a chosen rate (live) or exactly one frame for each percept (full speed).

    Parameters
    ----------
    context : NodeContext
        The shell.
    studio : Studio
        The core, already warm.
    model : str
        Identity of the generator, for every frame's record.
    """

    def __init__(self, context: NodeContext, studio: Studio, model: str) -> None:
        self._context, self._studio, self._model = context, studio, model
        plan = context.plan
        self._lossless = plan.lossless
        self._percepts = Subscriber(context.zmq, [context.endpoint("decoder")], [b"percept"])
        self._out = Publisher(context.zmq, context.endpoint("renderer"), block=plan.lossless)
        self._records = Pusher(
            context.zmq,
            context.endpoint("records"),
            block=plan.lossless,
            alive=lambda: context.beat(self.counts()),
        )
        self._acks = Pusher(context.zmq, context.endpoint("render-acks"))
        self._desk = Desk(context, self.command)
        self._clock: FrameClock | None = None
        self._lead = Lead(0.6 / plan.session.renderer.fps)
        self._asked_s = 0.0
        self._last_seq = -1
        self._waiting: deque[Message] = deque()
        self._counts = dict.fromkeys(
            ("percepts", "percepts_missed", "frames", "frames_late", "frames_neutral"), 0
        )

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Wake on percepts and wishes."""
        return [self._percepts.socket, self._desk.socket]

    def due_s(self) -> float | None:
        """Return when the next frame has to be begun."""
        if self._waiting:
            return self._context.clock.now()
        if self._lossless or self._clock is None:
            return None
        return self._clock.next_due_s - self._lead.seconds

    def counts(self) -> Mapping[str, int]:
        """Return the counters."""
        return {**self._counts, "records_dropped": self._records.dropped}

    def done(self) -> bool:
        """Return False: the renderer has always another frame."""
        return False

    def command(self, command: Command) -> str:
        """Obey ``go``, ``set`` (any renderer setting, live) and ``status``."""
        if command.action == "go":
            rate_hz = self._studio.settings.fps
            self._clock = FrameClock(rate_hz, self._context.clock.now() + 1 / rate_hz)
            return "rendering"
        if command.action == "set":
            return self._set(command.arguments)
        if command.action == "status":
            return self._status()
        known = "go, set, status, stop"
        raise ConfigError(f"renderer: unknown command {command.action!r}; allowed: {known}")

    def _status(self) -> str:
        held = self._studio.settings.model_dump(mode="json")
        return ", ".join(f"{name}={value}" for name, value in held.items())

    def _set(self, arguments: Mapping[str, str]) -> str:
        values = {**self._studio.settings.model_dump(mode="json"), **arguments}
        try:
            settings = RendererSettings.model_validate(values, strict=False)
        except ValidationError as error:
            raise ConfigError("renderer: " + "; ".join(explain(error))) from error
        if settings.fps != self._studio.settings.fps:
            self._clock = FrameClock(settings.fps, self._context.clock.now() + 1 / settings.fps)
            self._lead = Lead(0.6 / settings.fps)
        self._studio.change(settings)
        done = "set " + ", ".join(f"{k}={v}" for k, v in arguments.items())
        complaint = self._studio.complaint() if "mode" in arguments else None
        if complaint is not None:
            done += f"; {complaint}"
        # Into terminal and log: who looks at the pictures later has to know.
        self._context.tell(done)
        return done

    def close(self) -> None:
        """Close the sockets."""
        for socket in (self._percepts, self._out, self._records, self._acks, self._desk):
            socket.close()

    def step(self) -> None:
        """Answer wishes, take in percepts; render what is due."""
        self._desk.serve()
        self._waiting.extend(self._percepts.receive())
        if self._lossless:
            # One at a time, so that beats and commands are never far apart.
            if self._waiting:
                self._see(self._waiting.popleft())
            return
        while self._waiting:
            self._see(self._waiting.popleft())
        if self._clock is None:
            return
        now = self._context.clock.now()
        # A lead that shrinks (cheap neutral frames after a stall) never turns the clock back.
        self._asked_s = max(self._asked_s, now + self._lead.seconds)
        tick = self._clock.poll(self._asked_s)
        if tick is not None:
            self._frame(tick, now)
        elif self._clock.next_due_s - self._lead.seconds - now < NEAR_S:
            self._context.clock.wait_until(self._clock.next_due_s - self._lead.seconds)

    # ---- percepts ------------------------------------------------------------------------------

    def _see(self, message: Message) -> None:
        header: Percept = message.header
        if header.seq > self._last_seq + 1 and self._last_seq >= 0:
            self._counts["percepts_missed"] += header.seq - self._last_seq - 1
        self._last_seq = header.seq
        self._counts["percepts"] += 1
        seen = Seen(
            header.seq,
            header.index,
            header.confidence,
            header.t_acquired,
            header.t_sent,
            self._context.clock.now(),
            message.arrays.get("z"),
            message.arrays.get("c"),
        )
        if self._lossless:
            self._still(seen, header.t_data)
        else:
            self._studio.see(seen)

    def _still(self, seen: Seen, t_data_s: float) -> None:
        begun = self._context.clock.now()
        picture = self._studio.still(seen, t_data_s)
        self._publish(picture, Tick(self._counts["frames"], begun, 0.0, 0), begun)
        self._acks.send(
            self._context.message(
                Credit,
                t_acquired=seen.t_acquired,
                stream="percept",
                count=seen.seq + 1,
                epoch=str(os.getpid()),
            )
        )

    # ---- frames --------------------------------------------------------------------------------

    def _frame(self, tick: Tick, begun: float) -> None:
        picture = self._studio.picture(tick.due_s)
        self._lead.learn(self._context.clock.now() - begun)
        # Early work waits for its moment, so that frames come evenly.
        self._context.clock.wait_until(tick.due_s)
        self._publish(picture, tick, begun)

    def _publish(self, picture: Picture, tick: Tick, begun: float) -> None:
        now = self._context.clock.now()
        late = not self._lossless and now - tick.due_s > LATE_PERIODS / self._studio.settings.fps
        self._counts["frames"] += 1
        self._counts["frames_late"] += tick.skipped + int(late)
        self._counts["frames_neutral"] += int(picture.state == "neutral")
        facts = self._facts(picture, tick, begun, now, late=late)
        percept = picture.percept
        t_acquired = now if percept is None else percept.t_acquired
        self._out.send(
            self._context.message(
                Frame,
                t_acquired=t_acquired,
                arrays={"picture": picture.pixels},
                dims={"picture": ("y", "x", "rgb")},
                **facts,
            )
        )
        self._records.send(self._context.message(FrameInfo, t_acquired=t_acquired, **facts))

    def _facts(
        self, picture: Picture, tick: Tick, begun: float, now: float, *, late: bool
    ) -> dict[str, Any]:
        percept = picture.percept
        return {
            "t_due": tick.due_s,
            "t_rendered": now,
            "late": late,
            "skipped": tick.skipped,
            "render_ms": 1000 * (now - begun),
            "state": picture.state,
            "percept_seq": -1 if percept is None else percept.seq,
            "percept_index": -1 if percept is None else percept.index,
            "confidence": 0.0 if percept is None else percept.confidence,
            "age_s": 0.0 if percept is None else now - percept.t_acquired,
            "t_percept": 0.0 if percept is None else percept.t_sent,
            "seed": self._studio.settings.seed,
            "model": self._model,
        }


def build(context: NodeContext) -> RendererNode:
    """Load what paints, paint a few pictures to warm it up, and make the node."""
    settings, path = context.plan.session.renderer, context.plan.session.decoder.bundle
    bundle = None if path is None else Bundle.load(path)
    painter = open_painter(bundle, settings.threads)
    context.beat({}, force=True)
    warm_up(painter, bundle, settings)
    studio = Studio(painter, settings, context.clock.now())
    complaint = studio.complaint()
    if complaint is not None:
        context.tell(complaint)
    return RendererNode(context, studio, painter.model)
