"""Sockets that refuse to speak TCP without keys.

Every process of a run makes its sockets from a `GuardedContext`: whatever binds or connects by TCP
gets CURVE, and a list of keys where it binds. There is no other way to a TCP socket, so that
none can be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import zmq

from phosphene.errors import ConfigError, problem
from phosphene.network.admission import Admission
from phosphene.network.keys import NetworkKey, load_network_key
from phosphene.network.layout import PLACES, Network

__all__ = ["Guard", "GuardedContext", "GuardedSocket", "guarded_context"]

_LOCAL = ("ipc://", "inproc://")
_NOT_OURS = "an address of this run that this machine may open"
_LOOK = "Look at [network] of the session."
_MOST_BYTES = 64 * 2**20
_HANDSHAKE_MS, _HEARTBEAT_MS, _SILENCE_MS = 5000, 1000, 5000


@dataclass(frozen=True)
class Guard:
    """What one process may open, and with which keys.

    Attributes
    ----------
    key : NetworkKey
        This machine's own pair.
    serving : mapping
        TCP addresses that may be bound: name of the socket, and address at which it listens.
    joining : mapping
        TCP addresses that may be connected to, with their owners' public keys.
    lists : mapping
        For each socket the keys that come in.
    """

    key: NetworkKey
    serving: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    joining: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[bytes, Mapping[bytes, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network) -> Self:
        """Return what a machine's processes may open.

        Raises
        ------
        ConfigError
            If the private key is not the one that the run knows of this machine.
        """
        key = load_network_key(network.key)
        if key.public != network.mine.public:
            allowed = f"the private key of {network.here} in this run"
            raise ConfigError(problem("key", str(network.key), allowed, "Name the right one."))
        there = {name: address for name in PLACES if (address := network.address(name))}
        own = {n for n in there if network.home(PLACES[n][0]).name == network.here}
        return cls(
            key=key,
            serving={there[name]: (name, network.bound(name)) for name in own},
            joining={a: network.home(PLACES[n][0]).public for n, a in there.items()},
            lists={name.encode(): network.admitted(name) for name in own},
        )


class GuardedSocket(zmq.Socket[bytes]):
    """A socket that opens files and memory freely, and TCP only as its context's guard says."""

    def bind(self, addr: str) -> Any:
        """Bind; by TCP with CURVE, and only to an address that is this process's to bind.

        Raises
        ------
        ConfigError
            If it is not, or if something else listens there.
        """
        if addr.startswith(_LOCAL):
            return super().bind(addr)
        context, guard = self._home(addr)
        if addr not in guard.serving:
            raise self._refuse(addr, _NOT_OURS, _LOOK)
        name, listen = guard.serving[addr]
        context.admit()
        self.curve_server = True
        self.curve_publickey = guard.key.public.encode()
        self.curve_secretkey = guard.key.secret.encode()
        self.zap_domain = name.encode()
        # Fail closed: without anybody who answers, nobody comes in.
        self.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        _watch_line(self)
        try:
            return super().bind(listen)
        except zmq.ZMQError as error:
            self.close(linger=0)
            words = f"network: {name} cannot listen at {listen}: {error.strerror}"
            raise ConfigError(words) from error

    def connect(self, addr: str) -> Any:
        """Connect; by TCP with CURVE, and only to an address whose public key is known.

        Raises
        ------
        ConfigError
            If it is not known.
        """
        if addr.startswith(_LOCAL):
            return super().connect(addr)
        _, guard = self._home(addr)
        if addr not in guard.joining:
            raise self._refuse(addr, _NOT_OURS, _LOOK)
        self.curve_publickey = guard.key.public.encode()
        self.curve_secretkey = guard.key.secret.encode()
        self.curve_serverkey = guard.joining[addr].encode()
        _watch_line(self)
        return super().connect(addr)

    def _home(self, addr: str) -> tuple[GuardedContext, Guard]:
        context = self.context
        if not addr.startswith("tcp://"):
            raise self._refuse(addr, "ipc, inproc or tcp", "Use one of these.")
        if not isinstance(context, GuardedContext) or context.guard is None:
            raise self._refuse(addr, "no TCP without keys", "Set [network] in the session.")
        return context, context.guard

    def _refuse(self, addr: str, allowed: str, cure: str) -> ConfigError:
        self.close(linger=0)
        return ConfigError(problem("address", addr, allowed, cure))


class GuardedContext(zmq.Context[GuardedSocket]):
    """Context of a process of a run.

    Attributes
    ----------
    guard : Guard or None
        Keys and addresses; None: no TCP at all.
    """

    _socket_class = GuardedSocket
    guard: Guard | None = None
    admission: Admission | None = None

    def admit(self) -> None:
        """Begin to answer who may come in; once is enough."""
        if self.admission is None and self.guard is not None:
            self.admission = Admission(self, self.guard.lists)

    def term(self) -> None:
        """Stop answering, then terminate."""
        self._close_door()
        super().term()

    def destroy(self, linger: int | None = None) -> None:
        """Stop answering, then close all sockets and terminate."""
        self._close_door()
        super().destroy(linger)

    def _close_door(self) -> None:
        if self.admission is not None and not self.closed:
            self.admission.close()
        self.admission = None


def guarded_context(guard: Network | Guard | None) -> GuardedContext:
    """Make the context of a process of a run.

    Raises
    ------
    ConfigError
        If this machine's private key cannot be read or is another's.
    """
    context = GuardedContext()
    context.guard = Guard.of(guard) if isinstance(guard, Network) else guard
    return context


def _watch_line(socket: zmq.Socket[bytes]) -> None:
    """Bound what comes in, notice a line that is cut, do not wait for those who say nothing."""
    socket.setsockopt(zmq.MAXMSGSIZE, _MOST_BYTES)
    socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
    socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _SILENCE_MS)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
