"""Puts the simulated scanner's volumes on the network instead of into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from acquisition.simulate.files import ScannerFile
from acquisition.simulate.send_afni import AFNI_PORT, AfniSender
from acquisition.simulate.send_vsend import VSEND_PORT, VsendSender
from acquisition.simulate.series import Series
from acquisition.sources.tcp.afni_header import AfniHeader
from acquisition.sources.tcp.vsend import encode_volume
from acquisition.sources.tcp.vsend_header import VsendHeader
from phosphene.clock import MonotonicClock
from phosphene.errors import ConfigError, InputError, problem

__all__ = ["NETWORK_VENDORS", "afni_image", "network_target", "vsend_message"]

_PIXEL = np.dtype("<i2")


def vsend_message(
    data: npt.NDArray[np.int16], series: Series, index: int
) -> list[tuple[str, bytes]]:
    """Put the header before a volume; volumes are counted from 1, as scanners do."""
    header = VsendHeader(
        shape=(data.shape[0], data.shape[1], data.shape[2]),
        affine=series.affine,
        pixel=_PIXEL,
        mosaic=True,
        tr_s=series.tr_s,
        number=index + 1,
        total=series.n_volumes,
        series_uid=series.series_uid,
    )
    return [(f"volume {index + 1}", encode_volume(data, header))]


def afni_image(data: npt.NDArray[np.int16], series: Series, index: int) -> list[tuple[str, bytes]]:
    """Return the bytes of a volume; the protocol gives images no header."""
    return [(f"volume {index + 1}", np.ascontiguousarray(data.T, _PIXEL).tobytes())]


NETWORK_VENDORS = {"vsend": (vsend_message, VSEND_PORT), "afni": (afni_image, AFNI_PORT)}
"""Writer and usual port of each protocol."""


@contextmanager
def network_target(
    vendor: str, at: str, series: Series, shape: tuple[int, int, int], in_pieces: bool
) -> Iterator[Callable[[ScannerFile], None]]:
    """Connect, give what sends a volume, and end the series.

    Parameters
    ----------
    vendor : str
        One of `NETWORK_VENDORS`.
    at : str
        HOST or HOST:PORT where somebody listens.
    series : Series
        The series.
    shape : tuple of int
        Voxels (X, Y, Z).
    in_pieces : bool
        Whether volumes come in pieces; then one connection serves all of them, where the protocol
        otherwise takes one for each.
    """
    host, port = _place(at, NETWORK_VENDORS[vendor][1])
    clock, pixel = MonotonicClock(), _PIXEL
    if vendor == "vsend":
        with VsendSender(
            host, port, series.series_uid, series.affine, series.tr_s, series.n_volumes, clock,
            keep_open=in_pieces,
        ) as sender:  # fmt: skip
            yield lambda file: _sent(sender.send_raw, file.raw, at)
        return
    times = series.slice_times_s or None
    header = AfniHeader(shape, series.affine, pixel, series.tr_s, slice_times_s=times)
    with AfniSender(host, port, header, clock) as afni:
        yield lambda file: _sent(afni.send_raw, file.raw, at)
        afni.end_series()


def _place(at: str, usual_port: int) -> tuple[str, int]:
    host, colon, text = at.rpartition(":")
    if not colon:
        return at, usual_port
    if not (host and text.isdigit() and 0 < int(text) < 2**16):
        raise ConfigError(problem("--to", at, "HOST or HOST:PORT", "Mend it."))
    return host, int(text)


def _sent(send: Callable[[bytes], None], raw: bytes, at: str) -> None:
    try:
        send(raw)
    except OSError as error:
        got = f"{at} hung up ({error.strerror})"
        raise InputError(problem("--to", got, "a receiver", "Start the session again.")) from error
