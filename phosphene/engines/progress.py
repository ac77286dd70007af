"""Progress of a build: TensorRT's phases as one bar."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

__all__ = ["PhaseBar", "monitor"]


class PhaseBar:
    """Shows the outermost phase as a bar, and names the one inside that runs.

    Parameters
    ----------
    title : str
        What is built.
    shown : bool or None
        None shows it where standard error is a terminal.
    """

    def __init__(self, title: str, shown: bool | None = None) -> None:
        self._hidden = not (sys.stderr.isatty() if shown is None else shown)
        self._title = title
        self._outer: str | None = None
        self._bar: Any = None
        self.phases: list[str] = []

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """Begin a phase of some steps, inside another one or alone."""
        self.phases.append(phase)
        if self._outer is None or parent is None:
            self.close()
            self._outer = phase
            self._bar = tqdm(total=steps, desc=f"{self._title}: {phase}", disable=self._hidden)
        else:
            self._bar.set_postfix_str(phase)

    def step(self, phase: str, done: int) -> None:
        """Note that a step (counted from 0) of a phase is done."""
        if phase == self._outer and not self._hidden:
            self._bar.update(min(done + 1, self._bar.total) - self._bar.n)

    def finish(self, phase: str) -> None:
        """End a phase."""
        if phase == self._outer:
            self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._outer = None, None


def monitor(trt: Any, bar: PhaseBar) -> Any:
    """Return an `IProgressMonitor` of this TensorRT that feeds `bar`; None where it has none."""
    base = getattr(trt, "IProgressMonitor", None)
    if base is None:
        return None

    def initialise(self: Any) -> None:
        base.__init__(self)

    def step_complete(_self: Any, phase: str, done: int) -> bool:
        bar.step(phase, done)
        return True  # False would stop the build

    methods = {
        "__init__": initialise,
        "phase_start": lambda _self, phase, parent, steps: bar.start(phase, parent, steps),
        "step_complete": step_complete,
        "phase_finish": lambda _self, phase: bar.finish(phase),
    }
    return type("Monitor", (base,), methods)()
