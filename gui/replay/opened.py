"""A recording with the right to show it: what a task brings to the panel. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gui.replay.keyring import Keyring
from gui.replay.load import load
from gui.replay.recording import Recording, Unit
from gui.replay.rights import Rights, rights_of, stored_consent
from gui.texts import mark, told, tr
from phosphene.consent import Consent
from phosphene.seal.places import note

__all__ = ["Opened", "describe", "narrowed", "open_all", "place_words",
           "taken_back"]  # fmt: skip

_PLACES: dict[Unit, str] = {
    "volume": mark("volume {n} of {total}"),
    "epoch": mark("epoch {n} of {total}"),
    "second": mark("second {n} of {total}"),
}


@dataclass(frozen=True)
class Opened:
    """One recording that was read.

    Attributes
    ----------
    recording : Recording
        What was read.
    rights : Rights
        What of it may be shown.
    keyring : Keyring
        Opens its files; its key lives as long as this object.
    trouble : str
        Why the audit log does not say that it was opened; empty where it does.
    """

    recording: Recording
    rights: Rights
    keyring: Keyring
    trouble: str = ""

    @property
    def consent(self) -> Consent | None:
        """The consent that is stored with it."""
        start = self.recording.start
        return None if start is None else stored_consent(start, self.recording.held)


def open_all(
    paths: Sequence[Path],
    make_keyring: Callable[[], Keyring],
    now: Callable[[], datetime],
    progress: Callable[[float], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Opened]:
    """Read recordings one after the other.

    Parameters
    ----------
    paths : sequence of Path
        Recordings or folders.
    make_keyring : Callable
        Returns what opens them; called here because a passphrase takes its time.
    now : Callable
        Returns the present date and time, with zone.
    progress, stopped : Callable
        See `gui.replay.load.load`.
    """
    keyring, found = make_keyring(), []
    for number, path in enumerate(paths):

        def part(share: float, before: int = number) -> None:
            progress((before + share) / len(paths))

        recording = load(path, keyring.open, part, stopped)
        rights = rights_of(recording.start, recording.held, path, now())
        found.append(Opened(recording, rights, keyring, _noted(recording, rights)))
    return found


def _noted(recording: Recording, rights: Rights) -> str:
    """Write into the audit log that somebody looks at a recording, and at what of it."""
    shown = "quality" if rights.results else "results" if rights.pictures else "pictures"
    run = "" if recording.start is None else recording.start.run
    return told(note("recording opened", None, run=run, shows=shown))


def taken_back(opened: Opened, now: datetime) -> str:
    """Say why what is shown of a recording may not be shown any more; empty where it may.

    A consent can expire, or be withdrawn, while its recording is open.
    """
    recording, before = opened.recording, opened.rights
    after = rights_of(recording.start, recording.held, recording.where, now)
    if after.results and not before.results:
        return after.results
    return after.pictures if after.pictures and not before.pictures else ""


def narrowed(first: Rights, second: Rights) -> Rights:
    """Return what both rights allow: a copy is shown no further than what it was made of."""
    return Rights(
        results=first.results or second.results,
        pictures=first.pictures or second.pictures,
        export=first.export or second.export,
        level=min(first.level, second.level),
    )


def describe(opened: Opened) -> str:
    """Name a recording in one line: whose, which run, how it was made, and what is missing."""
    recording, start = opened.recording, opened.recording.start
    if start is None:
        return tr("{file}: nothing tells what this is", file=recording.where.name)
    modes = {"live": tr("live run"), "replay": tr("replay"), "pilot": tr("pilot (synthetic)")}
    words = [start.person, tr("run {run}", run=start.run), modes[start.mode], start.modality]
    if split := recording.facts.get("split"):
        words.append(tr("split: {split}", split=told(split)))
    if recording.stop is None:
        words.append(tr("its end is missing"))
    return " · ".join([*words, *recording.damage, *filter(None, [opened.trouble])])


def place_words(recording: Recording, t_s: float) -> str:
    """Say where in the recording a time is."""
    at = recording.step_at(t_s)
    total = len(recording.steps)
    time = tr("{t} of {end} s", t=f"{t_s:.1f}", end=f"{recording.end_s:.1f}")
    if not total:
        return time
    numbers = {"n": at + 1, "total": total}
    count = tr(_PLACES[recording.unit], **numbers)
    return f"{time} · {count}"
