"""One machine's part of a run that another machine, the console, has begun.

The engineer carries the run's plan over (it holds pseudonym and consent, addresses and public keys,
no data). From it a plan for this machine is made: its own folder, its own private key, and paths
as they are here.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phosphene.bundle import Bundle
from phosphene.bus import RunFolder
from phosphene.clock import Clock
from phosphene.errors import BundleError, ConfigError, NodeError, problem
from phosphene.live_bundle import keys_of
from phosphene.network.layout import Network
from phosphene.network.sockets import Guard
from phosphene.node import CONFIG_EXIT
from phosphene.plan import Plan
from phosphene.supervisor.child import Child, NodeSpec
from phosphene.supervisor.policy import RestartPolicy

__all__ = ["Here", "read_plan", "run_nodes"]

_TICK_S = 0.1
_END_S = 8.0


class Here:
    """What is different on this machine.

    Parameters
    ----------
    machine : str
        Name of this machine in the session.
    key : Path
        Its private key.
    bundle : Path or None
        Where the person's bundle lies here; None: where it lies on the console.
    trusted : sequence of Path
        Public keys of those who may sign consents, as they lie here; empty: as on the console.
    """

    def __init__(
        self, machine: str, key: Path, bundle: Path | None = None, trusted: Sequence[Path] = ()
    ) -> None:
        self.machine, self.key = machine, key.absolute()
        self.bundle = None if bundle is None else bundle.absolute()
        self.trusted = [path.absolute() for path in trusted]

    def adapt(self, told: dict[str, Any]) -> dict[str, Any]:
        """Return the content of a plan with this machine's paths."""
        network = told.get("network")
        if network is None:
            allowed = "the plan of a session with [network]"
            raise ConfigError(problem("plan", "a run on one machine", allowed, "Take another."))
        session = dict(told["session"])
        if self.bundle is not None:
            session["decoder"] = {**session["decoder"], "bundle": str(self.bundle)}
        if self.trusted:
            trusted = [str(path) for path in self.trusted]
            session["consent"] = {**session["consent"], "trusted_keys": trusted}
        mine = {**network, "here": self.machine, "key": str(self.key)}
        # Recordings and the audit log are the console's.
        return {**told, "session": session, "network": mine, "out": None, "audit": None}


def read_plan(path: Path, here: Here) -> Plan:
    """Read the console's plan as this machine's.

    Raises
    ------
    ConfigError
        If it is no plan of a run on several machines, this machine or its key is not in it, or
        nothing runs here.
    BundleError
        If the bundle here is another one than the console's.
    """
    try:
        plan = Plan.model_validate(here.adapt(json.loads(path.read_text("utf-8"))))
    except OSError as error:
        raise ConfigError(f"plan {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise ConfigError(f"plan {path}: {error}") from error
    network = _network_of(plan)
    if not network.distant or not network.mine.nodes:
        others = ", ".join(m.name for m in network.machines if m.nodes)
        raise ConfigError(problem("machine", here.machine, others or "none", "Name this machine."))
    Guard.of(network)
    _check_bundle(plan)
    return plan


def _network_of(plan: Plan) -> Network:
    if plan.network is None:
        raise ConfigError("the plan names no network")
    return plan.network


def _check_bundle(plan: Plan) -> None:
    path, wanted = plan.session.decoder.bundle, plan.facts.get("bundle", "")
    if path is None or "decoder" not in _network_of(plan).mine.nodes:
        return
    found = Bundle.load(path).digest
    if wanted and found != wanted:
        raise BundleError(problem("bundle", f"{path} ({found[:12]})", wanted[:12], "Copy it anew."))


def run_nodes(
    plan: Plan, say: Callable[[str], None], clock: Clock, until: Callable[[], bool]
) -> None:
    """Run this machine's nodes until the console ends them; start what falls again.

    Parameters
    ----------
    plan : Plan
        This machine's.
    say : Callable
        Gets one line for each thing worth telling.
    clock : Clock
        Present time.
    until : Callable
        Returns True when they are to end before.

    Raises
    ------
    NodeError
        If a node cannot run as it is configured, or falls again and again.
    """
    network = _network_of(plan)
    folder = RunFolder.create(f"{plan.run[:10]}-{network.here}"[:40])
    try:
        file = plan.model_copy(update={"folder": folder.path}).save()
        needed = {name: keys_of(plan.session, name) for name in network.mine.nodes}
        _Crew(file, folder.path, needed, say, clock).work(until)
    finally:
        folder.remove()


class _Crew:
    """The nodes of this machine."""

    def __init__(
        self,
        plan: Path,
        logs: Path,
        nodes: Mapping[str, tuple[str, ...]],
        say: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._plan, self._logs, self._say, self._clock = plan, logs, say, clock
        self._policy, self._reads = RestartPolicy(), nodes
        self._at_work = {name: self._start(name) for name in nodes}

    def _start(self, name: str) -> Child:
        spec = NodeSpec(name, name, reads=self._reads[name])
        return Child(spec, self._plan, self._logs / f"{name}.log")

    def work(self, until: Callable[[], bool]) -> None:
        try:
            while self._at_work and not until():
                for name, child in list(self._at_work.items()):
                    self._look_after(name, child)
                self._clock.wait_until(self._clock.now() + _TICK_S)
        finally:
            for child in self._at_work.values():
                _end(child)

    def _look_after(self, name: str, child: Child) -> None:
        code = child.exit_code()
        if code is None:
            return
        if code == 0:
            del self._at_work[name]
            self._say(f"{name} has ended")
            return
        again = code != CONFIG_EXIT and self._policy.allow(name, self._clock.now())
        if not again:
            raise NodeError(f"{name} ended (exit {code}):\n{child.last_words()}")
        self._say(f"{name} fell (exit {code}): starting it again")
        self._at_work[name] = self._start(name)


def _end(child: Child) -> None:
    for number, patience_s in ((signal.SIGTERM, _END_S), (signal.SIGKILL, _END_S)):
        child.signal(number)
        if child.wait(patience_s):
            return
