"""Markers: a text that the operator enters becomes an event of the run, recorded and shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from phosphene.errors import NodeError, problem
from phosphene.messages import Event, Message
from phosphene.node import NodeContext

__all__ = ["MARKER_STREAM", "Markers"]

MARKER_STREAM = "marker"
MOST_CHARACTERS = 200
MOST_A_SECOND = 5


class Markers:
    """Makes events of what the operator enters.

    Parameters
    ----------
    context : NodeContext
        The gate's shell; names of files and folders are taken out of each text.
    present : Callable
        Returns the present time on the recording's axis in seconds, None while nobody knows it.
    send : Callable
        Tells and records an event.
    """

    def __init__(
        self,
        context: NodeContext,
        present: Callable[[float], float | None],
        send: Callable[[Message], None],
    ) -> None:
        self._context, self._present, self._send = context, present, send
        self._sent_s: deque[float] = deque(maxlen=MOST_A_SECOND)

    def mark(self, text: str) -> None:
        """Send a marker.

        Parameters
        ----------
        text : str
            1 to 200 characters; line ends and other control characters become spaces.

        Raises
        ------
        NodeError
            If the text is empty or too long, no data have come yet, or too many came in a second.
        """
        now = self._context.clock.now()
        words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        if not 0 < len(words) <= MOST_CHARACTERS:
            allowed = f"1 to {MOST_CHARACTERS} characters"
            raise NodeError(problem("marker", f"{len(words)} characters", allowed, "Shorten it."))
        if len(self._sent_s) == MOST_A_SECOND and now - self._sent_s[0] < 1.0:
            raise NodeError(f"marker: more than {MOST_A_SECOND} in a second; wait a moment")
        t_data = self._present(now)
        if t_data is None:
            raise NodeError("marker: no data have come yet, so there is no time to mark")
        self._sent_s.append(now)
        self._send(
            self._context.message(
                Event,
                t_acquired=now,
                t_data=t_data,
                label=self._context.discretion(words)[:MOST_CHARACTERS],
                stream=MARKER_STREAM,
            )
        )
