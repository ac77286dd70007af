"""The door to one sink: its socket, what it was last told, and the frames that passed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import zmq

from phosphene.bus import Publisher
from phosphene.gate.levels import abstract
from phosphene.gate.policy import Verdict
from phosphene.messages import (
    Feedback,
    Frame,
    Message,
    Phase,
    View,
    describe,
    encode,
    topic_of,
)

__all__ = ["SinkDoor", "Told", "addressed"]

WAIT_MS = 100
UNTOLD_SINK = "observer"
TOLD_WHY = frozenset({"operator", "recorder"})
"""Sinks that are told why a card stands in place of a picture."""
NOTHING_NOW = "nothing is shown at present"
Told = tuple[Verdict, Phase, bool]
"""Whether pictures pass, how far the run is, and whether feedback of a protocol passes."""


def addressed(frame: Message, sink: str, level: int, now_s: float) -> Message | None:
    """Return a frame as one sink may have it.

    Parameters
    ----------
    frame : Message
        From the renderer; its number stays, so that gaps show.
    sink : str
        Whom it is for.
    level : int
        Abstraction level.
    now_s : float
        Time of sending, in seconds.

    Returns
    -------
    Message or None
        None at level 0.
    """
    picture = abstract(np.asarray(frame.arrays["picture"]), level)
    if picture is None:
        return None
    arrays = {"picture": picture}
    dims = {spec.name: spec.dims for spec in frame.header.arrays}
    specs = describe(arrays, dims, {})
    card = frame.header.card if sink in TOLD_WHY and frame.header.state == "neutral" else ""
    header = msgspec.structs.replace(
        frame.header, sink=sink, level=level, t_sent=now_s, arrays=specs, card=card
    )
    return Message(header, arrays)


class SinkDoor:
    """One sink's way out of the gate.

    Parameters
    ----------
    sink : str
        Name of the sink.
    publisher : Publisher
        Its socket.
    lossless : bool
        True: wait for a slow sink as long as it is allowed to see; False: it misses frames.

    Attributes
    ----------
    told : Told or None
        What the sink was told last.
    passed : int
        Frames that were sent to somebody here.
    recorded_s : float
        When a view of this sink was last recorded; kept for the gate.
    """

    def __init__(self, sink: str, publisher: Publisher, lossless: bool) -> None:
        self.sink = sink
        self.told: Told | None = None
        self.passed = 0
        self.recorded_s = float("-inf")
        self._publisher, self._lossless = publisher, lossless
        self._views = self._given = 0
        if lossless:
            publisher.socket.setsockopt(zmq.XPUB_NODROP, 1)
            publisher.socket.sndtimeo = WAIT_MS

    def tell(self, told: Told, run: str, now_s: float) -> tuple[Message, bool]:
        """Tell the sink what passes; return the message and whether that is news."""
        changed, self.told = told != self.told, told
        verdict, phase, feedback = told
        view = View(
            run=run,
            seq=self._views,
            t_acquired=now_s,
            t_sent=now_s,
            producer="gate",
            sink=self.sink,
            passing=verdict.passing,
            reason=verdict.reason,
            passed=self.passed,
            phase=phase,
            feedback=feedback,
        )
        self._views += 1
        message = Message(view)
        self._publisher.subscribers(b"")
        # A sink whose queue is full learns nothing new now; without fresh views it blanks itself.
        with contextlib.suppress(zmq.Again):
            self._publisher.socket.send_multipart(encode(self._for_sink(view)), zmq.NOBLOCK)
        return message, changed

    def _for_sink(self, view: View) -> Message:
        """Return what the sink itself is told.

        Observers, who may be elsewhere, are not told why: that somebody stopped, or withdrew, or
        what the operator typed, is not theirs.
        """
        if self.sink != UNTOLD_SINK:
            return Message(view)
        reason = "" if view.passing else NOTHING_NOW
        return Message(msgspec.structs.replace(view, reason=reason, phase=""))

    def watched(self) -> bool:
        """Return whether somebody listens here, to frames or to what is told of them."""
        return self._publisher.subscribers(topic_of(View)) > 0

    def send(
        self, frame: Message, level: int, now: Callable[[], float], still: Callable[[], bool]
    ) -> bool:
        """Send a frame to whoever watches here.

        Parameters
        ----------
        frame : Message
            From the renderer.
        level : int
            Abstraction level of the sink.
        now : Callable
            Returns the present time in seconds.
        still : Callable
            Asked while a slow sink is waited for; False gives the frame up.

        Returns
        -------
        bool
            False when nobody watches or the frame was given up.
        """
        if self._publisher.subscribers(topic_of(Frame)) < 1:
            return False
        copy = addressed(frame, self.sink, level, now())
        if copy is None:
            return False
        frames = encode(copy)
        while True:
            try:
                self._publisher.socket.send_multipart(frames, copy=False)
            except zmq.Again:
                if self._lossless and still():
                    continue
                return False
            self.passed += 1
            return True

    def feedback(
        self, fields: Mapping[str, Any], run: str, t_acquired: float, now_s: float
    ) -> Message:
        """Return feedback as a message to this sink, numbered for it alone."""
        self._given += 1
        return Message(
            Feedback(run=run, seq=self._given - 1, t_acquired=t_acquired, t_sent=now_s,
                     producer="gate", **fields)
        )  # fmt: skip

    def give(self, feedback: Message) -> bool:
        """Send feedback; return False when nobody listens, or is too slow to hear it now."""
        if self._publisher.subscribers(topic_of(Feedback)) < 1:
            return False
        flags = 0 if self._lossless else zmq.NOBLOCK
        try:
            self._publisher.socket.send_multipart(encode(feedback), flags)
        except zmq.Again:
            return False
        return True

    def pass_on(self, message: Message) -> bool:
        """Send what is only looked at; return False when nobody listens or has room for it."""
        if self._publisher.subscribers(topic_of(message.header)) < 1:
            return False
        try:
            self._publisher.socket.send_multipart(encode(message), zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._publisher.close()
