"""Pairs of CURVE keys in files: a machine's, or an observer's.

The private key is not encrypted, because nodes start without anybody there; the file is refused
unless its owner alone may read it.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils import z85

from phosphene.errors import ConfigError, problem
from phosphene.seal.locked import create

__all__ = ["NetworkKey", "load_network_key", "load_network_public", "new_network_key", "raw"]

_PRIVATE, _PUBLIC = "phosphene network key 1", "phosphene network public key 1"
_Z85 = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True)
class NetworkKey:
    """A pair of keys in memory.

    Attributes
    ----------
    public, secret : str
        40 characters of Z85 each, as ZeroMQ takes them.
    """

    public: str
    secret: str

    def __repr__(self) -> str:
        """Name the public key; the secret is in no text."""
        return f"NetworkKey({self.public})"


def raw(public: str) -> bytes:
    """Return the 32 bytes of a public key.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not _Z85.fullmatch(public):
        raise ValueError(problem("public key", public, "40 characters of Z85", "Make a new one."))
    decoded: bytes = z85.decode(public)
    return decoded


def new_network_key(private_file: Path, public_file: Path) -> NetworkKey:
    """Make a pair of keys and write each into a file that must not exist.

    Raises
    ------
    ConfigError
        If a file exists or cannot be written.
    """
    for path in (private_file, public_file):
        if path.exists():
            raise ConfigError(f"{path}: exists already and is never overwritten")
    public, secret = (half.decode() for half in zmq.curve_keypair())
    create(private_file, _file({"kind": _PRIVATE, "public": public, "secret": secret}))
    create(public_file, _file({"kind": _PUBLIC, "public": public}))
    return NetworkKey(public, secret)


def load_network_key(path: Path) -> NetworkKey:
    """Read a private key.

    Raises
    ------
    ConfigError
        If it is none, is damaged, or can be read by others than its owner.
    """
    told = _told(path, _PRIVATE)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(problem(f"key {path}", oct(mode), "0o600", f"chmod 600 {path}"))
    key = NetworkKey(told["public"], told.get("secret", ""))
    if not _Z85.fullmatch(key.secret) or zmq.curve_public(key.secret.encode()) != (
        key.public.encode()
    ):
        raise ConfigError(
            f"key {path}: damaged; make a new pair with: phosphene keys new --network"
        )
    return key


def load_network_public(path: Path) -> str:
    """Read a public key.

    Raises
    ------
    ConfigError
        If it is none.
    """
    return _told(path, _PUBLIC)["public"]


def _file(told: dict[str, str]) -> bytes:
    return (json.dumps(told, indent=1) + "\n").encode()


def _told(path: Path, kind: str) -> dict[str, str]:
    try:
        told = json.loads(path.read_text("utf-8"))
        fits = told["kind"] == kind and len(raw(told["public"])) == 32
    except OSError as error:
        raise ConfigError(f"key {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"key {path}: not a {kind[:-2]}: {error!r}") from error
    if not fits:
        raise ConfigError(f"key {path}: not a {kind[:-2]}; it says {told['kind']!r}")
    return {name: str(value) for name, value in told.items()}
