"""What tests of a run's page share: a page with a model, a clock, and what it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gui_bench import left_running
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import (
    QApplication,
)

from gui.model import RunModel
from gui.window import OperatorWindow
from phosphene.clock import FakeClock
from phosphene.messages import Frame, Grant, Message, View
from phosphene.plan import Plan
from phosphene.session import Session

RNG = np.random.default_rng(0)


def plan(folder: Path = Path("/"), **fields: Any) -> Plan:
    """Return the plan of a replay of one person's scan."""
    source = {"kind": "recording", "path": "x"}
    session = Session.model_validate({"person": "p01", "modality": "fmri", "source": source})
    facts: dict[str, Any] = {"run": "r1", "mode": "replay", "nodes": ("recorder", "gui")}
    return Plan(**(facts | fields), folder=folder, session=session)


def picture() -> npt.NDArray[np.uint8]:
    """Return a picture that no other is like."""
    return RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)


def stamped(kind: type, t: float, seq: int = 0, **fields: Any) -> Any:
    """Return a header with a time and a number."""
    return kind(run="r1", seq=seq, t_acquired=t, t_sent=t, producer="gate", **fields)


def frame(t: float, pixels: npt.NDArray[np.uint8], seq: int, sink: str) -> tuple[str, Message]:
    """Return a decoded picture as the gate sends it to a sink."""
    header = stamped(
        Frame, t, seq, t_due=t, t_rendered=t, late=False, skipped=0, render_ms=1.0,
        state="picture", percept_seq=0, percept_index=5, confidence=0.5, age_s=0.1,
        t_percept=t, seed=0, model="m", sink=sink, level=4,
    )  # fmt: skip
    return f"view-{sink}", Message(header, {"picture": pixels})


def view(t: float, sink: str, passing: bool = True) -> tuple[str, Message]:
    """Return what the gate says of a view."""
    header = stamped(View, t, sink=sink, passing=passing, reason="", passed=0)
    return f"view-{sink}", Message(header)


class Bench:
    """A window with a model, a clock that stands still and a list of what it asked for."""

    def __init__(self, run: Plan, screen: str | None) -> None:
        self.clock = FakeClock(100.0)
        self.model = RunModel(run)
        self.asked: list[str] = []
        self.given: list[Mapping[str, str]] = []
        self.painted: list[Mapping[str, str]] = []
        self.stops = self.presses = 0
        self.window = OperatorWindow(
            run, self.model, self.clock, self._ask, self._stop, screen,
            paint=self.painted.append, press=self._press,
        )  # fmt: skip
        self.window.tell_phase(going=True, ended=False)

    def _ask(self, action: str, arguments: Mapping[str, str] | None = None) -> None:
        self.asked.append(action)
        self.given.append(arguments or {})

    def _press(self) -> None:
        self.presses += 1

    def say(self, phase: str, reason: str = "", scopes: tuple[str, ...] = ("view_self",)) -> None:
        """Have the gate say how far the run is."""
        now = self.clock.now()
        messages: list[tuple[str, Message]] = []
        for sink in ("operator", "self"):
            passing = phase == "running"
            fields = {"sink": sink, "passing": passing, "reason": reason, "passed": 0}
            messages.append((f"view-{sink}", Message(stamped(View, now, phase=phase, **fields))))
        grant = stamped(Grant, now, person="p01", scopes=scopes, decode=False, reason="x")
        self.model.take([*messages, ("grants", Message(grant))], now)
        self.window.refresh_board()

    def _stop(self) -> None:
        self.stops += 1

    def show(self, pixels: npt.NDArray[np.uint8], seq: int = 0) -> None:
        """Have the gate let a picture through to the operator and the participant."""
        now = self.clock.now()
        messages = []
        for sink in ("operator", "self"):
            messages += [view(now, sink), frame(now, pixels, seq, sink)]
        self.model.take(messages, now)
        self.window.refresh_pictures()


@contextmanager
def on_show(fields: dict[str, Any]) -> Iterator[Bench]:
    """Show the page of a run; afterwards nothing of it may be left.

    `fields` are those of the plan, and ``screen``: the participant's.
    """
    made = Bench(plan(**{k: v for k, v in fields.items() if k != "screen"}), fields.get("screen"))
    made.window.show()
    QApplication.processEvents()
    yield made
    made.window.shut()
    running = left_running(made.window)
    made.window.deleteLater()
    # Now, not when an event loop runs again: windows that pile up slow the next ones down.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not running
