"""The whole way from a raw volume to features, as one pure step.

slice timing -> realign -> smooth -> mask -> scale, and quality of what was realigned. No clock, no
files, no state outside; the result of a step depends on this and earlier volumes only, and the same
volumes give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from acquisition.fmri.clean import BaselineStats, Cleaner
from acquisition.fmri.config import FmriConfig
from acquisition.fmri.mask import brain_mask, check_masks, mask_sha256
from acquisition.fmri.quality import QualityStep, QualityTracker
from acquisition.fmri.realign import Motion, Realigner, can_realign
from acquisition.fmri.rigid import centre_of, farthest_mm
from acquisition.fmri.slicetime import ORDERS, SliceTimer
from acquisition.fmri.smoothing import Smoother
from acquisition.fmri.volume import Volume
from phosphene.errors import CausalityError, ConfigError, InputError, problem

__all__ = ["FmriCore", "FmriStep"]

Mask = npt.NDArray[np.bool_]

# Headers round to micrometres, a new slice position is off by far more.
_SAME_PLACE_MM = 0.1

_STILL = Motion(np.zeros(6), np.eye(4), 0.0, 0, True)


@dataclass(frozen=True)
class FmriStep:
    """What one volume says.

    Attributes
    ----------
    features : array of float32 (voxels,)
        Cleaned voxels of the mask in standard deviations, in the mask's C order.
    ready : bool
        False while statistics warm up.
    index : int
        Number of the volume.
    t_s : float
        End of its acquisition after the start of volume 0, in seconds.
    motion_mm_deg : array of float64 (6,)
        Head position relative to the reference; zeros without realignment.
    quality : QualityStep
        Displacement, change, stability, drift; ``spike`` where nothing is learned.
    missing : int
        Volumes missing just before this one.
    roi_psc : dict of str to float
        Deviation of each region from its baseline, in percent.
    realigned : array of float32 (X, Y, Z)
        The volume where the reference's head is.
    signal : array of float32 (X, Y, Z)
        The same, smoothed.
    residual : float
        What realignment left, relative to the mean; NaN without realignment.
    """

    features: npt.NDArray[np.float32] = field(repr=False)
    ready: bool
    index: int
    t_s: float
    motion_mm_deg: npt.NDArray[np.float64]
    quality: QualityStep
    missing: int
    roi_psc: dict[str, float]
    realigned: npt.NDArray[np.float32] = field(repr=False)
    signal: npt.NDArray[np.float32] = field(repr=False)
    residual: float = float("nan")

    @property
    def spike(self) -> bool:
        """Whether the volume stands out or no head was found; nothing is learned from it."""
        return self.quality.spike


class FmriCore:
    """Processes one run.

    Parameters
    ----------
    config : FmriConfig
        Settings.
    """

    def __init__(self, config: FmriConfig | None = None) -> None:
        self._config = config or FmriConfig()
        self._run: _Run | None = None
        self._last_index = -1
        self._missing = 0

    @property
    def mask(self) -> Mask | None:
        """Voxels that become features; None before the first volume when it is to be found."""
        return self._config.mask if self._run is None else self._run.mask.copy()

    def ground(self) -> tuple[Volume, Mask]:
        """Return the volume that the others are aligned to, and the mask.

        Raises
        ------
        CausalityError
            Before the first volume.
        """
        if self._run is None:
            raise CausalityError("reference and mask of a run are there after its first volume")
        return self._run.reference, self._run.mask.copy()

    @property
    def mask_hash(self) -> str:
        """Identity of the mask, "" before the first volume."""
        return "" if self._run is None else self._run.mask_hash

    @property
    def reference(self) -> Volume | None:
        """Volume that the others are aligned to."""
        return self._config.reference if self._run is None else self._run.reference

    @property
    def rois(self) -> Mapping[str, Mask]:
        """Regions that are reported."""
        return self._config.rois

    @property
    def sampled_s(self) -> float:
        """When a volume's values were measured after its start, in seconds; 0 before the first."""
        return 0.0 if self._run is None else self._run.sampled_s

    @property
    def missing(self) -> int:
        """Volumes that never came, so far."""
        return self._missing

    @property
    def note(self) -> str:
        """What a reader of the features should know, "" if nothing."""
        return "" if self._run is None else self._run.note

    def stats(self) -> BaselineStats:
        """Statistics of the run so far, for the bundle.

        Raises
        ------
        ConfigError
            Before the first volume.
        """
        if self._run is None:
            raise ConfigError(problem("stats", "no volume yet", "1 or more", "Run first."))
        return self._run.stats()

    def step(self, volume: Volume, index: int | None = None) -> FmriStep:
        """Process the next volume.

        Parameters
        ----------
        volume : Volume
            Finite, of the reference's shape.
        index : int, optional
            Its number, where it is not ``volume.index``; higher than the last one's. Volumes left
            out are counted and tolerated.

        Returns
        -------
        FmriStep

        Raises
        ------
        InputError
            If the shape is wrong, a voxel is not finite, or the volume lies elsewhere than the
            reference and is not realigned: the mask would take the wrong voxels.
        CausalityError
            If the number is not higher than the last one's.
        """
        index = volume.index if index is None else index
        if index <= self._last_index:
            raise CausalityError(
                problem("index", index, f"above {self._last_index}",
                        "Put volumes in order before processing them.")
            )  # fmt: skip
        _check_finite(volume, index)
        run = self._run or _Run(self._config, volume)
        if volume.data.shape != run.reference.data.shape:
            raise _wrong_shape(index, volume, run.reference)
        run.check_place(volume, index)
        self._run = run
        missing = index - self._last_index - 1
        self._last_index = index
        self._missing += missing
        return self._run.step(volume, index, missing)


