"""What of the gate's decisions enters the audit log: each change, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from phosphene.gate.policy import Verdict
from phosphene.seal.journal import Journal
from phosphene.seal.places import audit_in

__all__ = ["GateDiary"]


class GateDiary:
    """Tells the audit log of changes; a call takes microseconds and never waits.

    Parameters
    ----------
    folder : Path or None
        Folder of the audit log; None keeps none.
    run : str
        Identifier of the run.
    """

    def __init__(self, folder: Path | None, run: str) -> None:
        self._run = run
        self._known: dict[str, tuple[str, ...]] = {}
        self._journal = None if folder is None else Journal(lambda: audit_in(folder))

    @property
    def failure(self) -> str:
        """Why a line could not be written; empty while all could."""
        return "" if self._journal is None else self._journal.failure

    def view(self, sink: str, verdict: Verdict) -> None:
        """Tell what a sink gets from now on."""
        told = f"level {verdict.level}" if verdict.passing else "blank"
        # Why an operator blanked is in that person's own words, which may name somebody.
        self._change(f"view {sink}", (told,), sink=sink, shows=told)

    def grant(self, scopes: Sequence[str], *, decode: bool) -> None:
        """Tell which scopes hold, and whether decoding is allowed."""
        allowed = str(decode).lower()
        self._change("grant", (*scopes, allowed), scopes=" ".join(scopes), decode=allowed)

    def late(self, late: bool) -> None:
        """Tell whether pictures come so late that a card is shown in their place from now on."""
        self._put("late pictures", shows="card" if late else "pictures")

    def order(self, action: str, role: str = "operator") -> None:
        """Tell of an order that was carried out."""
        self._put(role, action=action)

    def refused(self, role: str, action: str) -> None:
        """Tell of an order that was not carried out: the role may not give it, or no consent."""
        self._put("refused", role=role, action=action)

    def stop(self, state: str, source: str, dropped: int = 0) -> None:
        """Tell of the participant's stop: ``tested`` or ``stopped``, by whom, what was dropped."""
        self._put("participant stop", state=state, source=source, frames_dropped=str(dropped))

    def fell(self, node: str) -> None:
        """Tell that a process is back after a fall, and that views stay blank until confirmed."""
        self._put("blank after fall", node=node)

    def close(self) -> None:
        """Write what is left, signed."""
        self._put("gate stopped")
        if self._journal is not None:
            self._journal.close()

    def _change(self, what: str, state: tuple[str, ...], **facts: str) -> None:
        if self._known.get(what) != state:
            self._known[what] = state
            self._put(what.split()[0], **facts)

    def _put(self, what: str, **facts: str) -> None:
        if self._journal is not None:
            self._journal.put(what, run=self._run, **facts)
