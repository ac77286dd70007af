"""A sender of MURFI's vsend protocol, as a scanner or its simulator is one."""

from __future__ import annotations

import socket

import numpy as np
import numpy.typing as npt

from acquisition.simulate.dial import dial
from acquisition.sources.tcp.vsend import encode_volume
from acquisition.sources.tcp.vsend_header import VsendHeader
from phosphene.clock import Clock
from phosphene.closing import Closing

__all__ = ["VSEND_PORT", "VsendSender"]

VSEND_PORT = 15000


class VsendSender(Closing):
    """Sends the volumes of one series; a new connection for each, as scanners do.

    Parameters
    ----------
    host, port
        Where somebody listens.
    series_uid : str
        Identifier of the series.
    affine : array (4, 4)
        Voxel index to RAS millimetres.
    tr_s : float
        Repetition time in seconds; the protocol carries whole milliseconds.
    n_volumes : int
        Volumes that are announced.
    clock : Clock
        For waiting until somebody listens.
    mosaic : bool
        Whether slices are tiled into one picture.
    keep_open : bool
        Whether one connection serves all volumes.
    """

    def __init__(
        self,
        host: str,
        port: int,
        series_uid: str,
        affine: npt.NDArray[np.float64],
        tr_s: float,
        n_volumes: int,
        clock: Clock,
        mosaic: bool = True,
        keep_open: bool = False,
    ) -> None:
        self._where, self._clock, self._keep_open = (host, port), clock, keep_open
        self._uid, self._affine, self._tr_s = series_uid, affine, tr_s
        self._n_volumes, self._mosaic = n_volumes, mosaic
        self._open: socket.socket | None = None

    def raw(self, data: npt.NDArray[np.generic], index: int) -> bytes:
        """Return the bytes of volume `index` (from 0), data (X, Y, Z)."""
        x, y, z = data.shape
        header = VsendHeader(
            shape=(x, y, z),
            affine=self._affine,
            pixel=data.dtype,
            mosaic=self._mosaic,
            tr_s=self._tr_s,
            number=index + 1,
            total=self._n_volumes,
            series_uid=self._uid,
        )
        return encode_volume(data, header)

    def send(self, data: npt.NDArray[np.generic], index: int) -> None:
        """Send volume `index` (from 0); waits until somebody listens.

        Raises
        ------
        InputError
            If nobody does in time.
        """
        self.send_raw(self.raw(data, index))

    def send_raw(self, raw: bytes | bytearray) -> None:
        """Send bytes as they are, as if they were a volume."""
        connection = self._open or dial(*self._where, self._clock)
        try:
            connection.sendall(raw)
        finally:
            self._open = connection if self._keep_open else None
            if not self._keep_open:
                connection.close()

    def close(self) -> None:
        """Hang up."""
        if self._open is not None:
            self._open.close()
            self._open = None
