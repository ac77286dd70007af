"""Two runs of one recording side by side: how they are made, and how they are laid together. No Qt.

Both are ordinary replays by ``phosphene replay``, so that the gate decides in each of them what may
be decoded and recorded.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gui.replay.keyring import locked_among
from gui.replay.recording import Recording
from gui.texts import tr
from phosphene.consent import Consent, consent_beside
from phosphene.consent.files import write_consent
from phosphene.messages import RunStart

__all__ = ["Agreement", "Variant", "agreement", "command_of", "consent_for", "doubts",
           "steps_told"]  # fmt: skip

_STEPS = re.compile(r"(?:^|[\r\n|\s])(\d+)(?:/\d+)?\s?(?:volume|epoch)")
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Variant:
    """One way to decode and to paint a recording; None and "" leave what the session would have.

    Attributes
    ----------
    bundle : Path or None
        Fitted decoder; None decodes nothing.
    model, mode : str
        What paints, and what conditions the pictures.
    steps : int or None
        Denoising steps.
    seed : int
        Of the noise; the same on both sides, so that only what is compared differs.
    """

    bundle: Path | None = None
    model: str = ""
    mode: str = ""
    steps: int | None = None
    seed: int = 0

    @property
    def words(self) -> str:
        """The variant in a few words."""
        parts = [self.bundle.name if self.bundle is not None else tr("no bundle"), self.model]
        parts += [self.mode, "" if self.steps is None else tr("{n} steps", n=self.steps)]
        return ", ".join(part for part in parts if part)


def command_of(
    variant: Variant, recording: Path, out: Path, consent: Path | None, seal: Path | None = None
) -> list[str]:
    """Return the program and its arguments that replay a recording into a folder.

    Parameters
    ----------
    variant : Variant
        How.
    recording : Path
        What; our own, or any that ``phosphene replay`` reads.
    out : Path
        Folder of the new recording.
    consent : Path or None
        Consent file; None: the one beside the recording, if there is one.
    seal : Path or None
        Public key that the new recording is sealed to.
    """
    words = [sys.executable, "-m", "phosphene.cli", "replay", str(recording), "--out", str(out)]
    words += ["--headless", "--speed", "max", "--seed", str(variant.seed)]
    given = {
        "--bundle": variant.bundle,
        "--model": variant.model or None,
        "--mode": variant.mode or None,
        "--steps": variant.steps,
        "--consent": consent,
        "--seal": seal,
    }
    for option, value in given.items():
        words += [] if value is None else [option, str(value)]
    return words


def consent_for(
    start: RunStart | None, stored: Consent | None, where: Path, folder: Path, now: datetime
) -> Path | None:
    """Return the consent file that a replay of a recording is given.

    One that lies beside the recording counts, found by the command itself. Otherwise the consent
    that the recording holds is written into `folder`: no scope more, no day longer, and for no
    longer a time of keeping than is left.

    Returns
    -------
    Path or None
        None where the command finds one itself, or there is none: then nothing is decoded.
    """
    if consent_beside(where) is not None or start is None or stored is None:
        return None
    days = _days_left(start.facts.get("keep_until", ""), now)
    path = folder / "consent.toml"
    kept = stored.model_copy(update={"retention_days": days, "sealed": bool(locked_among(where))})
    write_consent(path, kept, replace=True)
    return path


def _days_left(until: str, now: datetime) -> int | None:
    """Return the whole days until a time, at least one; None where there is no limit."""
    if not until:
        return None
    try:
        left_s = (datetime.fromisoformat(until) - now).total_seconds()
    except (ValueError, TypeError):
        return 1  # one that cannot be read is no leave to keep it
    return max(1, math.floor(left_s / _DAY_S))


def steps_told(text: str) -> int | None:
    """Return the newest number of volumes or epochs in what a replay has printed; None: none."""
    found = _STEPS.findall(text)
    return int(found[-1]) if found else None


@dataclass(frozen=True)
class Agreement:
    """How far two runs decode the same.

    Attributes
    ----------
    both : int
        Percepts of the same volume or epoch in both runs.
    only : tuple of int
        Percepts that only the first, and only the second run has.
    same : float or None
        Share of `both` with the same label; None where no labels are decoded.
    by_chance : float or None
        The share to be expected if each run kept its labels, in an order of its own.
    confidence : tuple of float or None
        Mean confidence of each run over `both`.
    """

    both: int
    only: tuple[int, int]
    same: float | None
    by_chance: float | None
    confidence: tuple[float, float] | None


def agreement(first: Recording, second: Recording) -> Agreement:
    """Lay the percepts of two runs together by the end of their data, to the microsecond."""
    a = {round(d.t_s * 1e6): d for d in first.decoded}
    b = {round(d.t_s * 1e6): d for d in second.decoded}
    shared = sorted(a.keys() & b.keys())
    only = (len(a) - len(shared), len(b) - len(shared))
    if not shared:
        return Agreement(0, only, None, None, None)
    n = len(shared)
    means = (sum(a[t].confidence for t in shared) / n, sum(b[t].confidence for t in shared) / n)
    named = [(a[t].label, b[t].label) for t in shared if a[t].label or b[t].label]
    if not named:
        return Agreement(n, only, None, None, means)
    firsts, seconds = Counter(x for x, _ in named), Counter(y for _, y in named)
    chance = sum(firsts[x] * seconds[x] for x in firsts) / len(named) ** 2
    return Agreement(n, only, sum(x == y for x, y in named) / len(named), chance, means)


def doubts(first: Recording, second: Recording) -> list[str]:
    """Say why two runs might not be of one recording."""
    found = []
    people = {r.start.person for r in (first, second) if r.start is not None}
    if len(people) > 1:
        found.append(tr("the two runs are of different persons"))
    if abs(first.end_s - second.end_s) > max(2.0, 0.02 * first.end_s):
        found.append(tr("they differ in length: {a} s and {b} s",
                        a=round(first.end_s), b=round(second.end_s)))  # fmt: skip
    events = [[(round(m.t_s, 3), m.label) for m in r.marks if not m.own] for r in (first, second)]
    if events[0] != events[1]:
        found.append(tr("their events differ: perhaps they are not of one recording"))
    return found
