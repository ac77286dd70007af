"""Blocks from a BIDS events file: onset, duration, trial_type, and what a protocol needs more."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from phosphene.errors import ConfigError, check_all, problem
from phosphene.feedback.blocks import Block, Kind, read_text

__all__ = ["blocks_from_events"]

KINDS = get_args(Kind)
_NONE = ("", "n/a")


def blocks_from_events(path: Path, kinds: Mapping[str, Kind]) -> list[Block]:
    """Read blocks.

    Parameters
    ----------
    path : Path
        Tab-separated, with ``onset`` and ``duration`` in seconds and ``trial_type``. Columns
        ``block_kind``, ``target``, ``foil`` and ``instruction`` are used where they are there.
    kinds : mapping of str to str
        Kind of block of a ``trial_type``. Without ``block_kind`` and where a type stands neither
        here nor is itself the name of a kind, it is a task.

    Returns
    -------
    list of Block
        In order of their onsets.

    Raises
    ------
    ConfigError
        With every line that cannot be used.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)), delimiter="\t")
    missing = [c for c in ("onset", "duration", "trial_type") if c not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError(f"events file {path}: no column {', '.join(missing)}; BIDS asks for them")
    rows, troubles = [], []
    for number, row in enumerate(reader, start=2):
        given = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}
        onset_s, duration_s = _number(given["onset"]), _number(given["duration"])
        name = given["trial_type"]
        kind = given.get("block_kind", "")
        kind = kinds.get(name, name if name in KINDS else "task") if kind in _NONE else kind
        if onset_s is None or onset_s < 0 or duration_s is None or duration_s <= 0:
            troubles.append(
                problem(f"line {number}", (given["onset"], given["duration"]), "an onset of at "
                        "least 0 and a duration above 0, in seconds", "Correct or remove it.")
            )  # fmt: skip
        elif kind not in KINDS:
            allowed = ", ".join(KINDS)
            troubles.append(problem(f"line {number}: block_kind", kind, allowed, "Correct it."))
        else:
            rows.append((onset_s, duration_s, kind, name, given))
    check_all(troubles, ConfigError, f"events file {path}")
    rows.sort(key=lambda r: r[0])
    return [
        Block(k, cast(Kind, kind), onset_s, _end_s(rows, k), name, _text(given, "target"),
              _text(given, "foil"), _text(given, "instruction"))
        for k, (onset_s, duration_s, kind, name, given) in enumerate(rows)
    ]  # fmt: skip


def _end_s(rows: list[tuple[float, float, str, str, dict[str, str]]], at: int) -> float:
    """Return a block's end; rounding of less than a millisecond makes no overlap."""
    end_s = rows[at][0] + rows[at][1]
    following = rows[at + 1][0] if at + 1 < len(rows) else math.inf
    return following if 0 < end_s - following < 1e-3 else end_s


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _text(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    return "" if value in _NONE else value
