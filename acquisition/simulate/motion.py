"""Head movement that is known exactly, put into volumes, and written down as the truth.

The interpolation is SciPy's B-spline of order 5, which shares no code with the realignment that is
tested against it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from acquisition.fmri.rigid import centre_of, matrix_of
from phosphene.errors import ConfigError, problem

if TYPE_CHECKING:
    from acquisition.simulate.head import SimulatedVolume

__all__ = ["PARAMETERS", "Trajectory", "TruthFile", "moved", "moving", "trajectory"]

Trajectory = npt.NDArray[np.float64]

PARAMETERS = ("right_mm", "anterior_mm", "superior_mm", "about_right_deg", "about_anterior_deg",
              "about_superior_deg")  # fmt: skip
"""Names of the six motion numbers, see `acquisition.fmri.rigid`."""
_SPLINE_ORDER = 5


def trajectory(spec: str, n_volumes: int, seed: int) -> Trajectory:
    """Make the positions of the head.

    Parameters
    ----------
    spec : str
        ``walk:SIZE``: a random walk from 0 whose farthest point is SIZE mm and SIZE degrees away on
        at least one axis each; ``jump:SIZE@INDEX``: SIZE mm forward and a nod of SIZE degrees from
        that volume on; otherwise a CSV file, one line of six numbers (mm along right, anterior,
        superior; degrees about them; the last six of a line count) per volume, with or without a
        line of names, as `TruthFile` writes it.
    n_volumes : int
        How many.
    seed : int
        Of the walk.

    Returns
    -------
    array of float64 (n_volumes, 6)
        See `acquisition.fmri.rigid`.
    """
    kind, _, rest = spec.partition(":")
    if kind == "walk":
        return _walk(_number(spec, rest), n_volumes, seed)
    if kind == "jump":
        size, _, at = rest.partition("@")
        out = np.zeros((n_volumes, 6))
        out[int(_number(spec, at)) :, [1, 3]] = _number(spec, size)
        return out
    return _from_csv(Path(spec), n_volumes)


def _walk(size: float, n_volumes: int, seed: int) -> Trajectory:
    steps = np.random.default_rng([seed, 7]).standard_normal((n_volumes, 6))
    steps[0] = 0.0
    path = np.cumsum(steps, axis=0).reshape(n_volumes, 2, 3)
    farthest = np.abs(path).max(axis=(0, 2), keepdims=True)
    scaled: Trajectory = (path * size / np.where(farthest > 0, farthest, 1.0)).reshape(n_volumes, 6)
    return scaled


def _number(spec: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise ConfigError(
            problem("--motion", spec, "walk:SIZE, jump:SIZE@INDEX or a CSV file", "Write it so.")
        )
    return value


def _from_csv(path: Path, n_volumes: int) -> Trajectory:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = [line for line in csv.reader(file) if line]
    except OSError as error:
        allowed = "walk:SIZE, jump:SIZE@INDEX or a CSV file"
        raise ConfigError(problem("--motion", f"{path}: {error.strerror}", allowed, "")) from error
    numbers = [values for values in map(_six, lines[:1]) if values] + list(map(_six, lines[1:]))
    if any(values is None for values in numbers):
        raise ConfigError(problem("--motion", str(path), "six numbers in each line", "Mend it."))
    if len(numbers) < n_volumes:
        got, allowed = f"{len(numbers)} lines in {path}", f"{n_volumes}, one for each volume"
        raise ConfigError(problem("--motion", got, allowed, "Add lines or take fewer volumes."))
    return np.asarray(numbers[:n_volumes], np.float64)


def _six(line: list[str]) -> list[float] | None:
    try:
        values = [float(text) for text in line[-6:]]
    except ValueError:
        return None
    return values if len(values) == 6 and np.isfinite(values).all() else None


def moved(
    data: npt.NDArray[np.float32], affine: npt.NDArray[np.float64], motion: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Show a head that has moved: each place shows what has come there.

    Parameters
    ----------
    data : array of float32 (X, Y, Z)
        Image of the head where it was.
    affine : array (4, 4)
        Voxel index to millimetres.
    motion : array (6,)
        Position now, about the middle of the grid, see `acquisition.fmri.rigid`.

    Returns
    -------
    array of float32 (X, Y, Z)
        Beyond the edge the edge is repeated.
    """
    if not np.any(motion):
        return data
    back = np.linalg.inv(matrix_of(motion, centre_of(data.shape, affine)))
    voxel_map = np.linalg.inv(affine) @ back @ affine
    out: npt.NDArray[np.float32] = ndimage.affine_transform(
        data, voxel_map[:3, :3], voxel_map[:3, 3], order=_SPLINE_ORDER, mode="nearest"
    )
    return out


def moving(
    volumes: Iterator[SimulatedVolume], affine: npt.NDArray[np.float64], path: Trajectory
) -> Iterator[SimulatedVolume]:
    """Put a movement into volumes; their `motion` becomes the position that was put in."""
    for volume in volumes:
        motion = path[volume.index]
        data = moved(volume.data.astype(np.float32), affine, motion)
        data = np.clip(np.rint(data), 0, np.iinfo(np.int16).max)
        yield replace(volume, data=data.astype(np.int16), motion=motion)


class TruthFile:
    """A CSV file that says of each volume where the head was, and what became of its files.

    Parameters
    ----------
    path : Path
        File to write; each line is there as soon as its volume is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join(("index", "fate", *PARAMETERS)) + "\n", encoding="utf-8")

    def add(self, index: int, fate: str, motion: npt.NDArray[np.float64]) -> None:
        """Add a volume."""
        numbers = ",".join(f"{value:.6f}" for value in motion)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{index},{fate},{numbers}\n")
