"""Opens a connection to a receiver that may not listen yet."""

from __future__ import annotations

import socket

from phosphene.clock import Clock
from phosphene.errors import InputError, problem

__all__ = ["dial"]

_PATIENCE_S = 20.0
_AGAIN_S = 0.05


def dial(host: str, port: int, clock: Clock, patience_s: float = _PATIENCE_S) -> socket.socket:
    """Return a connection; try again for `patience_s` seconds while nobody listens.

    Raises
    ------
    InputError
        If nobody does in time.
    """
    until_s = clock.now() + patience_s
    while True:
        try:
            return socket.create_connection((host, port), timeout=patience_s)
        except OSError as error:
            if clock.now() >= until_s:
                allowed = f"somebody who listens within {patience_s:g} s"
                raise InputError(
                    problem("--to", f"{host}:{port} ({error})", allowed, "Start the receiver.")
                ) from error
        clock.wait_until(clock.now() + _AGAIN_S)
