"""What is left of an identifier once it has entered: a keyed hash.

The key is random per run and never written, so that nobody can test whether a known identifier
belongs to a recording. File names enter messages by the same rule: what may be a name, a date of
birth or a hospital number is hashed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

__all__ = ["keyed_hash", "new_key", "public_name"]

_IDENTIFIER = re.compile(r"(?=[\d.]{12})\d+(?:\.\d+){2,}|\d{7,}", re.ASCII)
_ENDING = re.compile(
    r"\.(?:dcm|ima|img|hdr|nii|nii\.gz|par|rec|mcap|xdf|edf|bdf|vhdr|csv)$", re.IGNORECASE
)
_PLAIN = re.compile(r"[\d._ -]+", re.ASCII)
_LAST_NUMBER = re.compile(r"(?<!\d)\d+$", re.ASCII)
_FEW = 1000


def new_key() -> bytes:
    """Return 32 random bytes to key the hashes of one run with."""
    return secrets.token_bytes(32)


def keyed_hash(key: bytes, text: str) -> str:
    """Return 16 hexadecimal digits of the HMAC-SHA-256 of an identifier."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


def public_name(name: str, key: bytes) -> str:
    """Return what messages may call a file.

    A name of digits, separators and a usual ending stays, except for unique identifiers and numbers
    of more than six digits, which are hashed. Of any other name there remain a hash of the whole,
    the last number if it is below 1000 (the volume, but no year), and a usual ending. Folders are
    left out.

    Parameters
    ----------
    name : str
        Name or path of a file.
    key : bytes
        Key of the run.

    Examples
    --------
    ``001_000007_000005.dcm`` stays; ``Doe_Jane_19800101_0005.dcm`` becomes
    ``file-1a2b3c4d-0005.dcm``.
    """
    own = Path(name).name
    usual = _ENDING.search(own)
    ending = usual[0] if usual else ""
    stem = own.removesuffix(ending)
    if _PLAIN.fullmatch(stem):
        return _IDENTIFIER.sub(lambda found: keyed_hash(key, found[0])[:8], stem) + ending
    last = _LAST_NUMBER.search(stem)
    number = f"-{last[0][-6:]}" if last and int(last[0]) < _FEW else ""
    return f"file-{keyed_hash(key, own)[:8]}{number}{ending}"
