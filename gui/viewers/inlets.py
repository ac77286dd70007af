"""Where an observers' window gets its view: from the run's folder, or from another machine. No Qt.

Either way it is one socket, that of the observers, and nothing is ever sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import zmq

from phosphene.bus import RunFolder, Subscriber, running_folders
from phosphene.clock import Clock
from phosphene.network.layout import OBSERVED
from phosphene.network.watching import DistantView
from phosphene.sink import Showing, SinkState
from phosphene.sink.node import feed

__all__ = ["Inlet", "LocalInlet", "RemoteInlet"]


class Inlet(Protocol):
    """What tells an observers' window what to show."""

    def look(self) -> Showing:
        """Take in what waits and return what may be shown now."""
        ...

    def silent_s(self) -> float:
        """Return for how many seconds nothing has come, from the beginning on."""
        ...

    def over(self) -> bool:
        """Return whether nothing can come any more."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


class LocalInlet:
    """The observers' view of a run on this machine.

    Parameters
    ----------
    folder : Path
        The run's private folder.
    clock : Clock
        Present time.

    Raises
    ------
    ConfigError
        If the folder is not a private one of this user.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self._heard_s = clock.now()
        endpoint = RunFolder(folder).endpoint(OBSERVED)
        self.state = SinkState(OBSERVED.removeprefix("view-"))
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._subscriber = Subscriber(self._zmq, [endpoint], [b"frame", b"view"])

    def look(self) -> Showing:
        """Take in what waits and return what may be shown now."""
        for message in self._subscriber.receive():
            self._heard_s = self._clock.now()
            feed(self.state, message, self._heard_s)
        return self.state.showing(self._clock.now())

    def silent_s(self) -> float:
        """Return for how many seconds nothing has come, from the beginning on."""
        return self._clock.now() - self._heard_s

    def over(self) -> bool:
        """Return whether the run has ended: the process that it belonged to is gone."""
        return self._folder not in running_folders(self._folder.parent)

    def close(self) -> None:
        """Close the socket."""
        self._subscriber.close()
        self._zmq.term()


class RemoteInlet(DistantView):
    """The observers' view of a run on another machine, encrypted; see `DistantView`."""

    def over(self) -> bool:
        """Return False: the run may come back; without its word the window is blank."""
        return False
