"""A bundle at rest: one sealed file that only the data steward's key opens.

A fitted decoder is about one person as much as the recordings are that it was fitted on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from phosphene.bundle import Bundle
from phosphene.bundle_store import pack_archive
from phosphene.errors import ConfigError
from phosphene.seal.writer import Seal, SealedDisk

__all__ = ["SEALED_BUNDLE", "seal_bundle"]

SEALED_BUNDLE = ".phos.sealed"


def seal_bundle(bundle: Bundle, path: Path, stewards: Sequence[bytes], made: datetime) -> None:
    """Write a bundle sealed, into a file that must not exist; a reader sees all of it or nothing.

    Parameters
    ----------
    bundle : Bundle
        Verified.
    path : Path
        Name of the file.
    stewards : sequence of bytes
        Raw public keys of everybody who is to be able to open it.
    made : datetime
        Present date and time, with zone.

    Raises
    ------
    ConfigError
        If there is such a file, or it cannot be written.
    """
    if path.exists():
        raise ConfigError(f"{path}: exists already and is never overwritten")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            disk = SealedDisk(file, Seal(tuple(stewards), f"bundle {bundle.digest[:12]}", 1, made))
            disk.write(pack_archive(bundle.payload))
            disk.finish()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
