"""The renderer node: newest percept in, a frame out whenever one is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import zmq

from phosphene.bundle import Bundle
from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.messages import Command
from phosphene.node import NodeContext
from phosphene.session import RendererSettings
from renderer.cores import Cores
from renderer.desk import Desk
from renderer.foreseen import foresee
from renderer.frameclock import FrameClock, Tick
from renderer.inlet import Inlet
from renderer.inworld import open_bounds
from renderer.outlet import Outlet
from renderer.pacing import Lead
from renderer.painter import Painter, open_painter, warm_up
from renderer.patience import patiently
from renderer.studio import Picture, Studio
from renderer.swap import PainterSwap
from renderer.wishes import HOW, RELOADS, changed, needs_loading, taken_over, wished, worded

__all__ = ["Loader", "RendererNode", "build"]

NEAR_S = 0.004


class Loader(Protocol):
    """Loads another painter in the background while the old one goes on; `renderer.swap`."""

    def refuse(self, old: RendererSettings, new: RendererSettings) -> None:
        """Refuse at once what is sure to fail when it is loaded."""
        ...

    def later(self, old: RendererSettings, wanted: RendererSettings) -> tuple[str, ...]:
        """Name the settings that have to stay as they are in `old` for now."""
        ...

    def begin(self, settings: RendererSettings) -> None:
        """Begin to load what `settings` name; a load that is still going on is given up."""
        ...

    def prepare(self, settings: RendererSettings) -> None:
        """Begin to make the painter of now ready for `settings`."""
        ...

    def prepared(self) -> bool | PhospheneError:
        """Return whether it has become ready, or why it cannot."""
        ...

    def give_up(self) -> None:
        """Forget what is being loaded."""
        ...

    def take(self) -> Painter | PhospheneError | None:
        """Return the painter once it is there and warm, or why it cannot be; else None."""
        ...

    def close(self) -> None:
        """Give up, and end."""
        ...


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
    loader : Loader, optional
        Gets other painters; without one the model stays as it is.
    cores : Cores, optional
        Cores of this process.
    """

    def __init__(
        self,
        context: NodeContext,
        studio: Studio,
        model: str,
        loader: Loader | None = None,
        cores: Cores | None = None,
    ) -> None:
        self._context, self._studio, self._model = context, studio, model
        self._loader, self._cores = loader, cores or Cores()
        self._wanted = studio.settings
        self._lossless = context.plan.lossless
        self._inlet = Inlet(context)
        self._outlet = Outlet(context, lambda: context.beat(self.counts()))
        self._desk = Desk(context, self.command)
        self._clock: FrameClock | None = None
        self._lead = Lead(studio.settings.fps)
        self._asked_s = 0.0
        self._told: set[str] = set()

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Wake on percepts and wishes."""
        return [self._inlet.socket, self._inlet.grants, self._desk.socket]

    def due_s(self) -> float | None:
        """Return when the next frame has to be begun."""
        if self._inlet.waits:
            return self._context.clock.now()
        if self._lossless or self._clock is None:
            return None
        return self._begin_s(self._clock)

    def counts(self) -> Mapping[str, int]:
        """Return the counters."""
        return {**self._inlet.counts(), **self._outlet.counts()}

    def done(self) -> bool:
        """Return False: the renderer has always another frame."""
        return False

    def close(self) -> None:
        """Close the sockets."""
        for part in (self._inlet, self._outlet, self._desk):
            part.close()
        if self._loader is not None:
            self._loader.close()

    # ---- wishes --------------------------------------------------------------------------------

    def command(self, command: Command) -> str:
        """Obey ``go``, ``set`` (any renderer setting, live) and ``status``."""
        if command.action == "go":
            self._start_clock()
            return "rendering"
        if command.action == "set":
            return self._set(command.arguments)
        if command.action == "status":
            return "; ".join((worded(self._studio.settings), *self._pending()))
        known = "go, set, status, stop"
        raise ConfigError(f"renderer: unknown command {command.action!r}; allowed: {known}")

    def _set(self, arguments: Mapping[str, str]) -> str:
        self._exchange()  # what has come belongs to the wishes of before
        wanted = wished(self._wanted, arguments)
        self._refuse(wanted, arguments)
        # First, as it may be refused: what is being loaded then still comes.
        self._cores.keep_to(wanted.cores)
        self._wanted = wanted
        self._settle()
        done = "set " + ", ".join(f"{k}={v}" for k, v in arguments.items())
        names = {name.partition(".")[0] for name in arguments}
        complaint = self._studio.complaint() if {"mode", "warm_start"} & names else None
        now = self._studio.settings
        if changed(now, wanted, names & set(RELOADS)):
            done += "; loading, the old one paints until then"
        if waiting := changed(now, wanted, names & set(HOW)):
            done += f"; preparing {waiting}, painting goes on as before until then"
        elif complaint is not None:
            done += f"; {complaint}"
        # Into terminal and log: who looks at the pictures later has to know.
        self._context.tell(done)
        return done

    def _refuse(self, wanted: RendererSettings, arguments: Mapping[str, str]) -> None:
        """Refuse what cannot be done in this run."""
        _refuse_delay(wanted, lossless=self._lossless)
        if self._loader is not None:
            self._loader.refuse(self._wanted, wanted)
        elif needs_loading(self._wanted, wanted):
            given = ", ".join(f"{k}={v}" for k, v in arguments.items())
            cure = "Set it in the session file."
            raise ConfigError(problem("setting", given, "what needs no other model", cure))

    def _settle(self) -> None:
        """Take what the painter can do at once; have the rest loaded or prepared."""
        old, wanted = self._studio.settings, self._wanted
        later = () if self._loader is None else self._loader.later(old, wanted)
        # What has to be waited for stays as it is until then; nothing else waits for it.
        now = taken_over(wanted, old, later)
        self._studio.change(now)
        if now.fps != old.fps:
            self._lead.retime(now.fps)
            if self._clock is not None:
                self._start_clock()
        if self._loader is None:
            return
        if needs_loading(now, wanted):
            self._loader.begin(wanted)
        else:
            self._loader.give_up()
        if set(later) & set(HOW):
            self._loader.prepare(taken_over(wanted, now, RELOADS))

    def _pending(self) -> list[str]:
        """Say what is set but not yet taken."""
        now = self._studio.settings
        asked = (("loading", RELOADS), ("preparing", HOW))
        found = [(how, changed(now, self._wanted, names)) for how, names in asked]
        return [f"{how} {what}, not yet taken" for how, what in found if what]

    def _exchange(self) -> None:
        """Go on with what has become ready: more of this painter, or another one."""
        if self._loader is None:
            return
        ready = self._loader.prepared()
        if isinstance(ready, PhospheneError):
            self._take_back(HOW, "painting goes on as before", ready)
        elif ready:
            now = self._studio.settings
            if what := changed(now, self._wanted, HOW):
                self._studio.change(taken_over(now, self._wanted, HOW))
                self._context.tell(f"painting with {what}")
        arrived = self._loader.take()
        if isinstance(arrived, PhospheneError):
            self._take_back(RELOADS, f"it stays with model {self._studio.settings.model}", arrived)
        elif arrived is not None:
            self._repaint(arrived)

    def _take_back(self, names: tuple[str, ...], result: str, error: PhospheneError) -> None:
        """Give up the settings that could not be had, and no others."""
        now = self._studio.settings
        lost = changed(now, self._wanted, names)
        self._wanted = taken_over(self._wanted, now, names)
        self._settle()
        self._context.tell(f"{result}: {error}; taken back: {lost}; all else that was set holds")

    def _repaint(self, arrived: Painter) -> None:
        if arrived is not self._studio.painter:
            self._studio.repaint(arrived)
        self._lead.forget()
        self._studio.change(self._wanted)
        self._model = arrived.model
        complaint = self._studio.complaint()
        told = f"painting with model {self._wanted.model}, {arrived.size_px} pixels"
        self._context.tell(told if complaint is None else f"{told}; {complaint}")

    # ---- work ----------------------------------------------------------------------------------

    def step(self) -> None:
        """Answer wishes, take in percepts; render what is due."""
        self._desk.serve()
        self._exchange()
        if self._inlet.stopped():
            self._studio.forget()
        if self._lossless:
            self._still()
            return
        self._see()
        if self._clock is None:
            return
        begin_s = self._begin_s(self._clock)
        if begin_s - self._context.clock.now() >= NEAR_S:
            return
        self._context.clock.wait_until(begin_s)
        # What came in the last moment is in this frame, not in the next.
        self._see()
        now = self._context.clock.now()
        # A lead that shrinks (cheap frames after a stall) never turns the clock back.
        reachable_s = max(self._clock.next_due_s, now + self._lead.seconds)
        self._asked_s = max(self._asked_s, reachable_s)
        tick = self._clock.poll(self._asked_s)
        if tick is not None:
            self._frame(tick, now)

    def _see(self) -> None:
        seen = self._inlet.newest()
        if seen is not None:
            self._studio.see(seen)

    def _still(self) -> None:
        """One percept at a time, so that beats and commands are never far apart."""
        if not self._outlet.heard():
            return
        arrived = self._inlet.next()
        if arrived is None:
            return
        seen, t_data_s = arrived
        begun = self._context.clock.now()
        picture = self._studio.still(seen, t_data_s)
        cost_s = self._context.clock.now() - begun
        self._publish(picture, Tick(self._outlet.frames, begun, 0.0, 0), cost_s)
        self._inlet.acknowledge(seen)

    def _frame(self, tick: Tick, begun: float) -> None:
        picture = self._studio.picture(tick.due_s)
        cost_s = self._context.clock.now() - begun
        if picture.state == "picture":
            self._lead.learn(cost_s)
        # Early work waits for its moment, so that frames come evenly.
        self._context.clock.wait_until(tick.due_s)
        self._publish(picture, tick, cost_s)

    def _publish(self, picture: Picture, tick: Tick, cost_s: float) -> None:
        settings = self._studio.settings
        self._outlet.painted_with(self._studio.painter, settings)
        if picture.reason and picture.reason not in self._told:
            self._told.add(picture.reason)
            self._context.tell(f"no decode: {picture.reason}; such percepts stay neutral")
        self._outlet.publish(
            picture, tick, cost_s, fps=settings.fps, seed=settings.seed, model=self._model
        )

    def _start_clock(self) -> None:
        """Have the first frame due one period from now."""
        rate_hz = self._studio.settings.fps
        self._clock = FrameClock(rate_hz, self._context.clock.now() + 1 / rate_hz)
        self._asked_s = 0.0

    def _begin_s(self, clock: FrameClock) -> float:
        return clock.next_due_s - self._lead.seconds


def _refuse_delay(settings: RendererSettings, *, lossless: bool) -> None:
    """At full speed each percept has its own frame: none may come some frames later."""
    if lossless and settings.large.stream_batch:
        cure = "Leave it out, or replay at the speed of the recording."
        raise ConfigError(problem("renderer.large.stream_batch", True, "false at full speed", cure))


def build(context: NodeContext) -> RendererNode:
    """Load what paints, paint a few pictures to warm it up, and make the node."""
    settings, path = context.plan.session.renderer, context.plan.session.decoder.bundle
    _refuse_delay(settings, lossless=context.plan.lossless)
    cores = Cores()
    cores.keep_to(settings.cores)  # before the engine makes its threads
    bundle = None if path is None else Bundle.load(path)

    def loaded() -> Painter:
        made = open_painter(bundle, settings, context.tell)
        warm_up(made, bundle, settings)
        return made

    painter = patiently(loaded, lambda: context.beat({}))
    bounds = open_bounds(None if bundle is None else bundle.manifest.target.sha256)
    studio = Studio(painter, settings, context.clock.now(), bounds)
    complaint = studio.complaint()
    if complaint is not None:
        context.tell(complaint)
    swap = PainterSwap(
        painter,
        settings,
        lambda wanted: open_painter(bundle, wanted, context.tell),
        lambda made, wanted: warm_up(made, bundle, wanted),
        foresee,
    )
    return RendererNode(context, studio, painter.model, swap, cores)
