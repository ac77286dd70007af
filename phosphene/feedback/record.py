"""The scores of a run as rows of 64 bytes: every row has the same length, whatever was shown."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import msgspec

from phosphene.errors import RecordingError
from phosphene.feedback.blocks import Block

__all__ = ["ROW_BYTES", "About", "Row", "pack_about", "score_file", "score_files", "unpack"]

_ROW = struct.Struct("<q2i6d")
ROW_BYTES = _ROW.size
_MAGIC = b"PHSCORE2"
_MOST_ABOUT = 2**24


@dataclass(frozen=True)
class Row:
    """One sample.

    Attributes
    ----------
    index, block, seen_block : int
        Of the sample, of the block that was running, and of the block that the measured activity
        belongs to, in fMRI seconds earlier (-1: none).
    t_data : float
        In seconds on the recording's axis.
    measured, value : float
        Measurement, and against the baseline; not a number where there is none.
    own, donor, shown : float
        The person's own score, the donor's at the same time, and what was shown; 0 to 1 or not a
        number.
    """

    index: int
    block: int
    seen_block: int
    t_data: float
    measured: float
    value: float
    own: float
    donor: float
    shown: float

    def pack(self) -> bytes:
        """Return it as it lies in the file."""
        return _ROW.pack(*astuple(self))


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file of scores is about; the same in both arms.

    Attributes
    ----------
    run, person : str
        Identifier and pseudonym.
    score, unit : str
        What was measured.
    assignment : str
        Identifier of the sealed assignment; "" in a run that is not blind.
    blocks : list of (str, float, float, str)
        Kind, onset and end in seconds, condition.
    """

    run: str
    person: str
    score: str
    unit: str
    assignment: str
    blocks: list[tuple[str, float, float, str]]

    @staticmethod
    def laid_out(blocks: Sequence[Block]) -> list[tuple[str, float, float, str]]:
        """Return blocks as they stand here."""
        return [(b.kind, b.onset_s, b.end_s, b.condition) for b in blocks]


def score_file(folder: Path, run: str, *, sealed: bool) -> Path:
    """Return where a run's scores lie beside its recording."""
    return folder / f"{run}.scores{'.sealed' if sealed else ''}"


def score_files(folder: Path, run: str, *, sealed: bool = False) -> list[Path]:
    """Return the files of a run's scores, oldest first: those that are sealed, or the others.

    A gate that was started again goes on in a file of its own.
    """
    first = score_file(folder, run, sealed=sealed)
    found, number = [], 1
    path = first
    while path.is_file():
        found.append(path)
        number += 1
        path = first.with_name(first.name.replace(".scores", f"-{number}.scores"))
    return found


def pack_about(about: About) -> bytes:
    """Return what stands in front of the rows."""
    told = msgspec.json.encode(about)
    return _MAGIC + len(told).to_bytes(4, "little") + told


def unpack(raw: bytes) -> tuple[About, list[Row]]:
    """Read a file of scores; a row that was cut off at its end is left out.

    Raises
    ------
    RecordingError
        If it is not such a file.
    """
    head = len(_MAGIC) + 4
    length = int.from_bytes(raw[len(_MAGIC) : head], "little")
    if not raw.startswith(_MAGIC) or length > _MOST_ABOUT:
        raise RecordingError("this is not a file of scores")
    try:
        about = msgspec.json.decode(raw[head : head + length], type=About)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordingError(f"this is not a file of scores: {error}") from error
    body = raw[head + length :]
    body = body[: len(body) - len(body) % ROW_BYTES]
    return about, [Row(*values) for values in _ROW.iter_unpack(body)]
