"""A sender of AFNI's real-time protocol, as Dimon and rtfeedme are."""

from __future__ import annotations

import socket

import numpy as np
import numpy.typing as npt

from acquisition.simulate.dial import dial
from acquisition.sources.tcp.afni import END_MARK, control_text
from acquisition.sources.tcp.afni_header import AfniHeader, encode_header
from phosphene.clock import Clock
from phosphene.closing import Closing

__all__ = ["AFNI_PORT", "AfniSender"]

AFNI_PORT = 7954


class AfniSender(Closing):
    """Sends the volumes of one series by one data connection.

    Parameters
    ----------
    host, port
        Where somebody listens for control connections.
    header : AfniHeader
        Description of the series.
    clock : Clock
        For waiting until somebody listens.
    data_port : int or None
        Port for the data connection; by default the one below `port`, as AFNI has it.

    Raises
    ------
    InputError
        If nobody listens in time.
    """

    def __init__(
        self,
        host: str,
        port: int,
        header: AfniHeader,
        clock: Clock,
        data_port: int | None = None,
    ) -> None:
        self._header = header
        second = port - 1 if data_port is None else data_port
        with dial(host, port, clock) as control:
            control.sendall(control_text(host, second))
        self._data: socket.socket = dial(host, second, clock)
        self.send_raw(encode_header(header))

    def send(self, data: npt.NDArray[np.generic]) -> None:
        """Send the next volume (X, Y, Z), slice by slice in their order where it is told so."""
        stacked = np.ascontiguousarray(data.T, self._header.pixel)
        if not self._header.by_slice:
            self.send_raw(stacked.tobytes())
            return
        for place in self._header.arrival:
            self.send_raw(stacked[place].tobytes())

    def send_raw(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._data.sendall(raw)

    def end_series(self) -> None:
        """End the series; another one may follow on the same connection (see `start_series`)."""
        self.send_raw(END_MARK.ljust(self._header.image_bytes, b"\0"))

    def start_series(self, header: AfniHeader) -> None:
        """Begin another series on the same connection."""
        self._header = header
        self.send_raw(encode_header(header))

    def close(self) -> None:
        """Hang up."""
        self._data.close()
