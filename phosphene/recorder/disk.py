"""Where the bytes of a recording go: to an ordinary file, or through a seal."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from phosphene.seal.header import Header
from phosphene.seal.writer import Seal, SealedDisk, write_all

__all__ = ["Disk", "PlainDisk", "disk_for"]


class Disk(Protocol):
    """Takes a recording's bytes.

    A mark stands behind the last byte that is known to be good; `cut_back` ends the file there.
    """

    @property
    def header(self) -> Header | None:
        """Header of a sealed file; None of an ordinary one."""

    def write(self, data: bytes) -> int:
        """Take bytes, all or none."""

    def tell(self) -> int:
        """Return how many bytes were taken."""

    def flush(self) -> None:
        """Hand everything to the operating system."""

    def mark(self) -> None:
        """Remember that all so far is good."""

    def finish(self) -> None:
        """Write what belongs behind the last byte."""

    def cut_back(self, end: bytes) -> None:
        """Go back to the mark and end there with some last bytes; nothing of them if that fails."""


class PlainDisk:
    """An unbuffered file whose every write is complete or fails.

    Parameters
    ----------
    file : binary file
        Open for writing without buffer.
    """

    header: None = None

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._mark = 0

    def write(self, data: bytes) -> int:
        """Write bytes, all or none."""
        write_all(self._file, data)
        return len(data)

    def tell(self) -> int:
        """Return the length of the file in bytes."""
        return self._file.tell()

    def flush(self) -> None:
        """Do nothing: nothing is held back here."""

    def mark(self) -> None:
        """Remember that all so far is good."""
        self._mark = self._file.tell()

    def finish(self) -> None:
        """Do nothing: an ordinary recording ends with its last byte."""

    def cut_back(self, end: bytes) -> None:
        """Go back to the mark and end there with some last bytes; nothing of them if that fails."""
        try:
            self._file.truncate(self._mark)
            self._file.seek(self._mark)
            write_all(self._file, end)
        except OSError:
            self._file.truncate(self._mark)
            raise


def disk_for(file: BinaryIO, seal: Seal | None) -> Disk:
    """Return where the bytes of a new recording go.

    Raises
    ------
    OSError
        If the header of a sealed one has no room.
    """
    return PlainDisk(file) if seal is None else SealedDisk(file, seal)
