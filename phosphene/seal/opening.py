"""Opens recordings, sealed or not.

The key of a recording that was unlocked reaches readers, in this process and in those that it
starts, by the environment: only the recording's own key, never the steward's.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from phosphene.errors import SealError
from phosphene.seal.header import MAGIC, Header
from phosphene.seal.keys import StewardKey
from phosphene.seal.passphrase import VARIABLE
from phosphene.seal.reader import SealedReader, header_of

__all__ = [
    "KEYS_VARIABLE",
    "is_sealed",
    "is_unlocked",
    "lent_for",
    "open_recording",
    "open_sealed",
    "sealed_header",
    "unlocked",
]

KEYS_VARIABLE = "PHOSPHENE_RECORDING_KEYS"
_SEALED_NAME = ".mcap.sealed"


def is_sealed(path: Path) -> bool:
    """Return whether a file is a sealed recording, by its name or by how it begins.

    One of that name that begins otherwise is a damaged one, or another put in its place.
    """
    if not path.is_file():
        return False
    if _SEALED_NAME in path.name:
        return True
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def sealed_header(path: Path) -> Header:
    """Read the header of a sealed recording.

    Raises
    ------
    SealError
        If it has none, or a damaged one; names the file.
    """
    try:
        with path.open("rb") as file:
            return header_of(file)
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from error
    except SealError as error:
        raise SealError(f"{path}: {error}") from error


def open_sealed(path: Path, content_key: bytes) -> io.BufferedReader:
    """Open a sealed recording with its own key; reading yields plaintext.

    Raises
    ------
    SealError
        If its header is damaged.
    """
    file = path.open("rb")
    try:
        return io.BufferedReader(SealedReader(file, header_of(file), content_key))
    except BaseException:
        file.close()
        raise


def open_recording(path: Path) -> BinaryIO:
    """Open a recording; a sealed one with the key that was unlocked for it.

    Raises
    ------
    SealError
        If it is sealed and was not unlocked, or its header is damaged.
    OSError
        If it cannot be read.
    """
    file = path.open("rb")
    try:
        if file.read(len(MAGIC)) != MAGIC:
            file.seek(0)
            return file
        header = header_of(file)
        lent = _lent()
        if header.core.id not in lent:
            raise SealError(_locked(header))
        return io.BufferedReader(SealedReader(file, header, bytes.fromhex(lent[header.core.id])))
    except BaseException:
        file.close()
        raise


def is_unlocked(path: Path) -> bool:
    """Return whether a recording can be read here: an ordinary one, or one that was unlocked."""
    try:
        return not is_sealed(path) or sealed_header(path).core.id in _lent()
    except SealError:
        return False


def lent_for(ids: Collection[str]) -> str:
    """Return what `KEYS_VARIABLE` has to hold so that only these files can be read by it."""
    return " ".join(f"{name}:{key}" for name, key in _lent().items() if name in ids)


def _lent() -> dict[str, str]:
    pairs = (pair.partition(":") for pair in os.environ.get(KEYS_VARIABLE, "").split())
    return {name: key for name, _, key in pairs}


def _locked(header: Header) -> str:
    if header.erased:
        return "its keys have been erased; nobody can open it any more"
    return (
        f"sealed to {', '.join(header.fingerprints)}; give that private key with --key, or make "
        "an ordinary recording of it with: phosphene unseal"
    )


@contextmanager
def unlocked(paths: Sequence[Path], key: StewardKey | None) -> Iterator[None]:
    """Lend readers the own keys of some recordings; without a key, or sealed files, do nothing.

    Raises
    ------
    SealError
        If a header is damaged, or the steward's key does not open one of them.
    """
    if key is None:
        yield
        return
    lent = []
    for path in paths:
        if is_sealed(path):
            header = sealed_header(path)
            try:
                lent.append(f"{header.core.id}:{header.open(key).hex()}")
            except SealError as error:
                raise SealError(f"{path}: {error}") from error
    # Processes that are started meanwhile need no passphrase, and get none.
    before = {name: os.environ.pop(name, None) for name in (KEYS_VARIABLE, VARIABLE)}
    os.environ[KEYS_VARIABLE] = " ".join(lent)
    try:
        yield
    finally:
        del os.environ[KEYS_VARIABLE]
        os.environ.update({name: value for name, value in before.items() if value is not None})
