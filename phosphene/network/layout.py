"""Which socket of a run is where, and whose keys it lets in; pure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict

from phosphene.errors import ConfigError, problem
from phosphene.network.keys import load_network_key, load_network_public, raw
from phosphene.session_network import CONSOLE, NetworkSettings

__all__ = ["DISTANT_PATIENCE_S", "PLACES", "Machine", "Network", "Peer"]

DISTANT_PATIENCE_S = 600.0
"""Somebody has to carry the plan to the other machine, and to start its nodes."""

OBSERVED = "view-observer"
PLACES: dict[str, tuple[str, ...]] = {
    "control": (CONSOLE, "decoder", "renderer"),
    "bonds": (CONSOLE, "decoder", "renderer"),
    "records": (CONSOLE, "decoder", "renderer"),
    "grants": (CONSOLE, "decoder", "renderer"),
    "acquisition": (CONSOLE, "decoder"),
    "acks": (CONSOLE, "decoder"),
    "decoder": ("decoder", "renderer", CONSOLE),
    "render-acks": ("decoder", "renderer"),
    "renderer": ("renderer", CONSOLE),
    "paint-control": ("renderer", CONSOLE),
    OBSERVED: (CONSOLE,),
}
"""Sockets that may be on a network, in the order of their ports: who binds, then who connects.
``console`` stands for everything that always runs there. All other sockets never leave it."""


def _checked(public: str) -> str:
    raw(public)
    return public


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Peer(_Fact):
    """Somebody with a key.

    Parameters
    ----------
    name : str
        What it is called in this run.
    public : str
        Its public key, 40 characters of Z85.
    """

    name: str
    public: Annotated[str, AfterValidator(_checked)]


class Machine(Peer):
    """A machine of the run; the console comes first and has all nodes that no other has.

    Parameters
    ----------
    address, listen : str
        Where it is reached, and the IP address at which it listens.
    nodes : tuple of str
        What runs there.
    """

    address: str
    listen: str
    nodes: tuple[str, ...] = ()


class Network(_Fact):
    """The machines of a run, as its plan carries them: addresses and public keys.

    Parameters
    ----------
    key : Path
        Private key of the machine that reads this.
    here : str
        Name of that machine.
    port : int
        First TCP port.
    machines : tuple of Machine
        The console, then the others.
    observers : tuple of Peer
        Who may watch from elsewhere.
    """

    key: Path
    here: str = CONSOLE
    port: int
    machines: tuple[Machine, ...]
    observers: tuple[Peer, ...] = ()

    @classmethod
    def of(cls, settings: NetworkSettings | None) -> Self | None:
        """Read the keys that a session names; None where it names no network.

        Raises
        ------
        ConfigError
            If a key cannot be read, or two are the same.
        """
        if settings is None:
            return None
        console = Machine(
            name=CONSOLE,
            public=load_network_key(settings.key).public,
            address=settings.address,
            listen=settings.listen or settings.address,
        )
        others = [
            Machine(name=m.name, public=load_network_public(m.key), address=m.address,
                    listen=m.listen or m.address, nodes=m.nodes)
            for m in settings.machines
        ]  # fmt: skip
        observers = [
            Peer(name=o.name, public=load_network_public(o.key)) for o in settings.observers
        ]
        keys = [peer.public for peer in (console, *others, *observers)]
        if len(set(keys)) < len(keys):
            allowed = "a key of its own for each machine and observer"
            raise ConfigError(problem("network", "one key twice", allowed, "Make another pair."))
        return cls(
            key=settings.key, port=settings.port,
            machines=(console, *others), observers=tuple(observers),
        )  # fmt: skip

    @property
    def mine(self) -> Machine:
        """The machine that reads this."""
        return self.machine(self.here)

    @property
    def distant(self) -> bool:
        """Whether this machine is another one than the console, with another clock."""
        return self.here != CONSOLE

    def machine(self, name: str) -> Machine:
        """Return the machine of this name.

        Raises
        ------
        ConfigError
            If there is none.
        """
        for machine in self.machines:
            if machine.name == name:
                return machine
        known = ", ".join(m.name for m in self.machines)
        raise ConfigError(problem("machine", name, known, "Name one of the session's machines."))

    def home(self, node: str) -> Machine:
        """Return where a node runs."""
        return next((m for m in self.machines if node in m.nodes), self.machines[0])

    def address(self, name: str) -> str | None:
        """Return the TCP address of a socket; None where it is a file in the run's folder."""
        if name not in PLACES:
            return None
        parties = {self.home(node).name for node in PLACES[name]}
        if len(parties) == 1 and not (name == OBSERVED and self.observers):
            return None
        return f"tcp://{self.home(PLACES[name][0]).address}:{self._port(name)}"

    def bound(self, name: str) -> str:
        """Return the address at which a socket listens."""
        return f"tcp://{self.home(PLACES[name][0]).listen}:{self._port(name)}"

    def admitted(self, name: str) -> dict[bytes, str]:
        """Return the keys that a socket lets in, with their names; nobody else comes in."""
        peers: list[Peer] = [self.home(node) for node in PLACES[name]]
        if name == OBSERVED:
            peers += self.observers
        return {raw(peer.public): peer.name for peer in peers}

    def _port(self, name: str) -> int:
        return self.port + list(PLACES).index(name)
