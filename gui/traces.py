"""The plots of a run, one class each: what they show of `Plotted`, and their figures in words."""

from __future__ import annotations

import numpy as np

from gui.blocks import Bands
from gui.curves import MOST_BLOCKS, MOST_REGIONS, STAGES, Plotted
from gui.history import Curve, median
from gui.plot import Plot, figures_html, legend_html
from gui.texts import mark, told, tr
from phosphene import quality as names

__all__ = [
    "CONFIDENCE_TIP",
    "Confidence",
    "Displacement",
    "Dvars",
    "Interval",
    "Latency",
    "Position",
    "Signal",
    "Span",
    "Trace",
]

MOST_AIMS = 6.0
INTERVAL_WINDOW_S = 8.0
CONFIDENCE_TIP = mark(
    "Confidence: the calibrated probability that the percept identifies what was shown and that\n"
    "the data are of this person's usual kind. It is no share of right answers and no probability\n"
    "of the label, so the chance of guessing a label is not its measure."
)
STAGE_WORDS = {"acquire": mark("acquire"), "decode": mark("decode"), "render": mark("render")}
NOTE_COLOUR, HIGH_COLOUR, AIM_COLOUR = "#8a7a3a", "#b04a4a", "#4a7a4a"
MOVED_GROUND = "#4a3c12"

Span = tuple[float, float]


class Trace(Plot):
    """A plot that knows what to take from everything that is plotted."""

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw what is given, from `span[0]` to `span[1]` in seconds of the recording."""
        raise NotImplementedError


def _reach(curves: list[Curve], span: Span) -> Span:
    """Return the lowest and highest visible finite value; (0, 0) where there is none."""
    visible = np.concatenate([y[x >= span[0]] for x, y in curves] or [np.zeros(0)])
    finite = visible[np.isfinite(visible)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)


class Position(Trace):
    """Three parameters of the head's position.

    Parameters
    ----------
    heading, unit : str
        What they are, and their unit.
    keys : tuple of str
        Their names among the quality figures.
    hint : str
        What the plot waits for.
    """

    def __init__(self, heading: str, unit: str, keys: tuple[str, ...], hint: str) -> None:
        super().__init__(f"{heading}, {unit}", hint, len(keys))
        self._keys, self._unit = keys, unit
        self.add_level(0.0, "#3a424d")
        self.set_ticks({})

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw the three curves, at least 0.5 to either side."""
        curves = [plotted.figures[key] for key in self._keys]
        if not self.show_curves(curves):
            return
        low, high = _reach(curves, span)
        most = max(0.5, 1.15 * max(-low, high))
        self.set_range(span, (-most, most))
        tick = float(f"{most * 0.8:.1g}")
        self.set_ticks({v: f"{v:g}" for v in (-tick, 0.0, tick)})
        words = [
            f"{told(names.FIGURES[key].words)} {y[-1]:.2f}"
            for key, (_, y) in zip(self._keys, curves, strict=True)
            if len(y)
        ]
        self.set_figures(legend_html(words, mark=""))


class Displacement(Trace):
    """Framewise displacement with its two limits.

    Parameters
    ----------
    hint : str
        What the plot waits for.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(tr("Displacement (FD), mm"), hint)
        self._lines = tuple(self.add_level(0.0, c) for c in (NOTE_COLOUR, HIGH_COLOUR))
        self._limits_mm = (0.0, 0.0)
        self.set_limits((names.FD_LOW_MM, names.FD_HIGH_MM))

    def set_limits(self, limits_mm: tuple[float, float]) -> None:
        """Put the two lines at these values in millimetres."""
        if limits_mm == self._limits_mm:
            return
        self._limits_mm = limits_mm
        for line, value in zip(self._lines, limits_mm, strict=True):
            line.setValue(value)
        self._scale(0.0)

    def levels_mm(self) -> tuple[float, ...]:
        """Return where the lines are, in millimetres."""
        return tuple(float(line.value()) for line in self._lines)

    def _scale(self, highest_mm: float) -> float:
        low, high = self._limits_mm
        top = max(1.2 * high, 1.1 * highest_mm)
        far = {top * 0.9: f"{top * 0.9:.1f}"} if top > 2.5 * high else {}
        self.set_ticks({0.0: "0", **({low: f"{low:g}"} if top < 5 * low else {}),
                        high: f"{high:g}", **far})  # fmt: skip
        return top

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw displacement; the figures are of the whole run as far as it is kept."""
        self.set_limits(plotted.fd_limits_mm)
        curve = plotted.figures[names.FD]
        if not self.show_curves([curve]):
            return
        self.set_range(span, (0.0, self._scale(_reach([curve], span)[1])))
        values, high = curve[1], self._limits_mm[1]
        above = float(np.mean(values > high)) * 100
        self.tint(MOVED_GROUND if values[-1] > high else None)
        self.set_figures(
            figures_html(
                tr(
                    "now {now} · above {limit}: {share} %",
                    now=f"{values[-1]:.2f}",
                    limit=f"{high:g}",
                    share=f"{above:.0f}",
                )
            )
        )


