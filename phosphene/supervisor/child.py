"""One process of a run: started in its own session, its words kept in a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from phosphene.seal.opening import KEYS_VARIABLE, lent_for
from phosphene.seal.passphrase import VARIABLE as PASSPHRASE_VARIABLE

__all__ = ["Child", "NodeSpec"]

TAIL_LINES = 12


@dataclass(frozen=True)
class NodeSpec:
    """What to start.

    Attributes
    ----------
    name : str
        Name of the node or tool.
    module : str
        Module run by ``python -m``.
    kind : str
        ``node`` obeys commands and beats; ``tool`` (the simulated hardware) just runs to its end.
    arguments : tuple of str
        Further command-line arguments; a node gets ``--plan FILE`` in front of them.
    environment : mapping
        Variables added to this process's own.
    reads_recording : bool
        Whether it reads the recording that is replayed, and gets all keys that were lent.
    reads : tuple of str
        Ids of the sealed files that it reads otherwise, and whose own keys it gets: the decoder.
    guest : bool
        True: it is not started; who takes its place comes by itself (the console's window). Only
        when that one is gone is it started like any other.
    machine : str
        Name of the machine that it runs on, where that is another one: it is awaited, not started.
    """

    name: str
    module: str
    kind: Literal["node", "tool"] = "node"
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    reads_recording: bool = False
    reads: tuple[str, ...] = ()
    guest: bool = False
    machine: str = ""


class Child:
    """A started process.

    Parameters
    ----------
    spec : NodeSpec
        What to start.
    plan_file : Path
        Plan of the run, handed to nodes.
    log_file : Path
        Where its standard output and error go (appended).
    """

    def __init__(self, spec: NodeSpec, plan_file: Path, log_file: Path) -> None:
        self.spec = spec
        self._log_file = log_file
        plan = ("--plan", str(plan_file)) if spec.kind == "node" else ()
        # One BLAS thread each: many processes share few cores, and sums stay reproducible.
        environment = {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **_inherited(spec),
            **spec.environment,
        }
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", spec.module, *plan, *spec.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the process runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything it has started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Kill the process and everything it has started."""
        self.signal(signal.SIGKILL)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; return False when it has not come in time."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def how_it_fell(self) -> str:
        """Say in words how the process has ended."""
        code = self._process.poll() or 0
        return f"signal {-code}" if code < 0 else f"exit {code}"

    def last_words(self) -> str:
        """Return the last lines of its log."""
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


def _inherited(spec: NodeSpec) -> dict[str, str]:
    """Return this process's variables without what opens recordings.

    A process that nobody else's key was given to can neither lose it nor hand it on: only what
    reads the recording gets that recording's keys, only what reads the decoder gets the decoder's,
    and nothing gets the steward's passphrase.
    """
    withheld = {PASSPHRASE_VARIABLE, KEYS_VARIABLE}
    kept = {name: value for name, value in os.environ.items() if name not in withheld}
    lent = os.environ.get(KEYS_VARIABLE, "") if spec.reads_recording else lent_for(spec.reads)
    return kept | ({KEYS_VARIABLE: lent} if lent else {})
