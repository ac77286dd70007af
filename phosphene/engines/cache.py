"""The cache of built engines, in the user's cache folder, one file each.

A file's name holds its label and a key over all that it belongs to, so engines for several graphs,
precisions, versions and GPUs stand side by side. What is read is checked again whatever its name
says (`phosphene.engines.engine_file`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from phosphene.engines.device import Device
from phosphene.engines.engine_file import (
    EngineFile,
    Made,
    key_of,
    read_engine_file,
    write_engine_file,
)
from phosphene.errors import BundleError

__all__ = ["SUFFIX", "Cached", "EngineCache", "cache_folder"]

SUFFIX = ".engine"


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/phosphene/engines``, by default below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "phosphene" / "engines"


@dataclass(frozen=True)
class Cached:
    """A file of the cache; `refused` says why it cannot be used, if so."""

    path: Path
    content: EngineFile | None
    refused: str = ""


class EngineCache:
    """Built engines on disk.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Default: `cache_folder`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = cache_folder() if folder is None else folder

    def path_of(self, made: Made) -> Path:
        """Return where an engine with these facts belongs."""
        return self.folder / f"{made.label}-{key_of(made)}{SUFFIX}"

    def put(self, made: Made, parity: str, engine: bytes) -> Path:
        """Write an engine and take away those that it replaces: same label, precision and place."""
        path = self.path_of(made)
        write_engine_file(path, EngineFile(made, parity, engine))
        for other in self.of_label(made.label):
            if other.path != path and (other.content is None or _replaces(made, other.content)):
                other.path.unlink(missing_ok=True)
        return path

    def find(self, wanted: Made, device: Device) -> tuple[Cached | None, list[str]]:
        """Look for an engine: one built on this GPU, else one built ahead of time for its kind.

        Parameters
        ----------
        wanted : Made
            All that it has to be built from and with.
        device : Device
            The GPU that is here.

        Returns
        -------
        Cached or None
            The engine.
        list of str
            If there is none: why files that are meant for this use are refused.
        """
        refused: list[str] = []
        ahead = None
        for held in self:
            if not _is_meant(held, wanted):
                continue
            try:
                content = read_engine_file(held.path, wanted, device)
            except BundleError as error:
                refused.append(str(error))
                continue
            if content.made.capability:
                return Cached(held.path, content), []
            ahead = Cached(held.path, content)
        return ahead, [] if ahead else refused

    def of_label(self, label: str) -> list[Cached]:
        """Return every file of a label, readable or not, without regard to where it runs."""
        return [c for c in self if _label_of(c.path) == label]

    def __iter__(self) -> Iterator[Cached]:
        """Go through all files, in order of their names."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                content = read_engine_file(path)
            except BundleError as error:
                yield Cached(path, None, str(error))
            else:
                yield Cached(path, content)


def _label_of(path: Path) -> str:
    return path.stem.rpartition("-")[0]


def _is_meant(held: Cached, wanted: Made) -> bool:
    """Tell whether a file is for the same use: by its name, or by the graph in it."""
    named = _label_of(held.path) == wanted.label
    if held.content is None:
        return named
    made = held.content.made
    same = (made.precision, made.shapes) == (wanted.precision, wanted.shapes)
    return same and (named or made.graph == wanted.graph)


def _replaces(new: Made, old: EngineFile) -> bool:
    """Older builds for the same use go; other precisions, shapes, engines and GPUs stay."""
    was = msgspec.structs.replace(
        old.made, graph=new.graph, version=new.version, targets=new.targets
    )
    return was == new
