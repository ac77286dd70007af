"""Paint the held-out conditions in every way and read what is on the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phosphene.session import RendererSettings
from renderer.generator import Mode
from renderer.quality.diversity import Diversity, diversity, nearest, pair_distance
from renderer.quality.held import (
    corrupted,
    held_out,
    in_every_style,
    one_of_each,
    pictures_of,
    siblings,
    told_c,
)
from renderer.quality.paint import Atelier, Wish
from renderer.quality.readers import Readers
from renderer.quality.reference import STEPS, ManySteps
from renderer.quality.scores import Score, psnr_db, score, sharpness
from renderer.training.frechet import frechet_distance
from renderer.training.judge import features, judged

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Pictures = npt.NDArray[np.uint8]
MODES: tuple[Mode, ...] = ("zc", "c", "z")
FEW = (1, 2, 4)
CLEAN, ROUGH = "clean", "as decoded"
N_SEEDS = 8


class Row(NamedTuple):
    """One way of making pictures, measured."""

    name: str
    conditions: str
    steps: str
    score: Score
    small: float
    frechet: float
    psnr_db: float
    sharpness: float


class Studio:
    """All that the measurements of one model share.

    Parameters
    ----------
    atelier : Atelier
        Paints with the model.
    many : ManySteps
        The same network in many steps.
    readers : Readers
        Nets that read.
    scenes : int
        Held-out scenes; the real pictures of Fréchet distances are those of as many further ones.
    threads : int
        Threads of the encoder.
    """

    def __init__(
        self, atelier: Atelier, many: ManySteps, readers: Readers, scenes: int, threads: int = 1
    ) -> None:
        self.atelier, self.many, self.readers = atelier, many, readers
        self.held = held_out(scenes, atelier.size_px, threads)
        self.rough = corrupted(self.held)
        real = pictures_of(scenes, scenes, atelier.size_px)
        self.real: Floats = features(readers.net, real)

    def row(self, name: str, conditions: str, steps: str, pictures: Pictures) -> Row:
        """Measure pictures of the held-out scenes, in their order."""
        wanted = self.held
        small = score(judged(self.readers.small, pictures), wanted.c).accuracy
        seen = features(self.readers.net, pictures)
        return Row(
            name,
            conditions,
            steps,
            score(judged(self.readers.judge, pictures), wanted.c),
            small,
            frechet_distance(seen, self.real),
            psnr_db(pictures, wanted.pictures),
            sharpness(pictures),
        )

    def painted(self, name: str, kind: str, wish: Wish) -> Row:
        """Paint clean or corrupted conditions and measure."""
        told = self.held if kind == CLEAN else self.rough
        made = self.atelier.paint(told, wish, f"{name}, {kind}, {wish.steps} step(s)")
        return self.row(name, kind, str(wish.steps), made)

    def as_it_stands(self, kind: str) -> Row:
        """Measure z decoded without the network."""
        told = self.held if kind == CLEAN else self.rough
        made = self.atelier.decode(told.z, f"z as it stands, {kind}")
        return self.row("z as it stands", kind, "-", made)

    def many_steps(self, mode: Mode, guidance: float = 1.0) -> Row:
        """Measure the network in many steps, on clean conditions."""
        name = mode if guidance == 1.0 else f"{mode}, guidance {guidance:g}"
        label = f"{name}, {STEPS} steps"
        seeds = np.arange(len(self.held.c))
        made = self.many.paint(self.held, mode, seeds, label, guidance=guidance)
        return self.row(name, CLEAN, f"{STEPS} (h = 0)", made)

    def diversity(self, conditions: int) -> Iterator[tuple[str, Diversity]]:
        """Pictures of one c from several seeds, beside the world's own and other scenes'."""
        numbers = one_of_each(conditions)
        size_px = self.atelier.size_px
        told = told_c(numbers, N_SEEDS)
        seeds = np.tile(np.arange(N_SEEDS) + 10_000, conditions)
        real = np.concatenate([siblings(k, N_SEEDS, size_px) for k in numbers])
        scale = pair_distance(self.real)

        def measured(pictures: Pictures) -> Diversity:
            return self._diversity(pictures, numbers, told.c, scale)

        yield "real scenes with this c", measured(real)
        for steps in (1, 4):
            made = self.atelier.paint(told, Wish("c", steps), f"seeds, {steps} step(s)", seeds)
            yield f"c, {steps} step{'s' * (steps > 1)}", measured(made)
        made = self.many.paint(told, "c", seeds, f"seeds, {STEPS} steps")
        yield f"c, {STEPS} steps (h = 0)", measured(made)

    def _diversity(
        self, pictures: Pictures, numbers: list[int], c: Array, scale: float
    ) -> Diversity:
        split = range(0, len(pictures), N_SEEDS)
        found = features(self.readers.net, pictures)
        sets = [pictures[k : k + N_SEEDS] for k in split]
        return diversity(
            sets,
            [found[k : k + N_SEEDS] for k in split],
            [nearest(s, in_every_style(k)) for s, k in zip(sets, numbers, strict=True)],
            c[::N_SEEDS, :8].argmax(axis=1),
            scale,
        )


def quality_rows(studio: Studio, again: Pictures) -> Iterator[Row]:
    """Originals, `again` (their autoencoding), then z, c and both in few steps and in many."""
    yield studio.row("originals", "-", "-", studio.held.pictures)
    yield studio.row("autoencoder", "-", "-", again)
    for mode in MODES:
        for steps in FEW:
            yield studio.painted(mode, CLEAN, Wish(mode, steps))
    yield studio.as_it_stands(CLEAN)
    yield studio.many_steps("zc")
    yield studio.many_steps("c")
    yield studio.many_steps("c", RendererSettings().guidance)
    for mode in MODES:
        for steps in FEW:
            yield studio.painted(mode, ROUGH, Wish(mode, steps))
    yield studio.as_it_stands(ROUGH)
