"""Weights of a space: from a folder, or from a model hub by id; named by their hash."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.errors import ConfigError, InputError, problem

__all__ = ["Weights", "find_weights", "hash_files", "need"]

CONFIG = "config.json"


@dataclass(frozen=True)
class Weights:
    """The files of one model.

    Attributes
    ----------
    name : str
        Its folder's name or its hub id; never a path of this machine.
    folder : pathlib.Path
        Where they are.
    config : dict
        What `config.json` says.
    sha256 : str
        Over the names and bytes of all files used.
    """

    name: str
    folder: Path
    config: dict[str, Any]
    sha256: str


def need(module: str) -> Any:
    """Import a module of the extra `train`.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            problem("target space", f"{module} is missing ({error})", "the extra [train]",
                    "Install it: pip install 'phosphene[train]'.")
        ) from error  # fmt: skip


def find_weights(
    place: str, patterns: Sequence[str], local_files_only: bool, subfolder: str = ""
) -> Weights:
    """Find the files of a model.

    Parameters
    ----------
    place : str
        Folder with `config.json`, or hub id such as ``owner/model``.
    patterns : Sequence of str
        Names of the files that are used, beside `config.json`; ``*`` stands for anything.
    local_files_only : bool
        Whether a hub id may only be taken from what was downloaded before.
    subfolder : str
        Where the model may also lie, as the autoencoder of a pipeline does in ``vae``.

    Returns
    -------
    Weights

    Raises
    ------
    InputError
        If they are not there or cannot be had.
    """
    folder = Path(place)
    if not folder.is_dir():
        folder = _from_hub(place, patterns, local_files_only, subfolder)
    name = Path(place).name if Path(place).is_dir() else place
    if subfolder and not (folder / CONFIG).is_file() and (folder / subfolder / CONFIG).is_file():
        folder = folder / subfolder
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError) as error:
        allowed = f"a folder with {CONFIG} and weights in safetensors, or a hub id"
        raise InputError(problem("space", place, allowed, f"{CONFIG}: {error}.")) from error
    files = sorted({f for p in (CONFIG, *patterns) for f in folder.glob(p) if f.is_file()})
    if not any(f.suffix == ".safetensors" for f in files):
        cure = "Save it again with safe_serialization; other formats can run code and are refused."
        raise InputError(problem("space", place, "weights in safetensors", cure))
    return Weights(name, folder, config, hash_files(files))


def hash_files(files: Sequence[Path]) -> str:
    """Return one SHA-256 over the names and bytes of files, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {file.stat().st_size};".encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _from_hub(place: str, patterns: Sequence[str], local_files_only: bool, subfolder: str) -> Path:
    if place.startswith((".", "/", "~")) or not 1 <= len(place.split("/")) <= 2:
        raise InputError(problem("space", place, "a folder, or a hub id", "Correct the path."))
    hub = need("huggingface_hub")
    names = [CONFIG, *patterns]
    names += [f"{subfolder}/{name}" for name in names] if subfolder else []
    try:
        return Path(
            hub.snapshot_download(place, allow_patterns=names, local_files_only=local_files_only)
        )
    except Exception as error:  # the hub's errors share no base but Exception
        cure = (
            f"Download it first (hf download {place}), or allow it: local_files_only=False."
            if local_files_only
            else "Without a network, give a folder."
        )
        got = f"{place}, which is neither a folder nor to be had ({type(error).__name__})"
        raise InputError(problem("space", got, "a folder, or a hub id", cure)) from error
