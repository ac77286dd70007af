"""Which screen the participant's window may use; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phosphene.errors import ConfigError, problem

__all__ = ["ScreenFacts", "choose_screen"]


@dataclass(frozen=True)
class ScreenFacts:
    """Name and place of a screen: left, top, width and height in pixels."""

    name: str
    left: int
    top: int
    width: int
    height: int

    def overlaps(self, other: ScreenFacts) -> bool:
        """Return True when both show some of the same pixels (mirrored output)."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )


def choose_screen(wanted: str | None, screens: Sequence[ScreenFacts], operator: str) -> int:
    """Return the index of the participant's screen.

    Parameters
    ----------
    wanted : str or None
        Name that was asked for.
    screens : sequence of ScreenFacts
        All screens.
    operator : str
        Name of the screen on which the operator's window is.

    Raises
    ------
    ConfigError
        If no name was given, no screen has it, or it is or mirrors the operator's screen.
    """
    names = [s.name for s in screens]
    others = ", ".join(n for n in names if n != operator) or "none: connect a second screen"
    cure = "Start with --participant-screen NAME."
    if wanted is None:
        raise ConfigError(problem("--participant-screen", wanted, others, cure))
    if names.count(wanted) != 1:
        raise ConfigError(problem("--participant-screen", wanted, others, cure))
    if wanted == operator:
        what = f"{others}; {wanted!r} is the operator's own screen"
        raise ConfigError(problem("--participant-screen", wanted, what, cure))
    index = names.index(wanted)
    own = next((s for s in screens if s.name == operator), None)
    if own is not None and screens[index].overlaps(own):
        what = "a screen that does not mirror the operator's"
        raise ConfigError(
            problem("--participant-screen", wanted, what, "Extend the desktop instead.")
        )
    return index
