"""What the studio needs of whatever paints."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from phosphene.session import RendererSettings
from renderer.asked import Array, Guides, Mode

__all__ = ["Described", "Painter", "Prepared", "Resettable"]


class Painter(Protocol):
    """What the studio needs of a model."""

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What it can paint from: z, c, zc."""
        ...

    @property
    def size_px(self) -> int:
        """Side of its pictures."""
        ...

    @property
    def model(self) -> str:
        """Identity of its weights, for every frame's record."""
        ...

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise that `render` wants; () where there is none."""
        ...

    @property
    def latent(self) -> Array | None:
        """Latent of the last picture, in the shape of the noise; None where there is none."""
        ...

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
        """Make one picture (height, width, 3) from a condition; see `Generator.render`."""
        ...

    def decode(self, z: Array) -> npt.NDArray[np.uint8]:
        """Picture of z as it stands."""
        ...

    def limits(self) -> str:
        """Say which modes it cannot paint, and why."""
        ...


@runtime_checkable
class Prepared(Protocol):
    """A painter that has to be made ready for some settings before frames can flow."""

    def ready(self, settings: RendererSettings) -> bool:
        """Tell whether frames under these settings can be painted at once."""
        ...

    def prepare(self, settings: RendererSettings) -> None:
        """Make ready for frames under these settings; may be called in another thread."""
        ...


@runtime_checkable
class Resettable(Protocol):
    """A painter that keeps something of earlier frames."""

    def reset(self) -> None:
        """Forget earlier frames, as after a neutral one."""
        ...


@runtime_checkable
class Described(Protocol):
    """A painter that can say what computes its frames."""

    def describe(self) -> str:
        """Return one line: which engine, on what, how exactly."""
        ...
