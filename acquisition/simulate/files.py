"""Files as the simulated scanner hands them over, and how they get into a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ScannerFile", "write_file"]


@dataclass(frozen=True)
class ScannerFile:
    """One file, or a piece of one, to appear in the folder.

    Attributes
    ----------
    name : str
        Name in the folder; may begin with a sub-folder.
    raw : bytes
        Content.
    at_once : bool
        False: written in place under its final name, as a slow copy is; True: written under a
        temporary name and renamed.
    append : bool
        Whether the content is added to what a file of that name holds already.
    """

    name: str
    raw: bytes = field(repr=False)
    at_once: bool = True
    append: bool = False


def write_file(folder: Path, file: ScannerFile) -> None:
    """Put a file into the folder."""
    final = folder / file.name
    final.parent.mkdir(parents=True, exist_ok=True)
    if not file.at_once:
        with final.open("ab" if file.append else "wb") as out:
            out.write(file.raw)
        return
    hidden = final.with_name(f".{final.name}.part")
    hidden.write_bytes(file.raw)
    hidden.replace(final)
