"""Configure liblsl before its first use.

liblsl reads its configuration once per process. Without one it would look for streams on the whole
network; with "machine" scope alone, versions up to 1.17 miss streams of the same machine, which
naming 127.0.0.1 as a peer cures.

A peer is asked at a range of UDP ports, 32 unless told. Every search listens at ports of that range
itself, up to ten at a time, so that a few searches fill it; an outlet that starts then answers at
another port, and nobody on its machine finds it for as long as it lives. Hence the wider range.

liblsl has no setting for the address that outlets bind to: they listen on every one of IPv4, and,
unless only this machine is wanted, of IPv6. Scope and session id keep others from finding a stream,
not from reading it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

import pylsl

from phosphene.errors import ConfigError, NodeError, check_all, problem

__all__ = ["BASE_PORT", "MULTICAST_PORT", "PORTS", "LslConfig", "check_session", "configure_lsl"]

MULTICAST_PORT: Final = 16_571
BASE_PORT: Final = 16_572
PORTS: Final = 256
"""liblsl listens at these ports only, UDP and TCP: the first, and `PORTS` from the second on."""

# Mirrors what liblsl itself keeps for the whole process and cannot be asked for.
_APPLIED: Final[list[str]] = []
# liblsl sets memory aside for this many samples of an irregular stream, 128 unless told: 400 MB in
# each process where volumes are wide, and every page costs time when it is first written.
_RESERVE = 2
_QUIET = -3  # losses are noticed and told here, so liblsl need not print them


@dataclass(frozen=True, slots=True)
class LslConfig:
    """Who sees whose streams.

    Attributes
    ----------
    session_id : str
        Streams of other session ids stay invisible. It is a filter, not a password.
    scope : {"machine", "link", "site"}
        How far to look: this machine, the local network, or beyond routers.
    known_peers : tuple of str
        Addresses that are asked directly.
    log_level : int
        Verbosity of liblsl, -3 (fatal only) to 9.
    """

    session_id: str = "default"
    scope: Literal["machine", "link", "site"] = "machine"
    known_peers: tuple[str, ...] = ("127.0.0.1",)
    log_level: int = _QUIET

    def __post_init__(self) -> None:
        word = r"[A-Za-z0-9_.:-]{1,64}"
        problems = []
        if not re.fullmatch(word, self.session_id):
            allowed = "1 to 64 of A-Z a-z 0-9 _ . : -"
            problems.append(problem("session_id", self.session_id, allowed, "Rename it."))
        if self.scope not in ("machine", "link", "site"):
            problems.append(problem("scope", self.scope, "machine, link, site", "Choose one."))
        for peer in self.known_peers:
            if not re.fullmatch(word, peer):
                problems.append(problem("known_peers", peer, "an address", "Correct it."))
        if not -3 <= self.log_level <= 9:
            problems.append(problem("log_level", self.log_level, "-3 to 9", "Correct it."))
        check_all(problems, ConfigError, "LSL settings")

    def content(self) -> str:
        """Return the text that liblsl reads."""
        return (
            f"[multicast]\nResolveScope = {self.scope}\n"
            f"[lab]\nKnownPeers = {{{', '.join(self.known_peers)}}}\n"
            f"SessionID = {self.session_id}\n"
            f"[log]\nlevel = {self.log_level}\n"
            f"[ports]\nMulticastPort = {MULTICAST_PORT}\nBasePort = {BASE_PORT}\n"
            f"PortRange = {PORTS}\nIPv6 = {'disable' if self.scope == 'machine' else 'allow'}\n"
            f"[tuning]\nOutletBufferReserveSamples = {_RESERVE}\n"
            f"InletBufferReserveSamples = {_RESERVE}\n"
        )


def configure_lsl(config: LslConfig) -> None:
    """Hand the settings to liblsl; to be called before anything else of LSL.

    Parameters
    ----------
    config : LslConfig
        The settings. The same again is accepted and does nothing.

    Raises
    ------
    ConfigError
        When this process already uses others: liblsl would ignore these without a word.
    """
    content = config.content()
    if _APPLIED:
        if _APPLIED[0] != content:
            raise ConfigError(
                f"LSL is already configured in this process with\n{_APPLIED[0]}"
                f"and cannot change to\n{content}Start another process."
            )
        return
    pylsl.set_config_content(content)
    _APPLIED.append(content)


def check_session(session_id: str) -> None:
    """Check that liblsl really took the settings, given the session id a new outlet shows.

    Raises
    ------
    NodeError
        When liblsl was used before `configure_lsl`.
    """
    if _APPLIED and f"SessionID = {session_id}\n" not in _APPLIED[0]:
        raise NodeError(
            f"LSL runs with session id {session_id!r}: it was used before it was configured; "
            "call configure_lsl first"
        )