class _Run:
    """State from the first volume on."""

    def __init__(self, config: FmriConfig, first: Volume) -> None:
        self.reference = config.reference or first
        shape = self.reference.data.shape
        if first.data.shape != shape:
            raise _wrong_shape(first.index, first, self.reference)
        self._tr_s = config.tr_s or first.tr_s
        if not self._tr_s > 0:
            raise ConfigError(
                problem("tr_s", self._tr_s, "above 0 seconds", "Give it; the volumes do not say.")
            )
        self.mask = brain_mask(self.reference.data) if config.mask is None else config.mask
        self._rois = dict(config.rois)
        check_masks({"mask": self.mask, **self._rois}, shape)
        self.mask_hash = mask_sha256(self.mask, self.reference.affine)
        self._realigner, self.note = _realigner(config, self.reference)
        self._timer = _timer(config, first, self._tr_s)
        self._smoother = Smoother(config.smooth_mm, self.reference.voxel_mm, shape)
        n_voxels = int(self.mask.sum())
        self._cleaner = Cleaner(n_voxels, config.cleaning, config.stats) if config.scale else None
        self._roi_cleaner = Cleaner(len(self._rois), config.cleaning) if self._rois else None
        centre = centre_of(shape, self.reference.affine)
        self._quality = QualityTracker(centre, config.quality)
        self._start: npt.NDArray[np.float64] | None = None

    @property
    def sampled_s(self) -> float:
        """When a volume's values count as measured: its middle, or the moment of slice timing."""
        return self._tr_s / 2 if self._timer is None else self._timer.reference_s

    def stats(self) -> BaselineStats:
        if self._cleaner is None:
            raise ConfigError(problem("stats", "scale is off", "scale on", "Switch it on."))
        return self._cleaner.stats()

    def check_place(self, volume: Volume, index: int) -> None:
        """Refuse a volume whose voxels are elsewhere than the mask's, where nothing moves them."""
        if self._realigner is not None:
            return
        off_mm = farthest_mm(volume.data.shape, volume.affine, self.reference.affine)
        if not off_mm <= _SAME_PLACE_MM:
            raise InputError(
                problem(f"volume {index + 1}", f"voxels up to {off_mm:.2f} mm from the reference's "
                        f"({self.note})", f"the reference's place within {_SAME_PLACE_MM:g} mm",
                        "Scan with the reference's slice position, or fit anew.")
            )  # fmt: skip

    def step(self, volume: Volume, index: int, missing: int) -> FmriStep:
        motion, data = _STILL, volume.data
        if self._timer is not None:
            data = self._timer.step(data, index)
        if self._realigner is not None:
            motion = self._realigner.estimate(data, volume.affine)
            data = self._realigner.resample(data, motion, volume.affine)
        if self._start is None:
            self._start = motion.params
        signal = self._smoother(data)
        t_s, moved = index * self._tr_s, motion.params - self._start
        quality = self._quality.step(
            motion.params, motion.matrix, data[self.mask], t_s, motion.lost
        )
        features, ready = np.zeros(0, np.float32), False
        if self._cleaner is not None:
            clean = self._cleaner.step(signal[self.mask], t_s, moved, learn=not quality.spike)
            features, ready = clean.z, clean.ready
        return FmriStep(
            features=features,
            ready=ready,
            index=index,
            t_s=t_s + self._tr_s,
            motion_mm_deg=motion.params,
            quality=quality,
            missing=missing,
            roi_psc=self._roi_psc(signal, t_s, moved, learn=not quality.spike),
            realigned=data,
            signal=signal,
            residual=motion.residual if self._realigner is not None else float("nan"),
        )

    def _roi_psc(
        self,
        data: npt.NDArray[np.float32],
        t_s: float,
        moved: npt.NDArray[np.float64],
        learn: bool,
    ) -> dict[str, float]:
        if self._roi_cleaner is None:
            return {}
        means = [data[roi].mean(dtype=np.float64) for roi in self._rois.values()]
        clean = self._roi_cleaner.step(np.asarray(means, np.float32), t_s, moved, learn)
        # The very first volume has no past, hence no baseline and no change from it.
        known = np.abs(clean.baseline) > 1e-3 * np.abs(means)
        return {
            name: float(100 * clean.deviation[k] / abs(clean.baseline[k]))
            for k, name in enumerate(self._rois)
            if known[k]
        }


