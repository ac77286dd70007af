"""Says what key a file holds, so that whoever gave a wrong one learns which it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

__all__ = ["MARKS", "kind_in_words"]

_MOST_BYTES = 16_384
MARKS = {
    "phosphene steward key 1": "the private key of a data steward",
    "phosphene signing key 1": "a private key to sign consents with",
    "phosphene network key 1": "the private key of a machine, for the network",
    "phosphene network public key 1": "the public key of a machine, for the network",
}
"""What the marks in files of keys mean."""
_CONSOLE = re.compile(rb"[0-9a-f]{64}\s*")


def kind_in_words(path: Path) -> str:
    """Return what key a file holds, as the second half of a sentence; empty where it is none.

    Parameters
    ----------
    path : Path
        Any file. Nothing secret of it is in what is returned.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_MOST_BYTES)
    except OSError:
        return ""
    if head.lstrip().startswith(b"{"):
        return _marked(head)
    if _CONSOLE.fullmatch(head):
        return "a console's own key for assignments"
    if re.match(rb"\s*-----BEGIN [A-Z ]*PRIVATE KEY-----", head):
        return "a private key of another program"
    return _public(head)


def _marked(head: bytes) -> str:
    try:
        return MARKS.get(str(json.loads(head)["kind"]), "")
    except (ValueError, KeyError, TypeError):
        return ""


def _public(head: bytes) -> str:
    try:
        key = load_pem_public_key(head)
    except (ValueError, UnsupportedAlgorithm):
        return ""
    match key:
        case X25519PublicKey():
            return "a public key that recordings are sealed to"
        case Ed25519PublicKey():
            return "a public key of somebody who signs"
        case _:
            return "a public key of another program"
