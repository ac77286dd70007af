"""The settings of the run that is to begin, in each of its three modes. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gui.screens import ScreenFacts
from gui.setup.draft import Draft
from gui.setup.last_run import Difference, differences, last_run
from gui.setup.modes import PilotChoice, ReplayChoice, live_arguments
from gui.setup.subject import Mode, Subject
from phosphene.consent.confirm import Confirmation
from phosphene.errors import PhospheneError
from phosphene.seal.opening import is_sealed
from phosphene.session import Session, anchored
from phosphene.session_record import Kind, recording_only

__all__ = ["NEW_STUDY", "Around", "Study"]

NEW_STUDY = """\
# A session of one person; `phosphene live` runs it.

person = "p01"          # pseudonym, never a name
modality = "fmri"

[source]
kind = "folder"
"""


@dataclass(frozen=True)
class Around:
    """What the page knows beside the settings; fields as in `Subject`.

    Attributes
    ----------
    record : frozenset of str
        What was switched on to be recorded at this start.
    """

    lsl_session: str = "default"
    screen: str = ""
    screens: tuple[ScreenFacts, ...] = ()
    operator: str = ""
    card_seen: str = ""
    confirmation: Confirmation | None = None
    key: Path | None = None
    typed: bool = False
    record: frozenset[Kind] = frozenset()


@dataclass
class Study:
    """Settings of a live session, a replay and a pilot, of which one is chosen.

    Attributes
    ----------
    mode : str
        The chosen one.
    live, replay, pilot : Draft
        Their settings; only those of a live session have a file.
    """

    mode: Mode = "live"
    live: Draft[Session] = field(default_factory=lambda: Draft(Session, NEW_STUDY))
    replay: Draft[ReplayChoice] = field(default_factory=lambda: Draft(ReplayChoice))
    pilot: Draft[PilotChoice] = field(default_factory=lambda: Draft(PilotChoice))

    @property
    def chosen(self) -> Draft[Any]:
        """The settings of the chosen mode."""
        by_mode: dict[Mode, Draft[Any]] = {
            "live": self.live, "replay": self.replay, "pilot": self.pilot,
        }  # fmt: skip
        return by_mode[self.mode]

    @property
    def folder(self) -> Path:
        """What relative paths of the session file count from."""
        return Path.cwd() if self.live.path is None else self.live.path.resolve().parent

    @property
    def bundle_is_sealed(self) -> bool:
        """Whether the decoder can only be read with a key; a pilot calibrates its own."""
        path = self.subject(Around()).bundle if self.mode != "pilot" else None
        return path is not None and is_sealed(path)

    @property
    def records_somewhere(self) -> bool:
        """Whether this is a live session that names a folder for its recordings."""
        session = self.session() if self.mode == "live" else None
        return session is not None and session.recorder.out is not None

    def session(self) -> Session | None:
        """Return the live session with absolute paths; None as long as settings are wrong."""
        found = self.live.check().model
        return None if found is None else anchored(found, self.folder)

    def subject(self, around: Around) -> Subject:
        """Return what the checks look at."""
        facts: dict[str, Any] = {name: getattr(around, name) for name in Around.__annotations__}
        record = facts.pop("record")
        if self.mode == "live":
            return self._live(facts, record)
        held = self.chosen.check()
        if held.model is None:
            return Subject(self.mode, problems=len(held.problems), **facts)
        choice = held.model
        facts |= {name: getattr(choice, name, None) for name in ("recording", "consent")}
        return Subject(
            self.mode, bundle=choice.bundle, out=choice.out, renderer=choice.renderer, **facts
        )

    def _live(self, facts: dict[str, Any], record: frozenset[Kind]) -> Subject:
        problems, session = self.live.check().problems, self.session()
        known = {"file": self.live.path, "saved": not self.live.changed, **facts}
        if session is None:
            return Subject("live", problems=len(problems), **known)
        session = recording_only(session, record)
        return Subject(
            "live", session=session, bundle=session.decoder.bundle, out=session.recorder.out,
            consent=session.gate.consent, renderer=session.renderer, **known,
        )  # fmt: skip

    def why_not_as_saved(self) -> str:
        """Tell why the file is not what is on show; empty where it is."""
        if self.mode != "live":
            return ""
        try:
            moved = self.live.moved_on
        except PhospheneError as error:
            return str(error)
        name = self.live.path
        return f"{name} was changed by another program: open it again" if moved else ""

    def arguments(self, around: Around) -> list[str]:
        """Return the command line of the run, with what was chosen beside the settings."""
        if self.mode == "live":
            file, words = self.live.path, around.confirmation
            found = (
                [] if file is None else live_arguments(file.resolve(), around.lsl_session, words)
            )
            if found and self.records_somewhere:
                # The file says where; that it is recorded is said at each start anew.
                found += ["--record", ",".join(sorted(around.record)) or "nothing"]
        else:
            choice = self.chosen.check().model
            found = [] if choice is None else list(choice.arguments)
        if self.bundle_is_sealed and around.key is not None:
            found += ["--key", str(around.key)]
        return found + (["--participant-screen", around.screen] if around.screen else [])

    def changes(self, state: Path) -> tuple[str, tuple[Difference, ...]]:
        """Return when this file was last run, empty for never, and what is different now."""
        session = self.live.check().model
        known = None if self.live.path is None else last_run(self.live.path, state)
        if known is None or session is None:
            return "", ()
        at = f"{known.at.astimezone():%Y-%m-%d %H:%M}"
        return at, differences(known, anchored(session, self.folder))
