"""Which of the nodes' many beats are worth recording, and which worth telling; pure."""

from __future__ import annotations

from phosphene.messages import Beat

__all__ = ["RECORD_STATE_S", "BeatSieve"]

RECORD_STATE_S = 1.0
BEAT_TOLD_S = 0.5


class BeatSieve:
    """Lets through what is new, and else a few a second of each node."""

    def __init__(self) -> None:
        self._recorded: dict[str, tuple[str, float]] = {}
        self._told: dict[str, tuple[tuple[int, str, str], float]] = {}

    def to_record(self, beat: Beat, now_s: float) -> bool:
        """Return True for one beat a second of each node, and for each change of state."""
        state, since_s = self._recorded.get(beat.producer, ("", -1.0))
        if beat.state == state and now_s - since_s < RECORD_STATE_S:
            return False
        self._recorded[beat.producer] = (beat.state, now_s)
        return True

    def to_tell(self, beat: Beat, now_s: float) -> bool:
        """Return True for what windows hear: changes, sentences, else two beats a second."""
        news = (beat.pid, beat.state, beat.note)
        told, since_s = self._told.get(beat.producer, (None, -1.0))
        if news == told and not beat.sentences and now_s - since_s < BEAT_TOLD_S:
            return False
        self._told[beat.producer] = (news, now_s)
        return True
