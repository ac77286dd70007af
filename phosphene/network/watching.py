"""Watching from another machine: what the gate lets observers see, and nothing else."""

from __future__ import annotations

from pathlib import Path

import zmq

from phosphene.bus import Subscriber
from phosphene.clock import Clock
from phosphene.closing import Closing
from phosphene.network.keys import load_network_key, load_network_public
from phosphene.network.layout import OBSERVED
from phosphene.network.sockets import Guard, guarded_context
from phosphene.sink.node import feed
from phosphene.sink.state import Showing, SinkState

__all__ = ["DistantView", "OneWayClock", "Silence", "unanswered"]

_DRIFT = 1e-3
"""How much faster than this machine's clock the other one may run, per second."""
PATIENCE_S = 5.0
"""The gate speaks ten times a second; joining it takes a moment."""


class OneWayClock:
    """Tells a sender's time from the stamps on what it sends.

    The message that was quickest on its way tells best. What comes later than that was held up,
    and is old by so much. Pure, with times handed in.
    """

    def __init__(self) -> None:
        self._behind_s: float | None = None
        self._heard_s = 0.0

    def hear(self, sent_s: float, now_s: float) -> None:
        """Take in a stamp, on the sender's clock, that arrives now, on this machine's."""
        behind_s = now_s - sent_s
        if self._behind_s is not None:
            drifted_s = self._behind_s + _DRIFT * (now_s - self._heard_s)
            behind_s = min(behind_s, drifted_s)
        self._behind_s, self._heard_s = behind_s, now_s

    def there_s(self, now_s: float) -> float:
        """Return the sender's time; before anything was heard, this machine's."""
        return now_s - (self._behind_s or 0.0)


class Silence:
    """Notices that nobody answers: once in each silence.

    Parameters
    ----------
    patience_s : float
        Seconds without a word after which it is one.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._told = False

    def holds(self, silent_s: float) -> bool:
        """Return whether so many seconds without a word are a silence."""
        return silent_s >= self._patience_s

    def begins(self, silent_s: float) -> bool:
        """Return, once, that a silence has begun."""
        told, self._told = self._told, self.holds(silent_s)
        return self._told and not told


def unanswered(where: str) -> str:
    """Word for the terminal that nobody answers there, and what may be the matter."""
    return (
        f"nobody answers at {where}: has the run begun, is this its address, and does its "
        "[network] list this observer's key? Waiting"
    )


class DistantView(Closing):
    """The observers' view of a run on another machine.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT`` of the observers' socket, as the console tells it.
    console : Path
        The console's public key.
    key : Path
        The observer's own private key.
    clock : Clock
        This machine's clock.

    Attributes
    ----------
    state : SinkState
        Counters and permission.

    Raises
    ------
    ConfigError
        If a key cannot be read.
    """

    def __init__(self, address: str, console: Path, key: Path, clock: Clock) -> None:
        guard = Guard(load_network_key(key), joining={address: load_network_public(console)})
        self._clock, self._time = clock, OneWayClock()
        self._heard_s = clock.now()
        self.state = SinkState(OBSERVED.removeprefix("view-"))
        self._context = guarded_context(guard)
        self._inlet = Subscriber(self._context, [address], [b"frame", b"view"])

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The socket whose arrival means that there is news."""
        return self._inlet.socket

    def look(self) -> Showing:
        """Take in what waits and return what may be shown now."""
        for message in self._inlet.receive():
            self._heard_s = now_s = self._clock.now()
            self._time.hear(message.header.t_sent, now_s)
            feed(self.state, message, self._time.there_s(now_s))
        return self.state.showing(self._time.there_s(self._clock.now()))

    def silent_s(self) -> float:
        """Return for how many seconds nothing has come, from the beginning on."""
        return self._clock.now() - self._heard_s

    def close(self) -> None:
        """Close the socket."""
        self._inlet.close()
        self._context.term()
