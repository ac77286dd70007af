"""Files of a pipeline: a folder, or what was downloaded of a hub id before; never the network.

A session must not depend on a network, nor tell anybody that it runs. So a hub id is looked up
among what is on this machine, and the message says how to fetch it once.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = [
    "Folder",
    "find_file",
    "find_folder",
    "hash_files",
    "need",
    "parameters",
    "read_json",
    "refuse_absent",
    "variant_of",
]

ENDING = ".safetensors"
INDEX = "model_index.json"


@dataclass(frozen=True)
class Folder:
    """A folder of weights: `name` is its hub id or last part, never a path of this machine."""

    name: str
    path: Path


def need(*modules: str) -> None:
    """Refuse with one message where parts of the extra `train` are not installed.

    Raises
    ------
    ConfigError
        Naming all that is missing.
    """
    found = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            cure = "Install it: pip install 'phosphene[train]'."
            got = f"{module} is missing ({error})"
            found.append(problem("renderer.model", got, "the extra [train]", cure))
    check_all(found, ConfigError, "large pipelines")


def find_folder(place: str, what: str, marker: str) -> Folder:
    """Find a folder with the file `marker` in it.

    Raises
    ------
    InputError
        If there is none, with the command that downloads it.
    """
    given = Path(place).expanduser()
    if given.is_file():
        cure = (
            'Make a folder of it once: python -c "from diffusers import StableDiffusionPipeline '
            f"as P; P.from_single_file('{given.name}').save_pretrained('FOLDER')\"."
        )
        raise InputError(problem(what, place, "a pipeline's folder", cure))
    folder = given if given.is_dir() else _downloaded(place, what)
    if not (folder / marker).is_file():
        cure = f"Save it with save_pretrained, or download it whole: hf download {place}."
        raise InputError(problem(what, place, f"a folder with {marker}", cure))
    return Folder(given.name if given.is_dir() else place, folder)


def find_file(place: str, what: str) -> Path:
    """Find one file of safetensors: itself, the only one of a folder, or OWNER/MODEL/FILE of a hub.

    Raises
    ------
    InputError
        If there is none, or several.
    """
    given = Path(place).expanduser()
    if given.is_file() and given.suffix == ENDING:
        return given
    if given.exists():
        files = [given] if given.is_file() else sorted(given.glob(f"*{ENDING}"))
    else:
        owner, _, rest = place.partition("/")
        model, _, name = rest.partition("/")
        folder = _downloaded(f"{owner}/{model}", what)
        files = [folder / name] if name else sorted(folder.glob(f"*{ENDING}"))
    fit = [file for file in files if file.suffix == ENDING and file.is_file()]
    if len(fit) != 1:
        cure = "Name one file; other formats than safetensors can run code and are refused."
        got = f"{place} ({len(fit)} files fit)"
        raise InputError(problem(what, got, f"one file {ENDING}", cure))
    return fit[0]


def read_json(file: Path, what: str) -> dict[str, Any]:
    """Read a configuration.

    Raises
    ------
    InputError
        If it cannot be read, or names code of its own to be run.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        cure = f"{error}."
        raise InputError(problem(what, file.name, "a readable configuration", cure)) from error
    if not isinstance(found, dict) or "auto_map" in found:
        cure = "Take a pipeline that runs no code of its own."
        raise InputError(problem(what, file.name, "plain settings", cure))
    return found


def variant_of(folder: Path, what: str) -> str | None:
    """Tell which of the published weights lie in a folder: None the plain ones, or "fp16".

    Raises
    ------
    InputError
        If there are no safetensors at all.
    """
    names = [file.name for file in folder.glob(f"*{ENDING}")]
    if any(".fp16." not in name for name in names):
        return None
    if names:
        return "fp16"
    cure = "Save them with safe_serialization; other formats can run code and are refused."
    raise InputError(problem(what, folder.name, "weights in safetensors", cure))


def parameters(files: Iterable[Path]) -> int:
    """Count numbers in files of safetensors by their headers, without reading the numbers."""
    total = 0
    for file in files:
        with file.open("rb") as content:
            header = json.loads(content.read(int.from_bytes(content.read(8), "little")))
        shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
        total += sum(math.prod(shape) for shape in shapes)
    return total


def hash_files(files: Iterable[Path], *words: str) -> str:
    """Return one SHA-256 over names and bytes of files, and over words, in hexadecimal digits."""
    digest = hashlib.sha256("\n".join(words).encode())
    for file in files:
        digest.update(f"{file.parent.name}/{file.name} {file.stat().st_size};".encode())
        with file.open("rb") as content:
            while block := content.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def refuse_absent(place: str, what: str) -> None:
    """Refuse at once a hub id of which nothing was ever downloaded, or what is none.

    Raises
    ------
    InputError
        With the command that downloads it.
    """
    if place.startswith((".", "/", "~")) or len(place.split("/")) != 2 or not all(place.split("/")):
        cure = "Correct the path."
        raise InputError(problem(what, place, "a folder that is there, or a hub id", cure))
    from huggingface_hub.constants import HF_HUB_CACHE

    if not (Path(HF_HUB_CACHE) / f"models--{place.replace('/', '--')}").is_dir():
        raise InputError(_not_here(place, what))


def _downloaded(place: str, what: str) -> Path:
    """Look a hub id up among what was downloaded."""
    refuse_absent(place, what)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(place, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError, OSError) as error:
        raise InputError(_not_here(place, what)) from error


def _not_here(place: str, what: str) -> str:
    cure = f"Download it once, before the session: hf download {place}."
    got = f"{place}, which is neither a folder nor downloaded"
    return problem(what, got, "a folder, or a hub id that is here", cure)
