"""The gate's side of the content filter: a process that may say no, be slow, hang or fall.

Whatever it does, a picture that it has not allowed in time is replaced by the card, and the gate
goes on hearing stops meanwhile: it never waits for the filter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np
import zmq

from phosphene.errors import ConfigError
from phosphene.filters.process import FAILED, HEAD, READY, UNUSABLE, YES
from phosphene.messages import Frame, Message
from phosphene.node import NodeContext
from phosphene.session_gate import FilterSettings

__all__ = ["Screen"]

START_S = 60.0
HUNG_S = 2.0
AGAIN_S = 1.0


class Screen:
    """One content filter.

    Parameters
    ----------
    context : NodeContext
        The gate's shell.
    settings : FilterSettings
        Which filter, its options and its time limit.
    counts : Counter
        The gate's counters: ``filter_late``, ``filter_failed``, ``filter_restarts``.

    Raises
    ------
    ConfigError
        If the filter cannot be loaded.
    """

    def __init__(
        self, context: NodeContext, settings: FilterSettings, counts: Counter[str]
    ) -> None:
        self._context, self._settings, self._counts = context, settings, counts
        self.socket: zmq.Socket[bytes] = context.zmq.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndhwm = 2
        self._address = context.endpoint("filter")
        self.socket.bind(self._address)
        self._number = 0
        self._asked_s = 0.0
        self._frame: Message | None = None
        self._late = False
        self._ready = False
        self._process = self._start()
        self._wait_for_it()

    @property
    def busy(self) -> bool:
        """Whether a picture is being looked at within its time."""
        return self._frame is not None

    def due_s(self) -> float | None:
        """Return when the time of the picture that is being looked at is over."""
        return self._asked_s + self._settings.limit_s if self.busy else None

    def put(self, frame: Message) -> bool:
        """Have a picture looked at; return False where that cannot be: show the card."""
        self._hear()
        if not self._usable():
            return False
        header: Frame = frame.header
        picture = np.ascontiguousarray(frame.arrays["picture"])
        self._number += 1
        head = HEAD.pack(self._number, *picture.shape[:2], header.t_rendered)
        try:
            self.socket.send_multipart([head, picture.data], zmq.NOBLOCK)
        except zmq.Again:
            return False
        self._frame, self._asked_s = frame, self._context.clock.now()
        return True

    def settled(self) -> Iterator[tuple[Message, bool]]:
        """Yield the picture that was looked at, and whether it may be shown, once that is known."""
        answer = self._hear()
        frame = self._frame
        if frame is None:
            return
        over = self._context.clock.now() - self._asked_s >= self._settings.limit_s
        if answer is None and not over:
            return
        self._frame = None
        if answer is None:
            self._late = True
            self._counts["filter_late"] += 1
        yield frame, answer == YES

    def forget(self) -> int:
        """Forget the picture that is being looked at; return how many that were."""
        waiting, self._frame = int(self.busy), None
        self._late = self._late or bool(waiting)
        return waiting

    def close(self) -> None:
        """End the filter's process."""
        self._end()
        self.socket.close()

    def _hear(self) -> bytes | None:
        """Return the answer about the newest picture, if it has come."""
        found: bytes | None = None
        while True:
            try:
                number, kind, why = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return found
            if kind == READY:
                self._ready = True
            elif kind == UNUSABLE:
                raise ConfigError(why.decode(errors="replace"))
            if int.from_bytes(number, "little") != self._number or not number:
                continue
            self._late, found = False, kind
            if kind == FAILED:
                self._counts["filter_failed"] += 1
                self._context.note = f"content filter: {why.decode(errors='replace')}"

    def _usable(self) -> bool:
        """Return whether the filter can be asked; one that hangs or fell is started again."""
        now = self._context.clock.now()
        since_s = now - self._asked_s
        if self._process.poll() is not None or (self._late and since_s > HUNG_S):
            if since_s > AGAIN_S:
                self._end()
                self._counts["filter_restarts"] += 1
                self._context.note = "the content filter was started again"
                self._asked_s = now
                self._process = self._start()
            return False
        return self._ready and not self._late

    def _start(self) -> subprocess.Popen[bytes]:
        self._ready = self._late = False
        options = msgspec.json.encode(self._settings.given).decode()
        gate, name = str(os.getpid()), self._settings.name
        line = [sys.executable, "-m", "phosphene.filters", gate, self._address, name]
        # What somebody else's code prints may hold anything: it gets into no log.
        return subprocess.Popen(
            [*line, options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait_for_it(self) -> None:
        deadline_s = self._context.clock.now() + START_S
        try:
            while not self._ready:
                self._context.beat({})
                self.socket.poll(50)
                self._hear()
                if self._process.poll() is not None and not self.socket.poll(200):
                    raise ConfigError(f"content filter {self._settings.name}: it ended at once")
                if self._context.clock.now() > deadline_s:
                    name = self._settings.name
                    raise ConfigError(f"content filter {name}: not ready in {START_S:.0f} s")
        except ConfigError:
            self.close()
            raise
