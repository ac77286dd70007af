"""From the session's settings, or a bundle's, to those of the cores."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from acquisition.eeg.asr import AsrModel
from acquisition.eeg.config import (
    AsrConfig,
    EegConfig,
    EpochConfig,
    FilterConfig,
    GradientConfig,
    QualityConfig,
    WindowConfig,
)
from phosphene.bundle import Bundle
from phosphene.errors import BundleError, check_all, problem
from phosphene.session import AcquisitionSettings, EegSettings, FmriSettings, explain

__all__ = [
    "FmriPrior",
    "asr_prior",
    "dump_settings",
    "eeg_config",
    "epoch_times_s",
    "fmri_prior",
    "layout_hash",
    "settings_of",
]

_HISTORY_S = 30.0
_SHOWN = frozenset(
    {"tr_s", "rois", "mask", "rois_reference", "registration", "roi_inside", "contrasts"}
    | {"fd_low_mm", "fd_high_mm", "reference"}
    | {"high_pass_s", "drift_order", "run_length_s", "hrf", "motion_regressors", "noise", "physio"}
)
"""Settings of fMRI that change what is shown, not what a bundle decodes: always the session's."""
_FIXED = ("realign", "slice_timing", "smooth_mm", "features", "beta_delay_s")
"""Settings of fMRI that a decoder was fitted with: another value makes other features."""


@dataclass(frozen=True)
class FmriPrior:
    """What a bundle says about a person's voxels.

    Attributes
    ----------
    mask : ndarray of bool (X, Y, Z)
        Decoded voxels.
    affine : ndarray (4, 4)
        Voxel to millimetres.
    mean, std : ndarray (voxels,)
        Training statistics of the unprocessed signal.
    weight : float
        Volumes that the mean is worth.
    mask_hash : str
        Identity of the mask that the decoder expects.
    reference : ndarray of float32 (X, Y, Z) or None
        Volume that the training runs were aligned to.
    """

    mask: npt.NDArray[np.bool_] = field(repr=False)
    affine: npt.NDArray[np.float64] = field(repr=False)
    mean: npt.NDArray[np.floating] = field(repr=False)
    std: npt.NDArray[np.floating] = field(repr=False)
    weight: float
    mask_hash: str
    reference: npt.NDArray[np.float32] | None = field(default=None, repr=False)


def settings_of(session: AcquisitionSettings, bundle: Bundle | None) -> AcquisitionSettings:
    """Return the settings that count: a bundle's own, where it carries some.

    Only what changes features comes from the bundle; what is merely shown stays the session's.

    Raises
    ------
    BundleError
        If the bundle's settings are not settings, or the session asks for features that the
        decoder was not fitted on; lists every problem.
    """
    if bundle is None or not bundle.manifest.acquisition:
        return session
    try:
        held = AcquisitionSettings.model_validate(bundle.manifest.acquisition)
    except ValidationError as error:
        lines = "; ".join(explain(error))
        raise BundleError(f"acquisition settings of the bundle: {lines}") from error
    if bundle.manifest.modality == "fmri":
        _check_alike(session.fmri, held.fmri)
    own = {name: getattr(session.fmri, name) for name in _SHOWN}
    return held.model_copy(update={"fmri": held.fmri.model_copy(update=own)})


def _check_alike(session: FmriSettings, held: FmriSettings) -> None:
    """Refuse what a session asks for itself and the decoder was not fitted with."""
    usual = FmriSettings()
    found = [
        problem(f"acquisition.fmri.{name}", asked, f"{fitted!r}, as the decoder was fitted with",
                "Take it out of the session, or fit anew.")
        for name in _FIXED
        if (asked := getattr(session, name)) != (fitted := getattr(held, name))
        and asked != getattr(usual, name)
    ]  # fmt: skip
    check_all(found, BundleError, "session against bundle")


def dump_settings(settings: AcquisitionSettings) -> str:
    """Return the JSON of settings that goes into prepared data and from there into bundles."""
    shown = settings.model_dump(mode="json", exclude={"fmri": set(_SHOWN)})
    return json.dumps(shown, sort_keys=True)


