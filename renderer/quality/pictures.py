"""Rows of the sheet: the same held-out scenes, painted in every way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phosphene.stimuli import CATEGORIES
from renderer.generator import Mode
from renderer.quality.held import Held, one_of_each
from renderer.quality.measure import Studio
from renderer.quality.models import Model
from renderer.quality.paint import Wish
from renderer.quality.reference import STEPS

Pictures = npt.NDArray[np.uint8]
ORDER: tuple[Mode, ...] = ("zc", "c", "z")


def sheet_rows(studio: Studio, model: Model) -> list[tuple[str, Pictures]]:
    """One scene of each category: as it is, autoencoded, from zc, c and z, in many steps."""
    numbers = [k for k in one_of_each(len(CATEGORIES)) if k < len(studio.held.c)]
    clean = picked(studio.held, numbers)
    rough = picked(studio.rough, numbers)
    rows = [
        ("original", clean.pictures),
        ("autoencoder", model.autoencoded(clean, studio.atelier, studio.many)),
    ]
    for mode in ORDER:
        for steps in (1, 4):
            name = f"{mode}, {steps} step{'s' * (steps > 1)}"
            rows.append((name, studio.atelier.paint(clean, Wish(mode, steps), name)))
    seeds = np.arange(len(clean.c))
    for mode in ORDER[:2]:
        name = f"{mode}, {STEPS} steps\n(h = 0)"
        rows.append((name, studio.many.paint(clean, mode, seeds, f"{mode}, {STEPS} steps")))
    for mode in ORDER[:2]:
        name = f"{mode} as decoded,\n4 steps"
        rows.append((name, studio.atelier.paint(rough, Wish(mode, 4), f"{mode} as decoded")))
    return rows


def picked(held: Held, numbers: list[int]) -> Held:
    """Return these scenes."""
    return Held(held.pictures[numbers], held.z[numbers], held.c[numbers])
