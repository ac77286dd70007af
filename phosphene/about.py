"""Whose run a run folder belongs to, for whoever has to choose among several."""

from __future__ import annotations

import json
import time
from pathlib import Path

from phosphene.bus import RunFolder
from phosphene.errors import ConfigError, problem

__all__ = ["choose_folder", "in_words", "write_about"]

ABOUT = "about.json"


def write_about(folder: RunFolder, person: str, out: Path | None) -> None:
    """Leave person and output folder in a run folder, which only its owner can enter."""
    told = {"person": person, "out": "" if out is None else str(out.resolve())}
    (folder.path / ABOUT).write_text(json.dumps(told), "utf-8")


def choose_folder(asked: Path | None, running: list[Path]) -> Path:
    """Choose a run that is going on.

    Parameters
    ----------
    asked : Path or None
        Run folder, or output folder (--out) of a run; None for the only one.
    running : list of Path
        Run folders of runs that are going on.

    Raises
    ------
    ConfigError
        If it cannot be told which one is meant; the message lists them.
    """
    meant = running
    if asked is not None:
        if (asked / ABOUT).exists():
            return asked
        goal = asked.resolve()
        meant = [p for p in running if goal == p.resolve() or str(goal) == _about(p).get("out")]
    if len(meant) == 1:
        return meant[0]
    listed = "; ".join(in_words(path) for path in running) or "none is going on"
    got = "none named" if asked is None else str(asked)
    cure = "Start one first." if not running else "Name its run folder or its --out with --run."
    raise ConfigError(problem("run", got, f"one run that is going on: {listed}", cure))


def in_words(folder: Path) -> str:
    """Return run folder, person, output folder and age of a run."""
    told = _about(folder)
    about = folder / ABOUT
    # The file is written once, when the run starts.
    since = f", for {(time.time() - about.stat().st_mtime) / 60:.0f} min" if about.exists() else ""
    out = told.get("out") or "no --out"
    return f"{folder} (person {told.get('person', 'unknown')}, {out}{since})"


def _about(folder: Path) -> dict[str, str]:
    try:
        told = json.loads((folder / ABOUT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in told.items()} if isinstance(told, dict) else {}
