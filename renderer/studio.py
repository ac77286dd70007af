"""The renderer's pure core: percepts and due times in, pictures out; it owns no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from phosphene.session import RendererSettings
from renderer.generator import Mode
from renderer.inworld import Bounds, Verdict
from renderer.neutral import neutral_frame
from renderer.noise import WalkingNoise
from renderer.painter import Painter
from renderer.paths import ConditionPath
from renderer.protocol import Resettable

__all__ = ["Mode", "Painter", "Picture", "Seen", "Studio"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """A percept as the studio knows it.

    Attributes
    ----------
    seq, index : int
        Number of the percept message, index of its volume or epoch.
    confidence : float
        Probability that it identifies the truth.
    t_acquired, t_sent, t_arrived : float
        LSL clock, seconds.
    z, c : ndarray or None
        Low-level latent (4, 16, 16) and semantic embedding (C,).
    """

    seq: int
    index: int
    confidence: float
    t_acquired: float
    t_sent: float
    t_arrived: float
    z: Array | None
    c: Array | None


@dataclass(frozen=True)
class Picture:
    """A finished frame.

    Attributes
    ----------
    pixels : uint8 array (height, width, 3)
        What is shown.
    state : {"picture", "neutral"}
        Whether that is a picture.
    percept : Seen or None
        The percept behind it.
    reason : str
        Why a percept that is there and sure enough is not painted: it lies outside the world.
    """

    pixels: npt.NDArray[np.uint8]
    state: Literal["picture", "neutral"]
    percept: Seen | None
    reason: str = ""


class Studio:
    """Holds the newest percept and paints what is due.

    Parameters
    ----------
    painter : Painter
        The generator.
    settings : RendererSettings
        Mode, steps, path, noise, thresholds.
    start_s : float
        Start of the run on the clock that `picture` is asked on, in seconds.
    bounds : Bounds, optional
        Limits of the world that percepts have to keep to; without them all are painted.
    """

    def __init__(
        self,
        painter: Painter,
        settings: RendererSettings,
        start_s: float,
        bounds: Bounds | None = None,
    ) -> None:
        self._start_s, self._bounds = start_s, bounds
        self._verdict = Verdict("", "")
        self._percept: Seen | None = None
        self.settings = settings
        self._asked_s = self._switched_s = start_s
        self._noise_time = 0.0
        self._path = ConditionPath(settings.path, settings.smoothing_s)
        self.repaint(painter)

    @property
    def painter(self) -> Painter:
        """What paints now."""
        return self._painter

    def repaint(self, painter: Painter) -> None:
        """Go on with another painter; percept and path stay, the noise is drawn in its shape."""
        self._painter = painter
        self._neutral = neutral_frame(painter.size_px)
        self._noise = self._new_noise()
        self._last: Array | None = None

    def change(self, settings: RendererSettings) -> None:
        """Take new settings in the middle of a run.

        Percept, path and noise go on from where they are; only another seed makes a new noise.
        """
        old, self.settings = self.settings, settings
        if (settings.path, settings.smoothing_s) != (old.path, old.smoothing_s):
            self._switched_s = self._asked_s
            self._path.switch(self._asked_s, settings.path, settings.smoothing_s)
        if settings.seed != old.seed:
            self._noise = self._new_noise()
        elif settings.noise_s != old.noise_s:
            self._noise.retime(self._noise_time, _pace(settings))

    def forget(self) -> None:
        """Drop percept, path and last picture: what comes next begins as at the start."""
        self._percept, self._verdict = None, Verdict("", "")
        self._path.reset()
        self._nothing(None)

    def complaint(self) -> str | None:
        """Say what cannot be done of what is set; None if all can."""
        s = self.settings
        if s.mode not in self._painter.modes:
            limits = self._painter.limits()
            if s.mode == "zc" and "z" in self._painter.modes:
                return f"{limits}; mode zc shows the picture of z, to which c adds nothing"
            return limits
        if s.warm_start > 0 and not self._painter.noise_shape:
            return "nothing is denoised here: warm_start changes nothing"
        if s.warm_start > 0 and s.mode == "zc" and s.strength < 1:
            return "strength below 1 starts from z: warm_start changes nothing while z and c come"
        return None

    def see(self, percept: Seen) -> None:
        """Take in the newest percept.

        After neutral frames the path begins at it: there is no picture to come from, and what was
        not worth showing must not colour what is.
        """
        before, self._percept = self._percept, percept
        shown = before is not None and self._worth_showing(before, percept.t_arrived)
        if not shown or self._outside():
            self._path.reset()
        self._judge(percept)
        self._path.set_target(max(percept.t_arrived, self._switched_s), percept.z, percept.c)

    def picture(self, t_s: float) -> Picture:
        """Paint the frame that is due at `t_s` seconds.

        No percept, a stale one or one below the confidence threshold gives the neutral frame.
        """
        percept = self._percept
        if percept is None or not self._worth_showing(percept, t_s):
            return self._nothing(percept)
        if reason := self._outside():
            return self._nothing(percept, reason)
        self._asked_s = max(t_s, percept.t_arrived, self._switched_s)
        self._noise_time = t_s - self._start_s
        z, c = self._path.at(self._asked_s)
        return self._paint(z, c, self._noise.at(self._noise_time), percept, self._last)

    def still(self, percept: Seen, t_data_s: float) -> Picture:
        """Paint one percept by itself, as a function of the data only (replay at full speed)."""
        self._percept = percept
        self._judge(percept)
        if percept.confidence < self.settings.min_confidence:
            return self._nothing(percept)
        if reason := self._outside():
            return self._nothing(percept, reason)
        self._noise_time = t_data_s
        return self._paint(percept.z, percept.c, self._noise.at(t_data_s), percept, None)

    def _paint(
        self, z: Array | None, c: Array | None, noise: Array, percept: Seen, last: Array | None
    ) -> Picture:
        """Paint a condition, from noise or from the `last` latent, noised."""
        mode, s = self._possible_mode(z, c), self.settings
        if mode is None:
            return self._nothing(percept)
        how = (s.steps, mode, s.strength, s.guides, s.guidance)
        if last is None or s.warm_start == 0.0 or (mode == "zc" and s.strength < 1):
            pixels = self._painter.render(z, c, noise, *how)
        else:
            warm = 1.0 - s.warm_start
            pixels = self._painter.render(z, c, noise, *how, start=last, start_t=warm)
        self._last = self._painter.latent if s.warm_start > 0 else None
        return Picture(pixels, "picture", percept)

    def _nothing(self, percept: Seen | None, reason: str = "") -> Picture:
        self._last = None
        if isinstance(self._painter, Resettable):
            self._painter.reset()  # a picture of before must not come out after a neutral frame
        return Picture(self._neutral, "neutral", percept, reason)

    def _judge(self, percept: Seen) -> None:
        if self._bounds is not None:
            self._verdict = self._bounds.judge(percept.z, percept.c)

    def _outside(self) -> str:
        """Say why the newest percept is outside the world in what the mode needs of it, or ""."""
        return self._verdict.reason(self.settings.mode)

    def _possible_mode(self, z: Array | None, c: Array | None) -> Mode | None:
        """Return the wanted mode, reduced to the conditions there are; None if unpaintable."""
        has_z = z is not None and "z" in self.settings.mode
        has_c = c is not None and "c" in self.settings.mode
        modes: dict[tuple[bool, bool], Mode] = {
            (True, True): "zc",
            (True, False): "z",
            (False, True): "c",
        }
        mode = modes.get((has_z, has_c))
        if mode == "zc" and mode not in self._painter.modes:
            # z is decoded, not invented: its picture alone is better than none. c alone is not.
            mode = "z"
        return mode if mode in self._painter.modes else None

    def _worth_showing(self, percept: Seen, t_s: float) -> bool:
        fresh = t_s - percept.t_arrived <= self.settings.stale_s
        return fresh and percept.confidence >= self.settings.min_confidence

    def _new_noise(self) -> WalkingNoise:
        settings = self.settings
        return WalkingNoise(settings.seed, self._painter.noise_shape, _pace(settings))


def _pace(settings: RendererSettings) -> float | None:
    return settings.noise_s if settings.noise_s > 0 else None
