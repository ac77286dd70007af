"""The renderer node on an injected clock: percepts that arrive, frames that leave, what loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.bus import Puller, RunFolder
from phosphene.clock import FakeClock
from phosphene.errors import ConfigError
from phosphene.messages import Command
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import RendererSettings
from renderer.node import RendererNode
from renderer.studio import Seen, Studio
from renderer.wishes import RELOADS, needs_loading

FPS = 24.0


class Costly:
    """A painter that takes `cost_s` on the injected clock."""

    modes = ("z", "c", "zc")
    size_px = 16
    noise_shape = (2,)

    def __init__(self, clock: FakeClock, costs_s: Iterator[float], model: str = "m") -> None:
        self._clock, self._costs_s, self.model = clock, costs_s, model
        self.latent = np.zeros(2, np.float32)
        self.renders = 0

    def limits(self) -> str:
        return "all is painted"

    def render(self, *_: object, **__: object) -> npt.NDArray[np.uint8]:
        self.renders += 1
        self._clock.advance(next(self._costs_s))
        return np.zeros((16, 16, 3), np.uint8)


class Percepts:
    """An inlet from which the newest percept that has arrived can be had."""

    waits = False

    def __init__(self, clock: FakeClock, arrivals_s: list[float]) -> None:
        self._clock, self.coming_s, self._seq = clock, arrivals_s, 0

    def counts(self) -> dict[str, int]:
        return {}

    def stopped(self) -> bool:
        return False

    def newest(self) -> Seen | None:
        seen = None
        while self.coming_s and self.coming_s[0] <= self._clock.now():
            t = self.coming_s.pop(0)
            seen = Seen(self._seq, 0, 1.0, t, t, t, None, np.ones(3, np.float32))
            self._seq += 1
        return seen


class Frames:
    """An outlet that keeps what was told of each frame."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock, self.sent = clock, []  # type: tuple[FakeClock, list[SimpleNamespace]]

    @property
    def frames(self) -> int:
        return len(self.sent)

    def counts(self) -> dict[str, int]:
        return {}

    def painted_with(self, painter: Any, settings: Any) -> None:
        pass

    def publish(self, picture: Any, tick: Any, cost_s: float, **facts: Any) -> None:
        seq = -1 if picture.percept is None else picture.percept.seq
        self.sent.append(
            SimpleNamespace(
                state=picture.state, seq=seq, due_s=tick.due_s, index=tick.index,
                skipped=tick.skipped, out_s=self._clock.now(), cost_s=cost_s, **facts,
            )
        )  # fmt: skip


class Rig:
    """A node whose percepts and frames are injected."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        source = {"kind": "recording", "path": "x"}
        plan = Plan.model_validate(
            {
                "run": "r", "folder": RunFolder.create("t", tmp_path).path, "mode": "replay",
                "session": {"person": "p", "modality": "fmri", "source": source},
            }
        )  # fmt: skip
        self.clock = FakeClock(10.0)
        self.context = NodeContext("renderer", plan, self.clock)
        self._records = Puller(self.context.zmq, self.context.endpoint("records"))
        self.costs_s: list[float] = [0.01]
        self.loader = Loads()
        self.painter = Costly(self.clock, self._costs())
        chosen = RendererSettings.model_validate(
            {"model": "world-64", "mode": "c", "steps": 2, "fps": FPS, **settings}
        )
        studio = Studio(self.painter, chosen, 10.0)  # type: ignore[arg-type]
        self.node = RendererNode(self.context, studio, "m", self.loader)
        self.node._inlet.close()
        self.node._outlet.close()
        self.percepts, self.frames = Percepts(self.clock, []), Frames(self.clock)
        self.node._inlet, self.node._outlet = self.percepts, self.frames  # type: ignore[assignment]
        self.percepts.close = self.frames.close = lambda: None  # type: ignore[attr-defined]

    def _costs(self) -> Iterator[float]:
        k = 0
        while True:
            yield self.costs_s[k % len(self.costs_s)]
            k += 1

    def ask(self, action: str = "set", **arguments: str) -> str:
        return self.node.command(
            Command(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="gui", id="1",
                    action=action, arguments=arguments)
        )  # fmt: skip

    def run(self, for_s: float) -> None:
        """Drive the node as its shell does: awake for percepts and for what is due."""
        end_s = self.clock.now() + for_s
        while self.clock.now() < end_s:
            due_s = self.node.due_s()
            assert due_s is not None
            wake_s = min([due_s, *self.percepts.coming_s[:1]])
            self.clock.wait_until(wake_s)
            self.node.step()

    def close(self) -> None:
        self.node.close()
        self._records.close()
        self.context.close()


class Loads:
    """A loader that is done when the test says so."""

    def __init__(self) -> None:
        self.begun: list[RendererSettings] = []
        self.made: list[RendererSettings] = []
        self.ready: Any = None
        self.ripe: Any = False
        self.unready: tuple[str, ...] = ()

    def refuse(self, old: RendererSettings, new: RendererSettings) -> None:
        if new.engine == "cuda":
            raise ConfigError("engine: no GPU")

    def later(self, old: RendererSettings, wanted: RendererSettings) -> tuple[str, ...]:
        return (*(RELOADS if needs_loading(old, wanted) else ()), *self.unready)

    def prepare(self, settings: RendererSettings) -> None:
        self.made.append(settings)

    def prepared(self) -> Any:
        ripe, self.ripe = self.ripe, False
        return ripe

    def give_up(self) -> None:
        self.ready = None

    def close(self) -> None:
        pass

    def begin(self, settings: RendererSettings) -> None:
        self.begun.append(settings)

    def take(self) -> Any:
        ready, self.ready = self.ready, None
        return ready
