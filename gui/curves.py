"""What is plotted, taken from message headers. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gui.history import Curve, Series, median
from gui.seen import Block, Timeline
from phosphene.messages import Features, Frame, Percept, Quality

__all__ = ["STAGES", "Curves", "Plotted"]

STAGES = ("acquire", "decode", "render")
MOST_POINTS = 600
MOST_INTERVALS = 240
MOST_REGIONS = 3
MOST_BLOCKS = 64
_QUALITY = {"fmri": ("fd_mm",), "eeg": ("bad_channels", "rms_uv")}
"""What is plotted as quality, the best first."""
_REGIONS = {"fmri": ("roi_", "_psc"), "eeg": ("rms_", "_uv")}
"""Beginning and end of the names of what is plotted as signal."""


@dataclass(frozen=True)
class Plotted:
    """Copies of all curves; x axes are seconds on the recording's own axis.

    Attributes
    ----------
    version : int
        Grows whenever anything but the frame interval has changed.
    quality_name : str
        Key of the quality figure that is plotted.
    quality : Curve
        Framewise displacement in millimetres (fMRI) or a channel figure (EEG).
    regions : dict of str to Curve
        Means of regions, amplitudes of the first channels, or the first features.
    measured : bool
        False while `regions` holds plain features.
    blocks : list of Block
        Conditions.
    confidence : Curve
        Confidence of each percept.
    chance : float or None
        Confidence of a guess.
    latency_ms : dict of str to Curve
        By stage.
    interval_ms : Curve
        Time between frames in milliseconds; x is seconds before the newest frame.
    """

    version: int
    quality_name: str
    quality: Curve
    regions: dict[str, Curve]
    measured: bool
    blocks: list[Block]
    confidence: Curve
    chance: float | None
    latency_ms: dict[str, Curve]
    interval_ms: Curve


class Curves:
    """Bounded histories of everything that is plotted.

    Parameters
    ----------
    modality : str
        ``fmri`` or ``eeg``.
    """

    def __init__(self, modality: Literal["fmri", "eeg"]) -> None:
        self._modality = modality
        self._version = 0
        self._quality_name = ""
        self._quality = Series(MOST_POINTS)
        self._regions: dict[str, Series] = {}
        self._measured = False
        self._confidence = Series(MOST_POINTS)
        self._latency = {stage: Series(MOST_POINTS) for stage in STAGES}
        self._interval = Series(MOST_INTERVALS)
        self._steps = Series(20)
        self._last_step_s: float | None = None
        self._last_frame: Frame | None = None
        self._last_percept_seq: int | None = None
        self.chance: float | None = None

    def on_quality(self, header: Quality) -> None:
        """Take in quality figures; those of regions or channels go to the curves of the signal."""
        self._version += 1
        best = next((n for n in _QUALITY[self._modality] if n in header.values), "")
        if best and self._better(best):
            self._quality_name, self._quality = best, Series(MOST_POINTS)
        if best and best == self._quality_name:
            self._quality.add(header.t_data, header.values[best])
        first, last = _REGIONS[self._modality]
        for name, value in header.values.items():
            region = name.removeprefix(first).removesuffix(last)
            if region and name == f"{first}{region}{last}":
                self._add_region(region, header.t_data, value, measured=True)

    def _better(self, name: str) -> bool:
        order = (*_QUALITY[self._modality], "")
        return order.index(name) < order.index(self._quality_name)

    def on_features(self, header: Features, x: npt.NDArray[np.generic] | None) -> None:
        """Take in features: latency, step, and the first features where no region is known."""
        self._version += 1
        self._latency["acquire"].add(header.t_data, (header.t_sent - header.t_acquired) * 1000)
        if self._last_step_s is not None and header.t_data > self._last_step_s:
            self._steps.add(header.t_data, header.t_data - self._last_step_s)
        self._last_step_s = header.t_data
        if x is None or self._measured:
            return
        for k, value in enumerate(np.ravel(x)[:MOST_REGIONS]):
            self._add_region(f"feature {k + 1}", header.t_data, float(value), measured=False)

    def on_percept(self, header: Percept) -> None:
        """Take in a percept: confidence, chance and latency."""
        self._version += 1
        self._confidence.add(header.t_data, header.confidence)
        self._latency["decode"].add(header.t_data, (header.t_sent - header.t_features) * 1000)
        if len(header.probabilities) > 1:
            self.chance = 1.0 / len(header.probabilities)

    def on_frame(self, header: Frame, percept: Percept | None) -> None:
        """Take in a frame of the operator's view; its first frame gives a percept's latency."""
        if self._last_frame is not None and header.t_sent > self._last_frame.t_sent:
            self._interval.add(header.t_sent, (header.t_sent - self._last_frame.t_sent) * 1000)
        self._last_frame = header
        if percept is not None and header.percept_seq != self._last_percept_seq:
            self._version += 1
            self._last_percept_seq = header.percept_seq
            late_ms = (header.t_sent - header.t_percept) * 1000
            self._latency["render"].add(percept.t_data, late_ms)

    def on_event(self) -> None:
        """Note that the conditions have changed."""
        self._version += 1

    def pause(self) -> None:
        """Forget the last frame: the time until the next one is no frame interval."""
        self._last_frame = None

    def step_s(self) -> float | None:
        """Return the typical interval between features in seconds."""
        return median(self._steps.curve())

    def fd_mm(self) -> float | None:
        """Return the newest framewise displacement in millimetres, fMRI only."""
        return self._quality.last() if self._quality_name == "fd_mm" else None

    def plotted(self, truth: Timeline) -> Plotted:
        """Return copies of all curves, with the conditions of `truth` as blocks."""
        until_s = self._last_step_s or 0.0
        times, interval_ms = self._interval.curve()
        ago_s = times - times[-1] if len(times) else times
        return Plotted(
            version=self._version,
            quality_name=self._quality_name,
            quality=self._quality.curve(),
            regions={name: series.curve() for name, series in self._regions.items()},
            measured=self._measured,
            blocks=truth.blocks(until_s, MOST_BLOCKS),
            confidence=self._confidence.curve(),
            chance=self.chance,
            latency_ms={stage: series.curve() for stage, series in self._latency.items()},
            interval_ms=(ago_s, interval_ms),
        )

    def _add_region(self, name: str, x: float, y: float, *, measured: bool) -> None:
        if measured and not self._measured:
            # Regions or channels replace the plain features that stood in for them.
            self._measured = True
            self._regions.clear()
        if name in self._regions or len(self._regions) < MOST_REGIONS:
            self._regions.setdefault(name, Series(MOST_POINTS)).add(x, y)
