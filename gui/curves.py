"""What is plotted, taken from message headers. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gui.history import Curve, Series, median
from gui.seen import Block, Timeline
from gui.texts import tr
from phosphene import quality as names
from phosphene.messages import Features, Frame, Percept, Quality

__all__ = ["MOST_REGIONS", "STAGES", "Curves", "Plotted"]

STAGES = ("acquire", "decode", "render")
MOST_POINTS = 600
MOST_INTERVALS = 240
MOST_REGIONS = 6
MOST_FEATURES = 3
MOST_BLOCKS = 64
_FIGURES = {
    "fmri": (*names.MOTION, names.FD, names.DVARS),
    "eeg": ("bad_channels", "rms_uv"),
}
"""Quality figures with a curve of their own."""


@dataclass(frozen=True)
class Plotted:
    """Copies of all curves; x axes are seconds on the recording's own axis.

    Attributes
    ----------
    version : int
        Grows whenever anything but the frame interval has changed.
    figures : dict of str to Curve
        Quality figures by name: head position, displacement and DVARS (fMRI), or channels (EEG).
    fd_limits_mm : tuple of float
        Displacement to watch, and that of a spike, in millimetres.
    regions : dict of str to Curve
        Means of regions, amplitudes of the first channels, or the first features.
    regions_left_out : int
        Regions for which there is no room.
    measured : bool
        False while `regions` holds plain features.
    blocks : list of Block
        Conditions.
    confidence : Curve
        Confidence of each percept.
    latency_ms : dict of str to Curve
        By stage.
    interval_ms : Curve
        Time between frames in milliseconds; x is seconds before the newest frame.
    """

    version: int
    figures: dict[str, Curve]
    fd_limits_mm: tuple[float, float]
    regions: dict[str, Curve]
    regions_left_out: int
    measured: bool
    blocks: list[Block]
    confidence: Curve
    latency_ms: dict[str, Curve]
    interval_ms: Curve

    def end_s(self) -> float:
        """Return the newest time on the recording's axis in seconds, 0 before there is one."""
        curves = [self.confidence, self.latency_ms["acquire"], *self.figures.values()]
        return max((float(x[-1]) for x, _ in curves if len(x)), default=0.0)


class Curves:
    """Bounded histories of everything that is plotted.

    Parameters
    ----------
    modality : str
        ``fmri`` or ``eeg``.
    fd_limits_mm : tuple of float
        Displacement to watch, and that of a spike, in millimetres; those that come with the
        figures win, for a bundle may have settings of its own.
    """

    def __init__(
        self,
        modality: Literal["fmri", "eeg"],
        fd_limits_mm: tuple[float, float] = (names.FD_LOW_MM, names.FD_HIGH_MM),
    ) -> None:
        self._modality = modality
        self._version = 0
        self._limits_mm = fd_limits_mm
        self._figures = {name: Series(MOST_POINTS) for name in _FIGURES[modality]}
        self._regions: dict[str, Series] = {}
        self._left_out: set[str] = set()
        self._measured = False
        self._confidence = Series(MOST_POINTS)
        self._latency = {stage: Series(MOST_POINTS) for stage in STAGES}
        self._interval = Series(MOST_INTERVALS)
        self._steps = Series(20)
        self._last_step_s: float | None = None
        self._last_frame: Frame | None = None
        self._last_percept_seq: int | None = None
        self._newest: dict[str, float] = {}
        self._until_s = 0.0

    @property
    def newest(self) -> Mapping[str, float]:
        """Each quality figure as it was told last."""
        return self._newest

    def on_quality(self, header: Quality) -> None:
        """Take in quality figures; those of regions or channels go to the curves of the signal."""
        self._version += 1
        self._newest.update(header.values)
        self._until_s = header.t_data
        for name, value in header.values.items():
            if name in self._figures:
                self._figures[name].add(header.t_data, value)
            elif region := self._region(name):
                self._add_region(region, header.t_data, value)

    def _region(self, name: str) -> str | None:
        """Return the region or channel whose signal a figure is."""
        if self._modality == "fmri":
            return names.region_name(name)
        channel = name.removeprefix("rms_").removesuffix("_uv")
        return channel if channel and name == f"rms_{channel}_uv" else None

    def on_features(self, header: Features, x: npt.NDArray[np.generic] | None) -> None:
        """Take in features: latency, step, and the first features where no region is known."""
        self._version += 1
        self._latency["acquire"].add(header.t_data, (header.t_sent - header.t_acquired) * 1000)
        if self._last_step_s is not None and header.t_data > self._last_step_s:
            self._steps.add(header.t_data, header.t_data - self._last_step_s)
        self._last_step_s = self._until_s = header.t_data
        if x is None or self._measured:
            return
        for k, value in enumerate(np.ravel(x)[:MOST_FEATURES]):
            series = self._regions.setdefault(tr("feature {n}", n=k + 1), Series(MOST_POINTS))
            series.add(header.t_data, float(value))

    def on_percept(self, header: Percept) -> None:
        """Take in a percept: confidence and latency."""
        self._version += 1
        self._confidence.add(header.t_data, header.confidence)
        self._latency["decode"].add(header.t_data, (header.t_sent - header.t_features) * 1000)

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
        return self._figures[names.FD].last() if names.FD in self._figures else None

    def fd_limits_mm(self) -> tuple[float, float]:
        """Return the displacement to watch, and that of a spike, in millimetres."""
        low, high = self._limits_mm
        return self._newest.get(names.FD_LOW, low), self._newest.get(names.FD_HIGH, high)

    def latency_ms(self) -> float | None:
        """Return the newest latency of all stages together; None before each has told one."""
        parts = [self._latency[stage].last() for stage in STAGES]
        return None if None in parts else sum(part for part in parts if part is not None)

    def forget(self, seconds: float) -> None:
        """Drop what the newest seconds of the recording have told of the person."""
        self._version += 1
        for series in (self._confidence, *self._regions.values()):
            series.cut(self._until_s - seconds)
        self._newest = {k: v for k, v in self._newest.items() if not names.tells_of_brain(k)}

    def plotted(self, truth: Timeline) -> Plotted:
        """Return copies of all curves, with the conditions of `truth` as blocks."""
        times, interval_ms = self._interval.curve()
        ago_s = times - times[-1] if len(times) else times
        return Plotted(
            version=self._version,
            figures={name: series.curve() for name, series in self._figures.items()},
            fd_limits_mm=self.fd_limits_mm(),
            regions={name: series.curve() for name, series in self._regions.items()},
            regions_left_out=len(self._left_out),
            measured=self._measured,
            blocks=truth.blocks(self._until_s, MOST_BLOCKS),
            confidence=self._confidence.curve(),
            latency_ms={stage: series.curve() for stage, series in self._latency.items()},
            interval_ms=(ago_s, interval_ms),
        )

    def _add_region(self, name: str, x: float, y: float) -> None:
        if not self._measured:
            # Regions or channels replace the plain features that stood in for them.
            self._measured = True
            self._regions.clear()
        if name in self._regions or len(self._regions) < MOST_REGIONS:
            self._regions.setdefault(name, Series(MOST_POINTS)).add(x, y)
        else:
            self._left_out.add(name)
