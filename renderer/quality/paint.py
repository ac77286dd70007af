"""Many pictures through the painter that runs in a session, several painters side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from renderer.generator import Guides, Mode
from renderer.quality.held import Held
from renderer.quality.reference import noise_of

Array = npt.NDArray[np.float32]
Pictures = npt.NDArray[np.uint8]


class Wish(NamedTuple):
    """How a condition is painted; as the arguments of `renderer.painter.Painter.render`."""

    mode: Mode
    steps: int
    strength: float = 1.0
    guides: Guides = "zc"
    guidance: float = 1.0


class Atelier:
    """Painters of the same model, each with one thread; each takes the next scene when it is free.

    Parameters
    ----------
    open_one : Callable
        Opens a painter.
    count : int
        How many.
    """

    def __init__(self, open_one: Callable[[], Any], count: int = 1) -> None:
        self._painters: Sequence[Any] = [open_one() for _ in range(count)]
        self.model: str = self._painters[0].model
        self.size_px: int = self._painters[0].size_px
        self.noise_shape: tuple[int, ...] = tuple(self._painters[0].noise_shape)

    def paint(
        self, held: Held, wish: Wish, label: str, seeds: npt.NDArray[np.int64] | None = None
    ) -> Pictures:
        """One picture per scene, each from noise of its own: that of its number, or of `seeds`."""
        chosen = np.arange(len(held.c)) if seeds is None else seeds

        def one(painter: Any, k: int) -> Pictures:
            noise = noise_of(int(chosen[k]), self.noise_shape)
            picture: Pictures = painter.render(held.z[k], held.c[k], noise, **wish._asdict())
            return picture

        return self._each(one, len(held.c), label)

    def decode(self, z: Array, label: str) -> Pictures:
        """Pictures of latents of the percept's space as they stand."""

        def one(painter: Any, k: int) -> Pictures:
            picture: Pictures = painter.decode(z[k])
            return picture

        return self._each(one, len(z), label)

    def _each(self, one: Callable[[Any, int], Pictures], n: int, label: str) -> Pictures:
        free: SimpleQueue[Any] = SimpleQueue()
        for painter in self._painters:
            free.put(painter)
        out = np.empty((n, self.size_px, self.size_px, 3), np.uint8)

        def work(k: int) -> None:
            painter = free.get()
            try:
                out[k] = one(painter, k)
            finally:
                free.put(painter)

        with ThreadPoolExecutor(len(self._painters)) as pool:
            done = pool.map(work, range(n))
            for _ in tqdm(done, total=n, desc=label, unit="picture", mininterval=2.0):
                pass
        return out
