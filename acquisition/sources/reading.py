"""What reads the files of a folder: any format, one file at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from acquisition.fmri.volume import Volume
from phosphene.errors import InputError, problem

__all__ = ["UnreadableError", "VolumeReader", "bytes_of"]


class VolumeReader(Protocol):
    """Turns the bytes of files into volumes."""

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file; `InputError` and its kinds say why it cannot be.

        Returns
        -------
        list of Volume
            Those that this file completes: none while slices or a second file are still missing,
            several when one file holds many.
        """
        ...


class UnreadableError(InputError):
    """The system did not hand the file out; the same file may be readable a moment later."""


def bytes_of(path: Path) -> bytes:
    """Return what a file holds.

    Raises
    ------
    UnreadableError
        If the system does not hand it out: a writer on another machine may still lock it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(
            problem("file", error.strerror, "a readable file", "Check the folder's permissions.")
        ) from error
