"""Whether a live session has a stop device for its participant, or says why it has none."""

from __future__ import annotations

from phosphene.doctor import Finding
from phosphene.errors import ConfigError
from phosphene.session import Session

__all__ = ["armed", "missing_stop", "require_stop", "tell_stop"]

_CURE = (
    "name a device in [stop] (keyboard, serial, or demanded = true for the key of the "
    'participant\'s window), or say why there is none: none = "..." there'
)


def missing_stop(session: Session) -> Finding | None:
    """Look for the participant's stop device.

    Returns
    -------
    Finding or None
        An error where somebody is decoded, there is no device and nobody says why; a warning
        where somebody does, a hint where nobody is decoded; None where a device takes part.
    """
    stop = session.stop
    if stop.present:
        return None
    if stop.none.strip():
        text = f"no stop device, the participant can only say it: {stop.none}"
        return Finding("warning", text, "agree with the participant on how to say it")
    if session.decoder.bundle is None:
        text = "no stop device: none is needed while nothing is decoded"
        return Finding("hint", text, f"for a session with a decoder: {_CURE}")
    return Finding("error", "the participant has no stop device", _CURE)


def require_stop(session: Session, mode: str) -> None:
    """Refuse to decode a participant without a stop device, unless the session says why.

    Raises
    ------
    ConfigError
        If nothing is said of it.
    """
    found = missing_stop(session) if mode == "live" else None
    if found is not None and found.level == "error":
        raise ConfigError(f"the session is not started: {found.text}; {found.fix}")


def tell_stop(session: Session, mode: str) -> None:
    """Tell whoever starts a live run that its participant has no stop device."""
    found = missing_stop(session) if mode == "live" else None
    if found is not None:
        print(f"{found.level}: {found.text}")


def armed(session: Session, mode: str) -> Session:
    """Return the session whose stop device has to be pressed once before a live run begins.

    Only a session that sets ``stop.demanded`` itself has it otherwise.
    """
    stop = session.stop
    if mode != "live" or not stop.present or "demanded" in stop.model_fields_set:
        return session
    return session.model_copy(update={"stop": stop.model_copy(update={"demanded": True})})