def fmri_prior(bundle: Bundle) -> FmriPrior:
    """Take mask and statistics out of a bundle.

    Raises
    ------
    BundleError
        If something is missing or does not fit together.
    """
    mask, affine, held = bundle.mask, bundle.affine, bundle.statistics
    if not bundle.manifest.placed:
        raise BundleError(
            problem("bundle", "fitted on trials of voxels whose place is not known",
                    "one with a mask", "It decodes trials (phosphene evaluate), but no live run.")
        )  # fmt: skip
    if mask is None or affine is None or not {"prior_mean", "prior_std"} <= set(held):
        raise BundleError("the bundle lacks a mask or the statistics of its voxels; fit it anew")
    voxels = int(mask.sum())
    if held["prior_mean"].shape != (voxels,) or held["prior_std"].shape != (voxels,):
        got = (held["prior_mean"].shape, held["prior_std"].shape)
        raise BundleError(problem("prior_mean, prior_std", got, f"({voxels},)", "Fit it anew."))
    reference = held.get("reference")
    if reference is not None and reference.shape != mask.shape:
        raise BundleError(problem("reference", reference.shape, str(mask.shape), "Fit it anew."))
    return FmriPrior(
        mask=mask,
        affine=affine,
        mean=held["prior_mean"],
        std=held["prior_std"],
        weight=float(bundle.manifest.normaliser.settings.get("prior_weight", 0.0)),
        mask_hash=bundle.manifest.mask_hash,
        reference=reference,
    )


def eeg_config(settings: EegSettings, fs_hz: float, channels: tuple[str, ...]) -> EegConfig:
    """Return the settings of the EEG core for one stream.

    Parameters
    ----------
    settings : EegSettings
        From the session or the bundle.
    fs_hz : float
        Sampling rate in hertz.
    channels : tuple of str
        Channel names in order.

    Raises
    ------
    ConfigError
        If they do not fit the stream; lists every problem.
    """
    notch = () if settings.notch_hz is None else (settings.notch_hz,)
    epochs = settings.mode == "epochs"
    return EegConfig.from_mapping(
        {
            "fs_hz": fs_hz,
            "channel_names": channels,
            "filter": FilterConfig(
                low_hz=settings.band_hz[0],
                high_hz=settings.band_hz[1],
                # A stream too slow to carry the hum needs no filter against it.
                notch_hz=tuple(hz for hz in notch if hz < fs_hz / 2),
            ),
            "epoch": EpochConfig(
                start_s=settings.epoch_s[0],
                stop_s=settings.epoch_s[1],
                baseline_s=settings.baseline_s,
            )
            if epochs
            else None,
            "window": None
            if epochs
            else WindowConfig(length_s=settings.window_s, hop_s=settings.step_s),
            "quality": QualityConfig(large_uv=settings.reject_uv),
            "feature_rate_max_hz": settings.decimated_hz,
            "reference": settings.reference,
            "history_s": _HISTORY_S,
            # Those of another cap are of no concern.
            "bad_channels": tuple(name for name in settings.bad_channels if name in channels),
            "interpolate": settings.interpolate,
            "asr": None
            if settings.asr_cutoff is None
            else AsrConfig(cutoff=settings.asr_cutoff, calibration_s=settings.asr_calibration_s),
            "gradient": None
            if settings.gradient_tr_s is None
            else GradientConfig(tr_s=settings.gradient_tr_s, n_average=settings.gradient_average),
        }
    )


def asr_prior(bundle: Bundle) -> AsrModel | None:
    """Take out of a bundle what clean EEG of this person looks like; None where it has no such.

    Raises
    ------
    BundleError
        If it does not fit the bundle's channels.
    """
    held = bundle.statistics
    if not {"asr_mixing", "asr_limits"} <= set(held):
        return None
    shape = (len(bundle.manifest.channels),) * 2
    got = (held["asr_mixing"].shape, held["asr_limits"].shape)
    if got != (shape, shape):
        raise BundleError(problem("asr_mixing, asr_limits", got, str(shape), "Fit it anew."))
    return AsrModel(held["asr_mixing"].astype(np.float64), held["asr_limits"].astype(np.float64))


def epoch_times_s(config: EegConfig) -> tuple[float, ...]:
    """Return the time of each feature sample relative to the event (or window end), in seconds."""
    if config.epoch is not None:
        start_s, length_s = config.epoch.start_s, config.epoch.stop_s - config.epoch.start_s
    elif config.window is not None:
        start_s, length_s = -config.window.length_s, config.window.length_s
    else:
        return ()
    count = int(round(length_s * config.fs_hz) // config.decimation)
    middle = (config.decimation - 1) / 2
    return tuple(start_s + (k * config.decimation + middle) / config.fs_hz for k in range(count))


def layout_hash(config: EegConfig) -> str:
    """Name a feature layout by its content: channels, rate, epoch or window."""
    told: dict[str, Any] = {
        "channels": config.channel_names,
        "fs_hz": config.fs_hz,
        "decimation": config.decimation,
        "epoch": config.epoch and config.epoch.model_dump(mode="json"),
        "window": config.window and config.window.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
