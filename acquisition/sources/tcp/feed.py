"""Volumes that a sender brings over TCP, received in a thread of its own."""

from __future__ import annotations

import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from acquisition.fmri.volume import Volume
from acquisition.sources.damage import damaged
from acquisition.sources.tcp.afni import LONGEST_CONTROL, AfniDecoder, data_port
from acquisition.sources.tcp.decoder import StreamDecoder
from acquisition.sources.tcp.door import Door, Network
from acquisition.sources.tcp.intake import Intake
from acquisition.sources.tcp.memory import Memory, Remembered
from acquisition.sources.tcp.vsend import VsendDecoder
from phosphene.clock import Clock
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["AfniFeed", "Listening", "TcpFeed", "VsendFeed"]

_PIECE_BYTES = 2**18
_QUEUED = 64
_LOOK_S = 0.25
_DATA_CONNECTION_S = 30.0


@dataclass(frozen=True)
class Listening:
    """Where to listen, and to whom.

    Attributes
    ----------
    host : str
        Address of this machine.
    port : int
        Port; 0 for any free one.
    allowed : tuple of network
        Who may send.
    patience_s : float
        A connection that has been silent for this many seconds makes room when another one waits.
    """

    host: str
    port: int
    allowed: tuple[Network, ...]
    patience_s: float = 10.0


