"""The moving world that streams are measured on: percepts, true pictures, a reader of place."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from phosphene.stimuli.clip import Programme, make_programme
from phosphene.stimuli.encoder import WorldEncoder
from phosphene.stimuli.picture import draw
from phosphene.stimuli.scene import CATEGORIES, sample_scene
from phosphene.stimuli.space import embed

Array = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
Pictures = npt.NDArray[np.uint8]

CLIP_S, CLIPS, SPEED = 12.0, 2, 2.0
PHASE = 0.37
SHRINK_C, SIGMA_C = 0.8, 0.25
SHRINK_Z, SIGMA_Z = 0.7, 0.5
READER_SEED, READER_SCENES, CHECK_SCENES = 7_100_000, 2000, 500
GRID = 16


@dataclass(frozen=True)
class Percepts:
    """What a decoder gives of a programme: times (n,) in seconds, z (n, ...), c (n, C)."""

    times_s: Numbers
    z: Array
    c: Array
    r_z: float
    r_c: float


def programme_of(seed: int) -> Programme:
    """Two clips with a cut between them, at twice the usual speed.

    A thing that only moves evenly is followed equally well at any delay; one that turns back at
    the limits of the world every few seconds tells the delay.
    """
    whole = [name for name in CATEGORIES if name != "scrambled"]
    usual = make_programme(seed, CLIPS, CLIP_S, 0.0, 0.0, whole)
    blocks = [
        msgspec.structs.replace(
            block,
            clip=msgspec.structs.replace(
                block.clip, vx=SPEED * block.clip.vx, vy=SPEED * block.clip.vy
            ),
        )
        for block in usual.blocks
    ]
    return msgspec.structs.replace(usual, blocks=tuple(blocks))


def places(programme: Programme, times_s: Numbers) -> Numbers:
    """Return the true place (n, 2) in half picture widths."""
    scenes = [programme.scene_at(float(t)) for t in times_s]
    return np.array([(s.x, s.y) for s in scenes if s is not None])


def percepts_of(programme: Programme, every_s: float, encoder: WorldEncoder) -> Percepts:
    """Shrink and disturb what is true at the moment of each percept, as a decoder does."""
    # Not in step with the clips: a percept at every cut would hide that percepts come late.
    times = np.arange(PHASE * every_s, programme.duration_s - 1e-9, every_s)
    times = np.concatenate([[0.0], times])
    scenes = [s for s in (programme.scene_at(float(t)) for t in times) if s is not None]
    rng = np.random.default_rng([programme.seed, round(1000 * every_s)])
    c = np.stack([embed(s) for s in scenes])
    z = encoder.encode(np.stack([draw(s) for s in scenes]))
    got_c = SHRINK_C * c + SIGMA_C * rng.standard_normal(c.shape, np.float32)
    got_z = SHRINK_Z * z + SIGMA_Z * rng.standard_normal(z.shape, np.float32)
    return Percepts(
        times, got_z.astype(np.float32), got_c.astype(np.float32), _r(z, got_z), _r(c, got_c)
    )


class PlaceReader:
    """Reads where the thing is off a picture, by ridge regression on its outline.

    The outline is how far each cell of a 16 x 16 grid differs in colour from the background, which
    is taken from both ends of all rows; its centre of gravity is read beside it. The regression
    learns on pictures of scenes of its own and never sees a generated picture.
    """

    def __init__(self) -> None:
        x, y = _drawn(READER_SEED, READER_SCENES)
        self._mean = x.mean(0)
        centred = x - self._mean
        gram = centred.T @ centred + 3.0 * np.eye(x.shape[1])
        self._offset = y.mean(0)
        self._weights: Numbers = np.linalg.solve(gram, centred.T @ (y - self._offset))
        x, y = _drawn(READER_SEED + READER_SCENES, CHECK_SCENES)
        read = (x - self._mean) @ self._weights + self._offset
        self.r = _r(read, y)
        self.median_error = float(np.median(np.linalg.norm(read - y, axis=1)))

    def read(self, pictures: Pictures) -> Numbers:
        """Return places (n, 2) in half picture widths."""
        found: Numbers = (outlines(pictures) - self._mean) @ self._weights + self._offset
        return found


def outlines(pictures: Pictures) -> Numbers:
    """How much each of 16 x 16 cells differs from the background, (n, 256), of pictures."""
    n, side = pictures.shape[:2]
    cell = side // GRID
    cells = pictures[:, : cell * GRID, : cell * GRID].reshape(n, GRID, cell, GRID, cell, 3)
    cells = cells.mean(axis=(2, 4)) / 255.0
    # The thing may reach an edge; the median over the ends of all rows is background even then.
    ends = np.median(cells[:, :, [0, -1]].reshape(n, -1, 3), axis=1)
    shade = 1.0 - 0.15 * np.linspace(-1.0, 1.0, GRID)
    background = ends[:, None, None, :] * shade[None, :, None, None]
    far = np.abs(cells - background).sum(axis=3)
    mask = np.tanh(4.0 * far)
    return np.concatenate([mask.reshape(n, -1), _centroid(mask)], axis=1)


def sharpness(picture: npt.NDArray[np.float32]) -> float:
    """Mean absolute difference of neighbouring pixels, per pixel of a 64th of the side."""
    scale = picture.shape[0] / 64.0
    across, down = np.abs(np.diff(picture, axis=1)).mean(), np.abs(np.diff(picture, axis=0)).mean()
    return float(scale * (across + down) / 2)


def _centroid(mask: Numbers) -> Numbers:
    axis = (np.arange(GRID) + 0.5) * 2 / GRID - 1
    weight = mask.sum(axis=(1, 2)) + 1e-6
    x, y = (mask.sum(1) @ axis) / weight, -(mask.sum(2) @ axis) / weight
    return 10.0 * np.stack([x, y], axis=1)


def _drawn(seed: int, n: int) -> tuple[Numbers, Numbers]:
    whole = [name for name in CATEGORIES if name != "scrambled"]
    scenes = [
        sample_scene(np.random.default_rng(seed + k), whole[k % len(whole)]) for k in range(n)
    ]
    found = outlines(np.stack([draw(s) for s in scenes]))
    return found, np.array([(s.x, s.y) for s in scenes])


def _r(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])
