"""Pictures of another size than the model's own: the picture is resized, not the model's work.

A network that has learnt frames of one grid paints no better on another. Smaller is the mean of the
areas (box), larger is Lanczos; both as Pillow computes them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from phosphene.session import RendererSettings
from renderer.asked import Array, Guides, Mode
from renderer.protocol import Described, Painter, Prepared, Resettable

__all__ = ["Resized", "resize"]


def resize(picture: npt.NDArray[np.uint8], size_px: int) -> npt.NDArray[np.uint8]:
    """Return a square RGB picture, uint8 (height, width, 3), with another side."""
    if picture.shape[0] == size_px:
        return picture
    smaller = size_px < picture.shape[0]
    how = Image.Resampling.BOX if smaller else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize((size_px, size_px), how))


class Resized:
    """A painter whose pictures are resized.

    Parameters
    ----------
    painter : Painter
        Paints in its own size.
    size_px : int
        Side of the pictures that come out.
    """

    def __init__(self, painter: Painter, size_px: int) -> None:
        self._painter, self.size_px = painter, size_px

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What it can paint from."""
        return self._painter.modes

    @property
    def model(self) -> str:
        """Identity of the weights."""
        return self._painter.model

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise that `render` wants."""
        return self._painter.noise_shape

    @property
    def latent(self) -> Array | None:
        """Latent of the last picture."""
        return self._painter.latent

    def render(
        self,
        z: Array | None,
        c: Array | None,
        noise: Array,
        steps: int = 1,
        mode: Mode = "zc",
        strength: float = 1.0,
        guides: Guides = "zc",
        guidance: float = 1.0,
        start: Array | None = None,
        start_t: float = 1.0,
    ) -> npt.NDArray[np.uint8]:
        """Make one picture and resize it; see `renderer.painter.Painter`."""
        how = (steps, mode, strength, guides, guidance, start, start_t)
        return resize(self._painter.render(z, c, noise, *how), self.size_px)

    def decode(self, z: Array) -> npt.NDArray[np.uint8]:
        """Picture of a latent as it stands."""
        return resize(self._painter.decode(z), self.size_px)

    def limits(self) -> str:
        """Say which modes it cannot paint, and why."""
        return self._painter.limits()

    def describe(self) -> str:
        """Say what computes the frames."""
        return self._painter.describe() if isinstance(self._painter, Described) else ""

    def ready(self, settings: RendererSettings) -> bool:
        """Tell whether frames under these settings can be painted at once."""
        return not isinstance(self._painter, Prepared) or self._painter.ready(settings)

    def prepare(self, settings: RendererSettings) -> None:
        """Make ready for frames under these settings."""
        if isinstance(self._painter, Prepared):
            self._painter.prepare(settings)

    def reset(self) -> None:
        """Forget earlier frames."""
        if isinstance(self._painter, Resettable):
            self._painter.reset()
