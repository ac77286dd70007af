"""From the session's EEG settings to those of the EEG chain."""

from __future__ import annotations

from collections.abc import Sequence

from acquisition.eeg.config import EegConfig
from phosphene.session import EegSettings

__all__ = ["eeg_config"]


def eeg_config(
    settings: EegSettings,
    fs_hz: float,
    channel_names: Sequence[str],
    labels: Sequence[str] | None = None,
) -> EegConfig:
    """Combine what the session wants with what the stream is.

    Parameters
    ----------
    settings : EegSettings
        Of the session file or of a bundle.
    fs_hz : float
        Sampling rate of the stream in hertz.
    channel_names : sequence of str
        Channels of the stream.
    labels : sequence of str or None
        Markers that open an epoch; None takes all.

    Returns
    -------
    EegConfig
        Frozen and checked.

    Raises
    ------
    ConfigError
        With every setting that does not fit the stream.
    """
    epochs = settings.mode == "epochs"
    start_s, stop_s = settings.epoch_s
    epoch = {
        "start_s": start_s,
        "stop_s": stop_s,
        "baseline_s": settings.baseline_s,
        "labels": None if labels is None else tuple(labels),
    }
    low_hz, high_hz = settings.band_hz
    # A notch that the rate cannot represent has nothing to remove.
    notches = [hz for hz in (settings.notch_hz,) if hz is not None and hz < fs_hz / 2]
    return EegConfig.from_mapping(
        {
            "fs_hz": fs_hz,
            "channel_names": tuple(channel_names),
            "filter": {"low_hz": low_hz, "high_hz": high_hz, "notch_hz": tuple(notches)},
            "epoch": epoch if epochs else None,
            "window": (
                None if epochs else {"length_s": settings.window_s, "hop_s": settings.step_s}
            ),
            "quality": {"large_uv": settings.reject_uv},
            "feature_rate_max_hz": settings.decimated_hz,
            "reference": settings.reference,
        }
    )
