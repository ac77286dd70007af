"""Which settings of the renderer the window offers, and when they may be changed. No Qt.

What a participant sees is part of an experiment. In a live run nothing of it changes while the run
goes on: pause first (F7), then everybody looks at nothing meanwhile, and the recording tells what
paints from then on. Replays and pilots without a protocol have nobody to mislead; there the look of
the picture may change while it runs, but not what decides whether and when there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gui.texts import mark, tr
from gui.words import State
from phosphene.plan import Plan
from phosphene.session import RendererSettings

__all__ = ["Setting", "may_change", "offered", "why_locked"]

_NAMES = {
    "mode": mark("Painted from"), "strength": mark("Strength"), "guides": mark("Guided by"),
    "guidance": mark("Guidance"), "steps": mark("Steps"), "path": mark("Path"),
    "smoothing_s": mark("Smoothing, s"), "warm_start": mark("Warm start"),
    "noise_s": mark("Noise, s"), "min_confidence": mark("Least confidence"),
    "stale_s": mark("Stale after, s"), "fps": mark("Frames per second"), "seed": mark("Seed"),
}  # fmt: skip
LOOKS = frozenset(
    {"mode", "strength", "guides", "guidance", "path", "smoothing_s", "warm_start", "noise_s"}
)
"""Settings that change the look of a picture alone."""
QUIET: frozenset[State] = frozenset({"ARMED", "PAUSED", "BLANKED"})
_MOST = 3600.0


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes
    ----------
    name : str
        As the session file and ``phosphene paint`` call it.
    words : str
        What people read, in English.
    choices : tuple of str
        What it may be; empty for a number.
    low, high : float
        Bounds of a number.
    whole : bool
        Whether only whole numbers are allowed.
    value : str
        What the session says.
    """

    name: str
    words: str
    choices: tuple[str, ...]
    low: float
    high: float
    whole: bool
    value: str


def offered(settings: RendererSettings) -> tuple[Setting, ...]:
    """Return the settings that the window offers, with the values of a session."""
    properties = RendererSettings.model_json_schema()["properties"]
    return tuple(
        _setting(name, words, properties[name], getattr(settings, name))
        for name, words in _NAMES.items()
    )


def _setting(name: str, words: str, entry: dict[str, Any], value: object) -> Setting:
    low = float(entry.get("minimum", entry.get("exclusiveMinimum", 0.0)))
    high = float(entry.get("maximum", entry.get("exclusiveMaximum", _MOST)))
    choices = tuple(str(one) for one in entry.get("enum", ()))
    whole = entry.get("type") == "integer"
    return Setting(name, words, choices, low, high, whole, str(value))


def may_change(setting: Setting, state: State, plan: Plan) -> bool:
    """Return whether a setting may be changed in a state of the run."""
    if state in QUIET:
        return True
    free = plan.mode != "live" and plan.session.protocol is None
    return state == "RUNNING" and free and setting.name in LOOKS


def why_locked(state: State, plan: Plan) -> str:
    """Return in words why settings cannot be changed; empty where all of them can."""
    if state in QUIET:
        return ""
    if state != "RUNNING":
        return tr("There is no run whose pictures could be changed.")
    if plan.mode == "live" or plan.session.protocol is not None:
        return tr("Locked while the run goes on: pause first (F7).")
    return tr("While it runs, the look can be changed; for the rest pause first (F7).")
