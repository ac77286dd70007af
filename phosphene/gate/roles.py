"""Who may ask the gate for what: a role belongs to a socket's identity, never to a button."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["ACTIONS", "ROLES", "Role", "may", "role_named"]

Role = Literal["operator", "steward", "observer", "participant"]
ROLES: tuple[Role, ...] = get_args(Role)

ACTIONS: dict[str, frozenset[Role]] = {
    "status": frozenset(ROLES),
    "stop": frozenset({"operator", "steward", "participant"}),
    "blank": frozenset({"operator", "steward", "participant"}),
    "unblank": frozenset({"operator"}),
    "pause": frozenset({"operator", "steward"}),
    "resume": frozenset({"operator"}),
    "marker": frozenset({"operator", "steward"}),
    "begin": frozenset({"operator"}),
    "confirm": frozenset({"operator"}),
    "release": frozenset({"operator", "steward"}),
    "withdraw": frozenset({"operator", "steward"}),
    "open-block": frozenset({"operator"}),
    "close-block": frozenset({"operator"}),
}
"""Every action of the gate's control socket, with the roles that may ask for it."""


def may(role: Role, action: str) -> bool:
    """Return whether a role may ask for an action; what is not known is denied."""
    return role in ACTIONS.get(action, frozenset())


def role_named(identity: bytes) -> Role:
    """Return the role that a local socket's identity names (``observer``, ``observer-2``).

    Whoever can enter the run's private folder is the user who runs it: an identity that names no
    role is the operator's, one that does gives rights up.
    """
    name = identity.split(b"-")[0]
    return next((role for role in ROLES if role.encode() == name), "operator")