def _realigner(config: FmriConfig, reference: Volume) -> tuple[Realigner | None, str]:
    if config.realign == "off":
        return None, "realignment is off"
    if config.realign == "auto" and not can_realign(reference.data.shape):
        return None, f"realignment is off: {min(reference.data.shape)} slice(s), 8 are needed"
    return Realigner(reference.data, reference.affine, config=config.realignment), ""


def _timer(config: FmriConfig, first: Volume, tr_s: float) -> SliceTimer | None:
    if config.slice_timing == "off":
        return None
    if first.slice_times_s is None:
        raise InputError(
            problem("slice timing", "volumes that do not say when each slice was measured",
                    "slice times in the files", "Set slice_timing to off.")
        )  # fmt: skip
    n_slices = first.data.shape[first.slice_axis]
    order = ORDERS[config.slice_timing]
    return SliceTimer(first.slice_times_s, first.slice_axis, n_slices, tr_s, order)


def _check_finite(volume: Volume, index: int) -> None:
    finite = np.isfinite(volume.data)
    if not finite.all():
        n_bad = int(volume.data.size - finite.sum())
        raise InputError(
            problem(f"volume {index + 1}", f"{n_bad} voxels that are not finite", "finite numbers",
                    "Replace them by 0 outside the head; inside it, discard the volume.")
        )  # fmt: skip


def _wrong_shape(index: int, volume: Volume, reference: Volume) -> InputError:
    return InputError(
        problem(f"volume {index + 1}", volume.data.shape, str(reference.data.shape),
                "Scan with the protocol of the reference volume.")
    )  # fmt: skip
