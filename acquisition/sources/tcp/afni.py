"""AFNI's real-time protocol: a description of the series, then images without headers.

The sender (Dimon, rtfeedme, a scanner's own) opens a control connection to port 7954 and writes
``tcp:HOST:7953``, the port at which it wants to be awaited; it closes that connection and opens the
data connection. There it sends the description (see `afni_header`) and image after image. An image
that begins with a certain sentence ends the series; another description may follow.

Images carry no number and no identifier. A series is known by its first volume: a sender that was
started again and sends the same series from its start is recognised by it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import numpy as np

from acquisition.errors import ForeignFileError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.sources.identity import keyed_hash
from acquisition.sources.tcp.afni_header import AfniHeader, decode_header
from acquisition.sources.tcp.blob import Blob
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["END_MARK", "LONGEST_CONTROL", "AfniDecoder", "control_text", "data_port"]

END_MARK = b"Et Earello Endorenna utulien!!"
LONGEST_CONTROL = 4096
_LONGEST_HEADER = 2**16
_TCP = re.compile(r"tcp:[^:\s]*:(\d{1,5})")
_LOWEST_PORT = 1024


def control_text(host: str, port: int) -> bytes:
    """Return what a sender writes to the control connection."""
    return f"tcp:{host}:{port}".encode() + b"\0"


def data_port(control: bytes) -> int:
    """Return the port at which the sender wants to be awaited.

    Parameters
    ----------
    control : bytes
        What came by the control connection. A second line names a program that AFNI would run for
        the description; nothing is ever run here, the description must come with the data.

    Raises
    ------
    InputError
        If the sender asks for shared memory, or for no port that may be opened.
    """
    text = control.split(b"\0", 1)[0].decode("ascii", "replace").strip()
    first = text.splitlines()[0] if text else ""
    if first.startswith("shm:"):
        raise InputError(
            problem("AFNI control", "shared memory", "tcp:HOST:PORT",
                    "Start the sender with -host 127.0.0.1, so that it uses TCP.")
        )  # fmt: skip
    found = _TCP.fullmatch(first)
    if found is None or not _LOWEST_PORT <= int(found[1]) < 2**16:
        allowed = f"tcp:HOST:PORT with a port from {_LOWEST_PORT}"
        raise ForeignFileError(
            problem("AFNI control", first[:40], allowed, "Check who is sending.")
        )
    return int(found[1])


class AfniDecoder:
    """Turns the bytes of one data connection after the other into volumes.

    Parameters
    ----------
    key : bytes
        Random key of the run, see `acquisition.sources.identity`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._start()

    def _start(self) -> None:
        """Expect a description."""
        self._text = bytearray()
        self._header: AfniHeader | None = None
        self._blob = Blob(0)
        self._images: list[bytearray] = []
        self._index, self._series = 0, ""

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Volume]:
        """Take the next bytes; see `acquisition.sources.tcp.decoder.StreamDecoder`."""
        rest = memoryview(data)
        while len(rest):
            if self._header is None:
                rest = self._describe(rest)
                continue
            rest = self._blob.take(rest)
            if self._blob.full:
                yield from self._next(self._header)

    def hang_up(self) -> None:
        """Be ready for the next connection; raise `TruncatedError` if this one ended early."""
        within = "its description" if self._header is None and self._text else ""
        if self._header is not None and (self._images or not self._blob.empty):
            within = "a volume"
        self._start()
        if within:
            raise TruncatedError(
                problem("AFNI", f"connection closed within {within}", "whole volumes",
                        "Send again.")
            )  # fmt: skip

    def _describe(self, rest: memoryview) -> memoryview:
        piece = bytes(rest[: _LONGEST_HEADER + 1])
        text, zero, _ = piece.partition(b"\0")
        if len(self._text) + len(text) > _LONGEST_HEADER:
            raise ForeignFileError(
                problem("AFNI description", f"more than {_LONGEST_HEADER} bytes",
                        "lines that a zero byte ends", "Check who is sending.")
            )  # fmt: skip
        self._text += text
        if zero:
            self._header = decode_header(self._text.decode("ascii", "replace"))
            self._blob = Blob(self._header.image_bytes)
            self._text.clear()
        return rest[len(text) + len(zero) :]

    def _next(self, header: AfniHeader) -> list[Volume]:
        raw, self._blob = self._blob.raw, Blob(header.image_bytes)
        if raw.startswith(END_MARK):
            short = len(self._images)
            self._start()
            if short:
                raise TruncatedError(
                    problem("AFNI", f"end of the series after {short} slices of a volume",
                            "whole volumes", "Send again.")
                )  # fmt: skip
            return []
        self._images.append(raw)
        if len(self._images) < header.images:
            return []
        images, self._images = self._images, []
        return [self._volume(header, images)]

    def _volume(self, header: AfniHeader, images: list[bytearray]) -> Volume:
        x, y, z = header.shape
        if header.by_slice:
            stack = np.empty((z, y, x), header.pixel)
            for place, raw in zip(header.arrival, images, strict=True):
                stack[place] = np.frombuffer(raw, header.pixel).reshape(y, x)
        else:
            stack = np.frombuffer(images[0], header.pixel).reshape(z, y, x)
        if self._index == 0:
            self._series = keyed_hash(self._key, hashlib.sha256(stack.tobytes()).hexdigest())
        data, affine, slice_axis, times = to_ras(
            stack.T, header.affine, slice_times_s=header.slice_times_s
        )
        made = Volume(data, affine, self._index, header.tr_s, self._series, times, slice_axis)
        self._index += 1
        return made
