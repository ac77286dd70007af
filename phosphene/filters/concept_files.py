"""The folder of a concept filter: what a picture is compared with, and what embeds it.

``concepts.json`` says how pictures are brought to the tower's size and lists the concepts;
``tower.onnx`` turns such a picture into an embedding. ``phosphene filter export`` writes both.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from PIL import Image

from phosphene.errors import ConfigError, problem
from phosphene.filters import Picture

__all__ = ["CONCEPTS", "TOWER", "Concept", "ConceptFile", "fitted", "read_folder", "read_list"]

CONCEPTS, TOWER = "concepts.json", "tower.onnx"
Side = Annotated[int, Meta(ge=1, le=4096)]
Resample = Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]


class Concept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a picture may not look like.

    Attributes
    ----------
    name : str
        For people.
    threshold : float
        Cosine from which on a picture is refused.
    embedding : tuple of float
        Direction of the concept, of any length.
    """

    name: str
    threshold: Annotated[float, Meta(gt=0, le=1)]
    embedding: tuple[float, ...]


class ConceptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``concepts.json`` says.

    Attributes
    ----------
    model : str
        What the tower was made from, for people.
    tower_sha256 : str
        Hash of ``tower.onnx``.
    side_px : int
        Side of the square that the tower takes.
    shortest_px : int or None
        Length that the shorter side is brought to before the middle is cut out; None: the whole
        picture is squeezed into the square.
    resample : str
        How, by Pillow's names.
    concepts : tuple of Concept
        At least one.
    """

    format: Literal[1]
    model: str
    tower_sha256: str
    side_px: Side
    shortest_px: Side | None
    resample: Resample
    concepts: Annotated[tuple[Concept, ...], Meta(min_length=1)]

    @property
    def directions(self) -> npt.NDArray[np.float32]:
        """Unit vectors (concepts, width)."""
        held = np.array([c.embedding for c in self.concepts], np.float64)
        unit: npt.NDArray[np.float32] = held / np.linalg.norm(held, axis=1, keepdims=True)
        return unit.astype(np.float32)

    @property
    def thresholds(self) -> npt.NDArray[np.float32]:
        """Their cosines (concepts,)."""
        return np.array([c.threshold for c in self.concepts], np.float32)


def fitted(
    picture: Picture, side_px: int, shortest_px: int | None, resample: Resample
) -> npt.NDArray[np.uint8]:
    """Bring a picture (height, width, 3) to (side_px, side_px, 3), as CLIP's own processor does."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    how = Image.Resampling[resample.upper()]
    if shortest_px is None:
        return np.asarray(image.resize((side_px, side_px), how), np.uint8)
    short = min(image.size)
    size = [shortest_px if n == short else int(shortest_px * n / short) for n in image.size]
    image = image.resize((size[0], size[1]), how)
    left, top = ((n - side_px) // 2 for n in image.size)
    return np.asarray(image.crop((left, top, left + side_px, top + side_px)), np.uint8)


def read_folder(folder: Path) -> tuple[ConceptFile, bytes]:
    """Read and check a filter's folder.

    Returns
    -------
    tuple
        What it says, and the tower.

    Raises
    ------
    ConfigError
        If a file is missing or damaged, or the tower is another one than it was made with.
    """
    allowed, cure = f"a folder with {CONCEPTS} and {TOWER}", "Make one: phosphene filter export."
    try:
        held = msgspec.json.decode((folder / CONCEPTS).read_bytes(), type=ConceptFile)
        tower = (folder / TOWER).read_bytes()
    except OSError as error:
        why = f"{folder}: {error.strerror}"
        raise ConfigError(problem("gate.filter.folder", why, allowed, cure)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = f"{folder / CONCEPTS}: {error}"
        raise ConfigError(problem("gate.filter.folder", why, allowed, cure)) from error
    found = []
    if hashlib.sha256(tower).hexdigest() != held.tower_sha256:
        found.append(f"{TOWER} is not the one that {CONCEPTS} was made with")
    if len({len(c.embedding) for c in held.concepts}) != 1:
        found.append("embeddings of several lengths")
    elif not all(0 < np.linalg.norm(c.embedding) < np.inf for c in held.concepts):
        found.append("an embedding without a direction")
    if found:
        why = f"{folder}: {'; '.join(found)}"
        raise ConfigError(problem("gate.filter.folder", why, allowed, cure))
    return held, tower


def read_list(path: Path, threshold: float) -> list[tuple[str, float]]:
    """Read a list of concepts: a line for each, ``#`` begins a remark.

    Parameters
    ----------
    path : Path
        Text file. A line is a text, or ``picture:FILE`` for what looks like that picture; ``@ 0.3``
        at its end sets its threshold.
    threshold : float
        For lines without one.

    Returns
    -------
    list of tuple
        What stands in each line, and its threshold.

    Raises
    ------
    ConfigError
        If the file cannot be read or holds no concept, or a threshold is none; tells all of them.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        cure = f"Write one: {error}."
        raise ConfigError(problem("concepts", str(path), "a text file", cure)) from error
    found, wrong = list[tuple[str, float]](), list[str]()
    for number, line in enumerate(lines, 1):
        words, _, given = (part.strip() for part in line.partition("#")[0].rpartition("@"))
        words, given = (words, given) if words else (given, "")
        if not words:
            continue
        value = _number(given) if given else threshold
        if not 0 < value <= 1:
            wrong.append(f"line {number}: {given or threshold}")
        found.append((words, value))
    if wrong:
        allowed = "thresholds above 0, at most 1"
        raise ConfigError(problem("concepts", "; ".join(wrong), allowed, "Correct them."))
    if not found:
        raise ConfigError(problem("concepts", str(path), "a line for each concept", "Write one."))
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
