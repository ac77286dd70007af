"""A listening socket that lets in named hosts, one at a time."""

from __future__ import annotations

import ipaddress
import select
import socket
from collections.abc import Sequence

from phosphene.closing import Closing
from phosphene.errors import ConfigError, InputError, problem

__all__ = ["Door", "Network", "networks_of"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_WAITING = 8


def networks_of(hosts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks, such as ``192.168.2.10`` and ``10.0.0.0/24``.

    Raises
    ------
    ConfigError
        Lists those that are neither.
    """
    read, wrong = [], []
    for host in hosts:
        try:
            read.append(ipaddress.ip_network(host))
        except ValueError:
            wrong.append(host)
    if wrong:
        raise ConfigError(
            problem("source.allowed_hosts", wrong, "addresses or networks, for instance "
                    "192.168.2.10 or 10.0.0.0/24", "Names of hosts are not looked up.")
        )  # fmt: skip
    return tuple(read)


class Door(Closing):
    """Listens at an address and port.

    Whoever else wants to come in while one connection is served waits in the system's queue.

    Parameters
    ----------
    host : str
        Address to listen at.
    port : int
        Port; 0 for any free one.
    allowed : sequence of network
        Who may come in; all others are turned away before a byte is read.

    Raises
    ------
    InputError
        If the port cannot be had.
    """

    def __init__(self, host: str, port: int, allowed: Sequence[Network]) -> None:
        self._allowed = tuple(allowed)
        self.turned_away = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(_WAITING)
        except OSError as error:
            self._socket.close()
            raise InputError(
                problem("source.host and port", f"{host}:{port} ({error.strerror})",
                        "an address of this machine and a free port", "Stop what has it.")
            ) from error  # fmt: skip
        self._socket.setblocking(False)

    @property
    def port(self) -> int:
        """Port that is listened at."""
        number: int = self._socket.getsockname()[1]
        return number

    def fileno(self) -> int:
        """Return the descriptor, for `select`."""
        return self._socket.fileno()

    def knocked(self) -> bool:
        """Tell whether somebody waits."""
        return bool(select.select([self.fileno()], [], [], 0)[0])

    def let_in(self) -> socket.socket | None:
        """Accept who waits; None for nobody, and for somebody who is turned away."""
        try:
            connection, address = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return None
        peer = ipaddress.ip_address(address[0].partition("%")[0])
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        if not any(peer in network for network in self._allowed):
            connection.close()
            self.turned_away += 1
            return None
        connection.setblocking(False)
        # A sender that lost its power sends no farewell; the system finds out.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
