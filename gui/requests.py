"""Commands that wait for their answer, are sent once more, and are given up. No Qt.

The gate answers within a second. The renderer may be loading what a setting needs, and answers
then; a marker is not sent twice, or it would stand twice in the recording.
"""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.messages import Command, Message, Reply

__all__ = ["DEADLINE_S", "Requests"]

DEADLINE_S = 1.0
PATIENCE_S = {"set": 15.0, "marker": 2.0}
ATTEMPTS = 2


@dataclass
class _Waiting:
    message: Message
    sent_s: float
    attempts: int = 1


class Requests:
    """Keeps what has been asked and not yet answered; the time is handed in."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}

    def asked(self, message: Message, now_s: float) -> None:
        """Remember a command that was sent at `now_s` (seconds)."""
        self._waiting[message.header.id] = _Waiting(message, now_s)

    def answered(self, reply: Reply) -> Command | None:
        """Return the command that a reply belongs to, or None for an unknown or late reply."""
        found = self._waiting.pop(reply.id, None)
        if found is None:
            return None
        command: Command = found.message.header
        return command

    def overdue(self, now_s: float) -> tuple[list[Message], list[Command]]:
        """Return what is to be sent again, and what is given up, at `now_s` (seconds)."""
        again: list[Message] = []
        lost: list[Command] = []
        for key, request in list(self._waiting.items()):
            action = request.message.header.action
            if now_s - request.sent_s < PATIENCE_S.get(action, DEADLINE_S):
                continue
            if request.attempts < ATTEMPTS and action not in PATIENCE_S:
                request.attempts += 1
                request.sent_s = now_s
                again.append(request.message)
            else:
                lost.append(self._waiting.pop(key).message.header)
        return again, lost
