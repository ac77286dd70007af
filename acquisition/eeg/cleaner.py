"""The stages that every sample passes: gradient artefact, filter, artefact reconstruction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.eeg.asr import AsrModel, AsrStage
from acquisition.eeg.config import EegConfig
from acquisition.eeg.filters import (
    CausalFilter,
    band_delay_ms,
    design_sos,
    group_delay_ms,
    settling_samples,
)
from acquisition.eeg.gradient import GradientStage

__all__ = ["Cleaner"]

Samples = npt.NDArray[np.float64]


class Cleaner:
    """Cleans a stream sample by sample; chunks never change a bit.

    Parameters
    ----------
    config : EegConfig
        Which stages there are.
    asr : AsrModel or None
        What clean data look like; None learns it from the stream's beginning where
        ``config.asr`` asks for it.

    Attributes
    ----------
    band_delay_ms : tuple of float
        Mean and largest group delay of the filter in its pass band, in milliseconds.
    ready_index : int
        Samples from this number on are clean, but for gradients that are still learned.
    """

    def __init__(self, config: EegConfig, asr: AsrModel | None = None) -> None:
        n, self._fs_hz = config.n_channels, config.fs_hz
        self._sos = design_sos(config.filter, self._fs_hz)
        self._filter = CausalFilter(self._sos, n)
        self._settling = settling_samples(self._sos)
        self.band_delay_ms = band_delay_ms(config.filter, self._fs_hz)
        self.ready_index = 0
        self._asr: AsrStage | None = None
        self._gradient: GradientStage | None = None
        if config.asr is not None:
            a = config.asr
            self._asr = AsrStage(asr, self._fs_hz, n, a.cutoff, a.calibration_s)
        if config.gradient is not None:
            g = config.gradient
            length, wait = round(g.tr_s * self._fs_hz), round(g.wait_s * self._fs_hz)
            self._gradient = GradientStage(n, length, g.n_average, g.least, wait)

    @property
    def asr_model(self) -> AsrModel | None:
        """What the reconstruction knows by now."""
        return None if self._asr is None else self._asr.learned()

    @property
    def delay_samples(self) -> int:
        """Samples by which the output may lag behind the input, the filter's delay left out."""
        return sum(s.delay_samples for s in (self._gradient, self._asr) if s is not None)

    @property
    def delays_ms(self) -> dict[str, float]:
        """Delays by name, in milliseconds: of the filter's band, and of what holds samples back."""
        mean, largest = self.band_delay_ms
        found = {"filter_delay_ms": mean, "filter_delay_max_ms": largest}
        for name, stage in (("gradient", self._gradient), ("asr", self._asr)):
            if stage is not None:
                found[f"{name}_delay_ms"] = stage.delay_samples / self._fs_hz * 1e3
        return found

    @property
    def n_late_triggers(self) -> int:
        """Triggers that came after their samples were given on."""
        return 0 if self._gradient is None else self._gradient.n_late

    def filter_delay_ms(self, frequency_hz: float) -> float:
        """Group delay of the filter at a frequency in hertz, in milliseconds."""
        return float(group_delay_ms(self._sos, self._fs_hz, frequency_hz)[0])

    def restart(self, first_index: int) -> None:
        """Begin anew with the sample of this number."""
        self._filter.reset()
        self.ready_index = first_index + self._settling
        if self._gradient is not None:
            self._gradient.restart(first_index)
        if self._asr is not None:
            self._asr.restart()
            self.ready_index = first_index + max(self._settling, self._asr.unready_samples)

    def ready(self, first: int, stop: int) -> bool:
        """Tell whether nothing was still learning or settling in these samples."""
        if first < self.ready_index:
            return False
        if self._gradient is None:
            return True
        begin, end = self._gradient.learning
        return stop <= begin or first >= end + self._settling

    def trigger(self, index: int) -> None:
        """Take a trigger: the scanner begins a volume with the sample of this number."""
        if self._gradient is not None:
            self._gradient.trigger(index)

    def __call__(self, rows: Samples) -> tuple[Samples, Samples]:
        """Take rows (n, n_channels) in microvolts.

        Returns
        -------
        ndarray of shape (k, n_channels)
            Without gradients, not filtered.
        ndarray of shape (m, n_channels)
            Clean.
        """
        raw = rows if self._gradient is None else self._gradient(rows)
        clean = self._filter(raw)
        return raw, clean if self._asr is None else self._asr(clean)
