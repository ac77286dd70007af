"""Settings of a run on several machines; without this table nothing listens on a network."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phosphene.errors import problem

__all__ = ["CONSOLE", "LAST_PORT", "MachineSettings", "NetworkSettings", "ObserverSettings"]

CONSOLE = "console"
LAST_PORT = 65_500
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MachineSettings(_Settings):
    """Another machine that runs nodes of this session.

    Parameters
    ----------
    name : str
        What the machine is called here.
    key : Path
        Its public key (``phosphene keys new NAME --network``, made on that machine).
    address : str
        Where it is reached.
    listen : str or None
        IP address at which it listens, where that is another one than `address`.
    nodes : tuple of str
        What runs there: ``decoder``, ``renderer`` or both.
    """

    name: Name
    key: Path
    address: Host
    listen: Host | None = None
    nodes: Annotated[tuple[Literal["decoder", "renderer"], ...], Field(min_length=1)]


class ObserverSettings(_Settings):
    """Somebody who watches from another machine; gets what observers get, and nothing else.

    Parameters
    ----------
    name : str
        What the observer is called here.
    key : Path
        The observer's public key.
    """

    name: Name
    key: Path


class NetworkSettings(_Settings):
    """How this machine, the console, is reached by others.

    Parameters
    ----------
    key : Path
        This machine's private key (``phosphene keys new console --network``).
    address : str
        Where the other machines reach this one.
    listen : str or None
        IP address at which it listens, where that is another one than `address`.
    port : int
        First of eleven TCP ports; those that are used are open while the run lasts.
    everywhere : bool
        True: `listen` may be ``0.0.0.0``, which is every network that the machine is in.
    machines : tuple of MachineSettings
        Machines that run nodes.
    observers : tuple of ObserverSettings
        Who may watch from elsewhere.
    """

    key: Path
    address: Host
    listen: Host | None = None
    port: Annotated[int, Field(ge=1024, le=LAST_PORT)] = 47800
    everywhere: bool = False
    machines: tuple[MachineSettings, ...] = ()
    observers: tuple[ObserverSettings, ...] = ()

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        names = [CONSOLE, *(m.name for m in self.machines), *(o.name for o in self.observers)]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(problem("name", sorted(twice), "each name once", "Rename one."))
        nodes = [node for machine in self.machines for node in machine.nodes]
        if twice := {node for node in nodes if nodes.count(node) > 1}:
            raise ValueError(problem("nodes", sorted(twice), "each node once", "Remove one."))
        if not self.machines and not self.observers:
            raise ValueError("neither machines nor observers: remove the table [network]")
        places = [(self.address, self.listen), *((m.address, m.listen) for m in self.machines)]
        for address, listen in places:
            _check_place(address, listen, everywhere=self.everywhere)
        return self


def _check_place(address: str, listen: str | None, *, everywhere: bool) -> None:
    if _ip(address) is not None and ipaddress.ip_address(address).is_unspecified:
        allowed = "the address at which others reach this machine"
        raise ValueError(problem("address", address, allowed, "Use listen for 0.0.0.0."))
    bound = listen or address
    if (ip := _ip(bound)) is None:
        raise ValueError(problem("listen", bound, "an IP address of the machine", "Set listen."))
    if ip.is_unspecified and not everywhere:
        allowed = "one address of the machine, or everywhere = true beside it"
        raise ValueError(problem("listen", bound, allowed, "Name the network that is meant."))


def _ip(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None
