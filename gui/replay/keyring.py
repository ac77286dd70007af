"""Opens recordings, sealed or not, with a key that stays in this object's memory. No Qt.

`phosphene.seal.opening.unlocked` lends keys by the environment, which every process that the
console starts meanwhile would inherit; here they are handed to one child at a time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from phosphene.coredumps import no_core_dumps
from phosphene.errors import SealError
from phosphene.recorder.names import recordings_in
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import (
    KEYS_VARIABLE,
    is_sealed,
    open_recording,
    open_sealed,
    sealed_header,
)
from phosphene.seal.passphrase import VARIABLE

__all__ = ["Keyring", "files_of", "locked_among"]


class Keyring:
    """The steward's key, while a sealed recording is open; without one, ordinary files only.

    Parameters
    ----------
    steward : StewardKey or None
        The private key.
    """

    def __init__(self, steward: StewardKey | None = None) -> None:
        self._steward = steward
        self._own: dict[str, bytes] = {}

    @classmethod
    def of(cls, key: Path, passphrase: str) -> Keyring:
        """Open a steward's private key; takes about half a second.

        Raises
        ------
        SealError
            If the file is not such a key, or the passphrase is not the right one.
        """
        no_core_dumps()
        return cls(StewardKey.load(key, passphrase))

    @property
    def public_pem(self) -> bytes | None:
        """The steward's public key as it lies in a file; None without a key."""
        return None if self._steward is None else self._steward.pem

    def open(self, path: Path) -> BinaryIO:
        """Open a recording for reading.

        Raises
        ------
        SealError
            If it is sealed and this key does not open it.
        OSError
            If it cannot be read.
        """
        return open_sealed(path, self._key_of(path)) if is_sealed(path) else open_recording(path)

    def lend(self, paths: Sequence[Path]) -> dict[str, str]:
        """Return the environment of a child process that may read these recordings, and no others.

        It holds the recordings' own keys, never the steward's, and no passphrase.

        Raises
        ------
        SealError
            If one of them is not opened by this key.
        """
        held = {k: v for k, v in os.environ.items() if k not in (KEYS_VARIABLE, VARIABLE)}
        sealed = [path for path in paths if is_sealed(path)]
        pairs = [f"{sealed_header(path).core.id}:{self._key_of(path).hex()}" for path in sealed]
        return held | ({KEYS_VARIABLE: " ".join(pairs)} if pairs else {})

    def _key_of(self, path: Path) -> bytes:
        header = sealed_header(path)
        if header.core.id not in self._own:
            if header.erased:
                raise SealError(f"{path.name}: its keys have been erased; nobody can open it")
            if self._steward is None:
                raise SealError(f"{path.name}: sealed; the data steward's private key opens it")
            self._own[header.core.id] = header.open(self._steward)
        return self._own[header.core.id]


def files_of(where: Path) -> list[Path]:
    """Return the recording files of a folder, or the file itself."""
    return recordings_in(where) if where.is_dir() else [where]


def locked_among(where: Path) -> list[Path]:
    """Return the sealed files of a folder, or the file itself where it is sealed."""
    return [path for path in files_of(where) if is_sealed(path)]