class Dvars(Trace):
    """Change of the whole brain from volume to volume.

    Parameters
    ----------
    hint : str
        What the plot waits for.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(tr("DVARS, %"), hint)

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw DVARS in percent of the signal."""
        curve = plotted.figures[names.DVARS]
        if not self.show_curves([curve]):
            return
        self.set_range(span, (0.0, max(1.0, 1.15 * _reach([curve], span)[1])))
        values = curve[1]
        self.set_figures(
            figures_html(
                tr(
                    "now {now} · median {middle}",
                    now=f"{values[-1]:.2f}",
                    middle=f"{float(np.median(values)):.2f}",
                )
            )
        )


class Signal(Trace):
    """Signal of regions, with the conditions behind it.

    Parameters
    ----------
    hint : str
        What the plot waits for.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(tr("Signal"), hint, MOST_REGIONS, timed=True)
        self.bands = Bands(self.box, MOST_BLOCKS)
        self.set_ticks({})

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw the curves and the conditions."""
        curves = list(plotted.regions.values())
        if not self.show_curves(curves):
            self.set_figures("")
            return
        low, high = _reach(curves, span)
        margin = 0.08 * (high - low) or 1.0
        # Room above the curves for the names of the conditions.
        low, high = low - margin, high + 4 * margin
        self.set_ticks(None)
        self.set_range(span, (low, high))
        self.set_heading(tr("Regions, % change") if plotted.measured else tr("First features, z"))
        n = plotted.regions_left_out
        left_out = tr(" (+{n} more)", n=n) if n else ""
        self.set_figures(legend_html(list(plotted.regions)) + figures_html(left_out))
        self.bands.show(plotted.blocks, low, high)


class Confidence(Trace):
    """Confidence of each percept.

    Parameters
    ----------
    min_confidence : float
        Below it the neutral picture is shown.
    timed : bool
        Whether its time axis has numbers.
    bundle : bool
        Whether there is a decoder at all.
    """

    def __init__(self, min_confidence: float, *, timed: bool, bundle: bool = True) -> None:
        waiting = tr("waiting for the first percept")
        hint = waiting if bundle else tr("no bundle: nothing is decoded")
        super().__init__(tr("Confidence (0 to 1)"), hint, timed=timed)
        self.setToolTip(tr(CONFIDENCE_TIP))
        self._last = "–"
        self.set_ticks({0.0: "0", 0.5: "0.5", 1.0: "1"})
        self.set_range((0.0, 60.0), (0.0, 1.08))
        if min_confidence > 0 and bundle:
            self.add_level(min_confidence, NOTE_COLOUR)

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw confidence."""
        if not self.show_curves([plotted.confidence]):
            self._last = "–"
            self.set_figures("")
            return
        self.set_range(span, (0.0, 1.08))
        values = plotted.confidence[1]
        self._last = f"{values[-1]:.2f}"
        self.set_figures(figures_html(tr("now {now}", now=self._last)))

    def tell_silence(self, age_s: float | None) -> None:
        """Say how old the newest value is; None: it is new."""
        self.tell_age(age_s, mark("last {last}, {age} s ago"), last=self._last)


class Latency(Trace):
    """Time that each stage takes for one volume or epoch.

    Parameters
    ----------
    hint : str
        What the plot waits for.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(tr("Latency, ms"), hint, len(STAGES), timed=True)
        self.set_ticks({float(k): f"{10**k}" for k in range(5)})
        self.set_range((0.0, 60.0), (-0.15, 3.3))

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw the latencies on a logarithmic axis."""
        # A logarithm cannot show 0; below 1 ms no difference matters.
        curves = [
            (x, np.log10(np.maximum(y, 1.0)))
            for x, y in (plotted.latency_ms[stage] for stage in STAGES)
        ]
        if not self.show_curves(curves):
            return
        top = max(float(y.max()) for _, y in curves if len(y))
        self.set_range(span, (-0.15, max(3.3, top + 0.3)))
        words = []
        for stage in STAGES:
            middle = median(plotted.latency_ms[stage])
            name = tr(STAGE_WORDS[stage])
            words.append(f"{name} –" if middle is None else f"{name} {middle:.0f}")
        self.set_figures(legend_html(words, mark=""))


class Interval(Trace):
    """Time between frames.

    Parameters
    ----------
    fps : float
        Frames per second that are aimed at.
    """

    def __init__(self, fps: float) -> None:
        super().__init__(tr("Frame interval, ms"), tr("waiting for the first frame"), timed=True)
        self._fps = fps
        self.add_level(1000.0 / fps, AIM_COLOUR)
        self._aims = {k * 1000 / fps: f"{k * 1000 / fps:.0f}" for k in range(3)}

    def update_from(self, plotted: Plotted, span: Span) -> None:
        """Draw the newest seconds; `span` does not matter, frames have a clock of their own."""
        if not self.show_curves([plotted.interval_ms]):
            return
        times, values = plotted.interval_ms
        # The figures are of what is drawn.
        values = values[times >= -INTERVAL_WINDOW_S]
        top = max(2200.0 / self._fps, float(values.max()) * 1.1)
        # After a long gap multiples of the aim would be written over one another.
        self.set_ticks(self._aims if top < MOST_AIMS * 1000.0 / self._fps else None)
        self.set_range((-INTERVAL_WINDOW_S, 0.0), (0.0, top))
        mean, late = float(np.mean(values)), float(np.percentile(values, 99))
        self.set_figures(
            figures_html(
                tr(
                    "{rate} frames/s · 99 % ≤ {late} ms",
                    rate=f"{1000 / max(mean, 1e-3):.1f}",
                    late=f"{late:.0f}",
                )
            )
        )
