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

_ENDING = re.compile(
    r"\.(?:dcm|ima|img|hdr|nii|nii\.gz|par|rec|mcap|xdf|edf|bdf|vhdr|csv)$", re.IGNORECASE
)
# Siemens's own export: patient, series and image of that export, all counted from 1.
_COUNTED = re.compile(r"\d{3}_000\d{3}_\d{6}", re.ASCII)
# A date, or a unique identifier.
_TELLING = re.compile(r"(?<!\d)\d{1,4}([-._ ])\d{1,2}\1\d{1,4}$|(?:\d+\.){3,}\d+$", re.ASCII)
_LAST_NUMBER = re.compile(r"(?<!\d)\d+$", re.ASCII)
_FEW, _PADDED = 1000, 6


def new_key() -> bytes:
    """Return 32 random bytes to key the hashes of one run with."""
    return secrets.token_bytes(32)


def keyed_hash(key: bytes, text: str) -> str:
    """Return 16 hexadecimal digits of the HMAC-SHA-256 of an identifier."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


def public_name(name: str, key: bytes) -> str:
    """Return what messages may call a file.

    Of a name there remain a hash of the whole, the last number if it is below 1000 (the volume, but
    no year) and does not end a date or a unique identifier, and a usual ending. Numbers may be
    dates of birth or hospital numbers as well as words may be names, so only two names stay as they
    are: one that is nothing but such a number, and the three counters of Siemens's export. Folders
    are left out.

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
    last = _LAST_NUMBER.search(stem)
    few = last is not None and int(last[0]) < _FEW and not _TELLING.search(stem)
    if _COUNTED.fullmatch(stem) or (few and last is not None and last[0] == stem):
        return own
    number = f"-{last[0][-_PADDED:]}" if few and last is not None else ""
    return f"file-{keyed_hash(key, own)[:8]}{number}{ending}"
