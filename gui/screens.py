"""Which screen a window for other eyes may use; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gui.texts import mark, tr
from phosphene.errors import ConfigError, problem

__all__ = ["ScreenFacts", "choose_screen", "why_unfit"]

_SECOND = mark("no second screen: connect one for the participant")
_NONE_FOR_OBSERVERS = mark("no further screen: connect one for the observers")


@dataclass(frozen=True)
class ScreenFacts:
    """Name, place and serial number of a screen: left, top, width and height in pixels.

    The serial number is empty where the system does not tell it.
    """

    name: str
    left: int
    top: int
    width: int
    height: int
    serial: str = ""

    def overlaps(self, other: ScreenFacts) -> bool:
        """Return True when both show some of the same pixels (mirrored output)."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def called(self, wanted: str) -> bool:
        """Return whether this is the screen of that name or serial number."""
        return bool(wanted) and wanted in (self.name, self.serial)


def choose_screen(
    wanted: str | None,
    screens: Sequence[ScreenFacts],
    operator: str | None,
    keep_off: Collection[str] = (),
    option: str = "--participant-screen",
) -> int:
    """Return the index of the screen that was asked for.

    Parameters
    ----------
    wanted : str or None
        Its name or serial number.
    screens : sequence of ScreenFacts
        All screens.
    operator : str or None
        Name of the screen on which the operator's window is; None where nobody knows.
    keep_off : collection of str
        Names or serial numbers of further screens that may not be used.
    option : str
        What the screen is chosen with, for the messages.

    Raises
    ------
    ConfigError
        If none was named, not exactly one is called so, it is another's, or it is mirrored.
    """
    free = ", ".join(
        _words(s) for s in screens if s.name != operator and not any(map(s.called, keep_off))
    )
    others = free or "none: connect another screen"
    found = [k for k, screen in enumerate(screens) if wanted is not None and screen.called(wanted)]
    cure = f"Choose it with {option}."
    if not (found or free):
        # Whoever names another screen does not get one by it.
        raise ConfigError(_SECOND if option == "--participant-screen" else _NONE_FOR_OBSERVERS)
    if len(found) != 1:
        raise ConfigError(problem(option, wanted, others, cure))
    chosen = screens[found[0]]
    if chosen.name == operator:
        what = f"{others}; {wanted!r} is the operator's own screen"
        raise ConfigError(problem(option, wanted, what, cure))
    if any(map(chosen.called, keep_off)):
        what = f"{others}; {wanted!r} is in use"
        raise ConfigError(problem(option, wanted, what, cure))
    if mirrored := _mirrors(chosen, screens):
        what = f"a screen that mirrors no other (it shows some of {mirrored.name})"
        raise ConfigError(problem(option, wanted, what, "Extend the desktop instead."))
    return found[0]


def why_unfit(
    chosen: str, on: str, screens: Sequence[ScreenFacts], operator: str | None = None
) -> str:
    """Return in words why a window may not stay where it is; empty where it may.

    Parameters
    ----------
    chosen : str
        Name of the screen that was chosen for it.
    on : str
        Name of the screen on which it is.
    screens : sequence of ScreenFacts
        All screens there are now.
    operator : str or None
        Name of the screen on which the operator's window is now.
    """
    own = next((s for s in screens if s.name == chosen), None)
    if own is None:
        return tr("its screen was disconnected")
    if on != chosen:
        return tr("the desktop has moved it to another screen")
    if chosen == operator:
        return tr("the operator's window is on its screen")
    if mirrored := _mirrors(own, screens):
        return tr("its screen is mirrored by {name}", name=mirrored.name)
    return ""


def _mirrors(own: ScreenFacts, screens: Sequence[ScreenFacts]) -> ScreenFacts | None:
    """Return a screen that shows some of the same pixels."""
    return next((s for s in screens if s.name != own.name and s.overlaps(own)), None)


def _words(screen: ScreenFacts) -> str:
    return f"{screen.name} ({screen.serial})" if screen.serial else screen.name
