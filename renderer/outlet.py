"""Where frames go out, each with the facts that tell how old and how late it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from phosphene.bus import Publisher, Pusher
from phosphene.messages import Frame, FrameInfo, Painting, topic_of
from phosphene.node import NodeContext
from phosphene.session import RendererSettings
from renderer.frameclock import Tick
from renderer.studio import Painter, Picture
from renderer.told import told_of

__all__ = ["Outlet"]

# A frame this many periods behind its due time counts as late.
LATE_PERIODS = 0.5
GATE = "gate"
TOPIC = topic_of(Frame)
WAIT_MS = 10
_COUNTED = ("frames", "frames_late", "frames_neutral", "frames_outside_the_world")


class Outlet:
    """Publishes frames and records the facts about them.

    Frames between two percepts say so: they carry the number of the same percept, and an age that
    grows.

    Parameters
    ----------
    context : NodeContext
        The shell.
    alive : Callable
        Called while a blocking send waits; False gives up.
    """

    def __init__(self, context: NodeContext, alive: Callable[[], bool]) -> None:
        self._context = context
        self._lossless = context.plan.lossless
        self._out = Publisher(context.zmq, context.endpoint("renderer"), block=self._lossless)
        self._records = Pusher(
            context.zmq, context.endpoint("records"), block=self._lossless, alive=alive
        )
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._looked_at: tuple[Painter, RendererSettings] | None = None
        self._told: dict[str, Any] = {}

    @property
    def frames(self) -> int:
        """How many frames went out."""
        return self._counts["frames"]

    def heard(self) -> bool:
        """Return whether the gate listens; waits a moment for it.

        What is published before it does is lost, and at full speed nothing may be: a gate that
        finds this socket late, or is being started again, is waited for.
        """
        if GATE not in self._context.plan.nodes or self._out.subscribers(TOPIC) > 0:
            return True
        self._out.socket.poll(WAIT_MS)
        return self._out.subscribers(TOPIC) > 0

    def counts(self) -> Mapping[str, int]:
        """Return the counters."""
        return {**self._counts, "records_dropped": self._records.dropped}

    def publish(
        self, picture: Picture, tick: Tick, cost_s: float, *, fps: float, seed: int, model: str
    ) -> None:
        """Send a frame that took `cost_s` seconds to paint."""
        now = self._context.clock.now()
        late = not self._lossless and now - tick.due_s > LATE_PERIODS / fps
        self._counts["frames"] += 1
        self._counts["frames_late"] += tick.skipped + int(late)
        self._counts["frames_neutral"] += int(picture.state == "neutral")
        self._counts["frames_outside_the_world"] += int(bool(picture.reason))
        facts = _facts(picture, tick, cost_s, now, late=late) | {"seed": seed, "model": model}
        percept = picture.percept
        t_acquired = now if percept is None else percept.t_acquired
        frame = self._context.message(
            Frame,
            t_acquired=t_acquired,
            arrays={"picture": picture.pixels},
            dims={"picture": ("y", "x", "rgb")},
            **facts,
        )
        self._out.send(frame)
        self._records.send(self._context.message(FrameInfo, t_acquired=t_acquired, **facts))

    def painted_with(self, painter: Painter, settings: RendererSettings) -> None:
        """Record what paints the next frame, where that is not what was told last."""
        last = self._looked_at
        if last is not None and last[0] is painter and last[1] is settings:
            return
        self._looked_at = (painter, settings)
        told = told_of(painter, settings)
        if told != self._told:
            self._told = told
            now = self._context.clock.now()
            self._records.send(self._context.message(Painting, t_acquired=now, **told))

    def close(self) -> None:
        """Close the sockets."""
        self._out.close()
        self._records.close()


def _facts(
    picture: Picture, tick: Tick, cost_s: float, now: float, *, late: bool
) -> dict[str, Any]:
    percept = picture.percept
    return {
        "t_due": tick.due_s,
        "t_rendered": now,
        "late": late,
        "skipped": tick.skipped,
        "render_ms": 1000 * cost_s,
        "state": picture.state,
        "percept_seq": -1 if percept is None else percept.seq,
        "percept_index": -1 if percept is None else percept.index,
        "confidence": 0.0 if percept is None else percept.confidence,
        "age_s": 0.0 if percept is None else now - percept.t_acquired,
        "t_percept": 0.0 if percept is None else percept.t_sent,
    }