class TcpFeed:
    """Receives volumes and queues them in order; one connection is served at a time.

    When nobody takes the volumes, no more are read, so that the sender waits: memory is bounded.

    Parameters
    ----------
    where : Listening
        Address, port and allowed hosts.
    decoder : StreamDecoder
        The protocol.
    first_index : int
        Volume to begin with.
    memory : Memory or None
        The series that the run follows; None for one that begins.
    clock : Clock
        Present time, on the LSL clock; a volume is stamped when its last byte has come.
    wake : Callable
        Called, in the thread, whenever there is something to take.

    Raises
    ------
    InputError
        If the port cannot be had.
    """

    def __init__(
        self,
        where: Listening,
        decoder: StreamDecoder,
        first_index: int,
        memory: Memory | None,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._where, self._decoder = where, decoder
        self._memory = memory or Memory()
        self._intake = Intake(first_index, self._memory.known)
        self._clock, self._wake = clock, wake
        self._queue: queue.Queue[Volume] = queue.Queue(_QUEUED)
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._connections = self._turned_away = 0
        self._door = Door(where.host, where.port, where.allowed)
        self._alarm, self._ring = socket.socketpair()
        self._thread = threading.Thread(target=self._receive, name="tcp-feed")
        self._thread.start()

    @property
    def port(self) -> int:
        """Port that is listened at."""
        return self._door.port

    def take(self) -> Iterator[Volume]:
        """Yield the volumes that have arrived; raise what has ended the thread, if anything."""
        with suppress(queue.Empty):
            while True:
                yield self._queue.get_nowait()
        if self._failure is not None:
            raise self._failure

    def counts(self) -> dict[str, int]:
        """Return what was refused, repeated or missing, and connections."""
        return {
            **self._intake.counts(),
            "connections": self._connections,
            "hosts_turned_away": self._turned_away,
        }

    def complaints(self) -> list[str]:
        """Return why things were left out since the last call, oldest first."""
        told = []
        # The thread may add to them meanwhile.
        while self._intake.complaints:
            told.append(self._intake.complaints.popleft())
        return told

    def close(self) -> None:
        """Stop listening; everything is closed when this returns."""
        self._closing.set()
        self._ring.send(b"\0")
        self._thread.join()
        for held in (self._door, self._alarm, self._ring):
            held.close()

    # ---- in the thread -------------------------------------------------------------------------

    def _receive(self) -> None:
        try:
            while not self._closing.is_set():
                connection = self._accept(self._door)
                if connection is not None:
                    with connection:
                        self._serve(connection)
        except Exception as error:  # handed to the node, which ends with it
            self._failure = error
            self._wake()

    def _serve(self, connection: socket.socket) -> None:
        """Talk to one sender until it hangs up."""
        self._decode(connection, self._door)

    def _accept(self, door: Door, until_s: float | None = None) -> socket.socket | None:
        """Wait for a connection; None at the end, and when `until_s` has come."""
        while not self._closing.is_set():
            if until_s is not None and self._clock.now() >= until_s:
                return None
            select.select([door.fileno(), self._alarm.fileno()], [], [], _LOOK_S)
            before = door.turned_away
            connection = door.let_in()
            if door.turned_away > before:
                self._turned_away += 1
                self._complain(
                    InputError("a host that is not allowed was turned away; if it is the sender, "
                               "add its address to source.allowed_hosts")
                )  # fmt: skip
            if connection is not None:
                self._connections += 1
                return connection
        return None

    def _pieces(self, connection: socket.socket, door: Door) -> Iterator[memoryview]:
        """Yield what a connection brings until it ends or has to make room."""
        buffer = bytearray(_PIECE_BYTES)
        heard_s = self._clock.now()
        while not self._closing.is_set():
            ready, _, _ = select.select([connection, self._alarm], [], [], _LOOK_S)
            if connection in ready:
                try:
                    count = connection.recv_into(buffer)
                except OSError:  # the sender broke off
                    return
                if not count:
                    return
                heard_s = self._clock.now()
                yield memoryview(buffer)[:count]
            elif self._clock.now() - heard_s >= self._where.patience_s and door.knocked():
                return

    def _decode(self, connection: socket.socket, door: Door) -> None:
        try:
            for piece in self._pieces(connection, door):
                arrived_s = self._clock.now()
                for volume in self._volumes(piece):
                    self._pass_on(replace(volume, arrived_s=arrived_s))
        except InputError as error:
            self._complain(error)
            with suppress(TruncatedError):  # what follows the damage is no news
                self._decoder.hang_up()
            return
        try:
            self._decoder.hang_up()
        except TruncatedError as error:
            if not self._closing.is_set():
                self._complain(error)

    def _volumes(self, piece: memoryview) -> Iterator[Volume]:
        """Decode; whatever the bytes do to the decoder costs only their own connection."""
        try:
            yield from self._decoder.feed(piece)
        except InputError:
            raise
        except Exception as error:
            raise damaged(error) from error

    def _marks(self, volume: Volume) -> Remembered:
        """Return by what the series is known to a process that starts again."""
        return Remembered(volume.series_hash, volume.data.shape)

    def _pass_on(self, volume: Volume) -> None:
        self._memory.keep(self._marks(volume))
        for one in self._intake.push(volume, self._clock.now()):
            while not self._closing.is_set():
                with suppress(queue.Full):
                    self._queue.put(one, timeout=_LOOK_S)
                    break
            self._wake()

    def _complain(self, error: InputError) -> None:
        self._intake.refuse(error)
        self._wake()


class VsendFeed(TcpFeed):
    """Listens for MURFI's vsend protocol; see `TcpFeed`.

    Parameters
    ----------
    where : Listening
        Address, port and allowed hosts.
    decoder : VsendDecoder
        The protocol.
    first_index : int
        Volume to begin with.
    clock, wake
        See `TcpFeed`.
    memory : Memory or None
        The series that the run follows, and the decoder's key.
    """

    def __init__(
        self,
        where: Listening,
        decoder: VsendDecoder,
        first_index: int,
        clock: Clock,
        wake: Callable[[], None],
        memory: Memory | None = None,
    ) -> None:
        self._vsend = decoder
        known = None if memory is None else memory.known
        if known is not None:
            decoder.resume(known.series, known.first_number, corrected=known.corrected)
        super().__init__(where, decoder, first_index, memory, clock, wake)

    def counts(self) -> dict[str, int]:
        """Return what was refused, repeated or missing, and connections."""
        return {**super().counts(), "moco": self._vsend.other_kind}

    def _marks(self, volume: Volume) -> Remembered:
        number, corrected = self._vsend.first_number, self._vsend.corrected
        return replace(super()._marks(volume), first_number=number, corrected=corrected)


class AfniFeed(TcpFeed):
    """Listens for AFNI's real-time protocol; see `TcpFeed`.

    Parameters
    ----------
    where : Listening
        Address and port for control connections, and allowed hosts.
    key : bytes
        Random key of the run.
    first_index : int
        Volume to begin with.
    clock, wake
        See `TcpFeed`.
    memory : Memory or None
        The series that the run follows, and its key.
    """

    def __init__(
        self,
        where: Listening,
        key: bytes,
        first_index: int,
        clock: Clock,
        wake: Callable[[], None],
        memory: Memory | None = None,
    ) -> None:
        super().__init__(where, AfniDecoder(key), first_index, memory, clock, wake)

    def _serve(self, connection: socket.socket) -> None:
        try:
            port = data_port(self._control(connection))
            # The sender expects the control connection to be over before it opens the other one.
            connection.close()
            with Door(self._where.host, port, self._where.allowed) as door:
                data = self._accept(door, self._clock.now() + _DATA_CONNECTION_S)
            if data is None:
                raise TruncatedError(
                    problem("AFNI", f"no data connection to port {port}",
                            f"one within {_DATA_CONNECTION_S:g} s", "Start the sender again.")
                )  # fmt: skip
        except InputError as error:
            if not self._closing.is_set():
                self._complain(error)
            return
        with data:
            self._decode(data, self._door)

    def _control(self, connection: socket.socket) -> bytes:
        text = bytearray()
        for piece in self._pieces(connection, self._door):
            text += piece[: LONGEST_CONTROL + 1]
            if b"\0" in text or len(text) > LONGEST_CONTROL:
                break
        return bytes(text)
