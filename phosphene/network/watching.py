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

__all__ = ["DistantView", "OneWayClock"]

_DRIFT = 1e-3
"""How much faster than this machine's clock the other one may run, per second."""


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
            now_s = self._clock.now()
            self._time.hear(message.header.t_sent, now_s)
            feed(self.state, message, self._time.there_s(now_s))
        return self.state.showing(self._time.there_s(self._clock.now()))

    def close(self) -> None:
        """Close the socket."""
        self._inlet.close()
        self._context.term()
