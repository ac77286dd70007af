"""The plot of the spectra of regions."""

from __future__ import annotations

import numpy as np

from gui.curves import MOST_REGIONS, Plotted
from gui.plot import Plot, legend_html
from gui.spectra import LEAST_POINTS, amplitudes
from gui.texts import tr

__all__ = ["RegionSpectra"]


class RegionSpectra(Plot):
    """Amplitudes over frequency, one curve for each region."""

    def __init__(self) -> None:
        super().__init__(
            tr("Spectrum of the regions, % change"),
            tr("waiting for {n} volumes", n=LEAST_POINTS),
            MOST_REGIONS, timed=True, unit="Hz",
        )  # fmt: skip
        self.set_range((0.0, 0.5), (0.0, 1.0))
        self.setToolTip(
            tr("A task shows as a peak at its pace; breath and pulse fold back from beyond half "
               "the rate of the volumes.")
        )  # fmt: skip
        self._version = -1
        self.setContentsMargins(0, 4, 0, 0)

    def update_from(self, plotted: Plotted) -> None:
        """Draw the spectra; what has not changed, or cannot be seen, costs nothing."""
        if plotted.version == self._version or not self.isVisible():
            return
        self._version = plotted.version
        self.set_heading(
            tr("Spectrum of the regions, % change") if plotted.measured
            else tr("Spectrum of the first features, z")
        )  # fmt: skip
        spectra = [amplitudes(curve) for curve in plotted.regions.values()]
        if not self.show_curves(spectra):
            self.set_figures("")
            return
        top = max((float(y.max()) for _, y in spectra if len(y)), default=1.0)
        last_hz = max(float(x[-1]) for x, _ in spectra if len(x))
        self.set_range((0.0, last_hz), (0.0, max(1.1 * top, float(np.finfo(np.float32).eps))))
        self.set_figures(legend_html(list(plotted.regions)))
