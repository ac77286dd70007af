"""What one block of a protocol is, and how small files of blocks and scores are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phosphene.errors import ConfigError

__all__ = ["Block", "Kind", "read_text"]

Kind = Literal["rest", "regulate", "task", "feedback"]


@dataclass(frozen=True)
class Block:
    """One block; times are seconds on the recording's axis.

    Attributes
    ----------
    index : int
        Its number in the run, from 0.
    kind : str
        ``rest``, ``regulate``, ``task`` or ``feedback``.
    onset_s, end_s : float
        It holds from the onset up to, and without, the end.
    condition, target, foil, instruction : str
        See `phosphene.session_protocol.BlockSettings`; "" where there is none.
    """

    index: int
    kind: Kind
    onset_s: float
    end_s: float
    condition: str = ""
    target: str = ""
    foil: str = ""
    instruction: str = ""


def read_text(path: Path) -> str:
    """Read a small text file.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
