"""Recorded scores of another run, for sham control: a yoked participant gets what a donor got.

A donor's file is JSON. The donor's pseudonym is in it only as a salted hash, so that one can check
that it is somebody else, and not whom.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from phosphene.errors import ConfigError, check_all, problem
from phosphene.feedback.blocks import read_text
from phosphene.feedback.protocol import Protocol
from phosphene.feedback.record import About, Row

__all__ = ["Donor", "donor_of", "load_donor", "troubles_of"]

KIND = "phosphene scores 1"
_ALIGNED_S = 0.1
_RATE_TOLERANCE = 0.1
_END_INTERVALS = 2.0


class Donor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores as they were shown.

    Attributes
    ----------
    kind : str
        Name and version of the format.
    salt, person_sha256 : str
        Hexadecimal; hash of salt and pseudonym.
    score : str
        What was measured.
    blocks : list of (str, float, float)
        Kind, onset and end of each block, in seconds.
    t_s : list of float
        When each score came, in seconds on the recording's axis, rising.
    scores : list of float or None
        From 0 to 1; None where nothing was shown.
    """

    kind: str
    salt: str
    person_sha256: str
    score: str
    blocks: list[tuple[str, float, float]]
    t_s: list[float]
    scores: list[float | None]

    @property
    def interval_s(self) -> float:
        """Median interval between scores, in seconds; not a number with fewer than two."""
        return float(np.median(np.diff(self.t_s))) if len(self.t_s) > 1 else math.nan

    def is_of(self, person: str) -> bool:
        """Return whether they are this person's."""
        return _hashed(self.salt, person) == self.person_sha256

    def at(self, t_s: float) -> float:
        """Return the newest score at or before a time; not a number where none was shown."""
        at = bisect_right(self.t_s, t_s + 1e-6) - 1
        value = self.scores[at] if at >= 0 else None
        return math.nan if value is None else value

    def save(self, path: Path) -> None:
        """Write it; an existing file is never overwritten.

        Raises
        ------
        ConfigError
            If it exists or cannot be written.
        """
        try:
            with path.open("xb") as file:
                file.write(msgspec.json.encode(self))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def donor_of(about: About, rows: Sequence[Row]) -> Donor:
    """Make a donor's file of a run's scores: those that the person's own brain gave.

    Parameters
    ----------
    about : About
        Of the run.
    rows : sequence of Row
        Its scores.
    """
    salt = secrets.token_hex(16)
    return Donor(
        KIND,
        salt,
        _hashed(salt, about.person),
        about.score,
        [(kind, onset_s, end_s) for kind, onset_s, end_s, _ in about.blocks],
        [row.t_data for row in rows],
        [None if math.isnan(row.own) else row.own for row in rows],
    )


def load_donor(path: Path) -> Donor:
    """Read a donor's file.

    Raises
    ------
    ConfigError
        If it is not one.
    """
    try:
        found = msgspec.json.decode(read_text(path), type=Donor)
    except msgspec.DecodeError as error:
        raise ConfigError(f"donor {path}: not a file of recorded scores: {error}") from error
    whole = found.kind == KIND and len(found.t_s) == len(found.scores) > 1
    if not whole or not all(a < b for a, b in zip(found.t_s, found.t_s[1:], strict=False)):
        raise ConfigError(f"donor {path}: not a file of recorded scores: times have to rise, one "
                          "for each score, two at least")  # fmt: skip
    bad = sum(s is not None and not 0.0 <= s <= 1.0 for s in found.scores)
    if bad:
        raise ConfigError(f"donor {path}: {bad} scores lie outside 0 to 1")
    return found


def troubles_of(
    donor: Donor,
    protocol: Protocol,
    score: str,
    person: str,
    *,
    same_person: bool = False,
    interval_s: float | None = None,
) -> list[str]:
    """Say why a donor does not fit a run.

    Parameters
    ----------
    donor : Donor
        The recorded scores.
    protocol : Protocol
        Of the run.
    score : str
        What the run measures.
    person : str
        Pseudonym of the person who would get them.
    same_person : bool
        Allow the person's own.
    interval_s : float or None
        Interval between the run's samples, where it is known.

    Returns
    -------
    list of str
        Problems; empty where it fits.
    """
    found = []
    if donor.is_of(person) and not same_person:
        found.append(problem("protocol.donor", "scores of the same person", "those of another",
                             "Choose another, or set protocol.same_person = true."))  # fmt: skip
    if donor.score != score:
        found.append(problem("protocol.donor", donor.score, score, "Choose one of this score."))
    own = [(b.kind, b.onset_s, b.end_s) for b in protocol.blocks]
    alike = len(own) == len(donor.blocks) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= _ALIGNED_S and abs(a[2] - b[2]) <= _ALIGNED_S
        for a, b in zip(own, donor.blocks, strict=False)
    )
    if not alike:
        allowed = "the same kinds of block at the same times"
        found.append(problem("protocol.donor", f"{len(donor.blocks)} other blocks", allowed,
                             "Choose one of this protocol."))  # fmt: skip
    last_s = donor.t_s[-1] + _END_INTERVALS * donor.interval_s
    if last_s < protocol.end_s:
        found.append(problem("protocol.donor", f"{donor.t_s[-1]:.1f} s of scores",
                             f"scores up to the end at {protocol.end_s:.1f} s",
                             "Choose a whole run."))  # fmt: skip
    if interval_s and abs(donor.interval_s / interval_s - 1.0) > _RATE_TOLERANCE:
        found.append(problem("protocol.donor", f"a score every {donor.interval_s:.3f} s",
                             f"every {interval_s:.3f} s, within 10 %",
                             "Choose one of the same rate."))  # fmt: skip
    return found


def checked(
    donor: Donor, protocol: Protocol, score: str, person: str, *, same_person: bool
) -> Donor:
    """Return a donor that fits.

    Raises
    ------
    ConfigError
        With everything that does not.
    """
    troubles = troubles_of(donor, protocol, score, person, same_person=same_person)
    check_all(troubles, ConfigError, "sham control")
    return donor


def _hashed(salt: str, person: str) -> str:
    return hashlib.sha256(f"{salt} {person}".encode()).hexdigest()
