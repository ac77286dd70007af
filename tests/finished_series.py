"""Reads a series that lies complete in a folder, for tests of what comes after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from acquisition.fmri.volume import Volume
from acquisition.sources.listing import natural
from acquisition.sources.reading import VolumeReader
from acquisition.sources.reorder import Reorderer

__all__ = ["read_folder"]


def read_folder(folder: Path, reader: VolumeReader) -> Iterator[Volume]:
    """Yield the volumes in order; whatever cannot be read fails."""
    reorderer = Reorderer(wait_s=float("inf"))
    for path in sorted(folder.iterdir(), key=lambda p: natural(p.name)):
        if path.is_file() and not path.name.startswith("."):
            for volume in reader.read(path.read_bytes(), path.name):
                yield from reorderer.push(volume, now_s=0.0)
    yield from reorderer.flush()
