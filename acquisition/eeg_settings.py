"""What can be wrong with EEG settings once stream and bundle are known. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from acquisition.settings import settings_of
from phosphene.bundle import Bundle
from phosphene.errors import problem
from phosphene.session import AcquisitionSettings, EegSettings

__all__ = ["not_used", "stream_problems"]

_MAINS_HZ = (50.0, 60.0)


def stream_problems(
    settings: EegSettings, fs_hz: float, channels: Sequence[str]
) -> tuple[str, ...]:
    """List what does not fit a stream, by the names that the session file uses.

    Parameters
    ----------
    settings : EegSettings
        From the session or the bundle.
    fs_hz : float
        Sampling rate in hertz.
    channels : sequence of str
        Channels of the stream.
    """
    half_hz, found = fs_hz / 2, []

    def wrong(name: str, value: object, allowed: str) -> None:
        found.append(problem(f"acquisition.eeg.{name}", value, allowed, "Correct it."))

    below = f"below {half_hz:g} Hz, half the rate of the stream"
    if settings.band_hz[1] >= half_hz:
        wrong("band_hz", list(settings.band_hz), below)
    # A stream too slow to carry the hum of the mains needs no filter against it.
    notch_hz = settings.notch_hz
    if notch_hz is not None and notch_hz >= half_hz and notch_hz not in _MAINS_HZ:
        wrong("notch_hz", notch_hz, below)
    if strange := [name for name in settings.bad_channels if name not in channels]:
        wrong("bad_channels", ", ".join(strange), f"channels of the stream: {', '.join(channels)}")
    length_s = (
        settings.epoch_s[1] - settings.epoch_s[0]
        if settings.mode == "epochs"
        else settings.window_s
    )
    if length_s < 1 / min(settings.decimated_hz, fs_hz):
        name = "epoch_s" if settings.mode == "epochs" else "window_s"
        wrong(name, length_s, "at least one sample of decimated_hz")
    return tuple(found)


def not_used(session: AcquisitionSettings, bundle: Bundle | None) -> str:
    """Say which EEG settings of the session give way to the bundle's, or an empty text."""
    if bundle is None or bundle.manifest.modality != "eeg" or not bundle.manifest.acquisition:
        return ""
    held, usual = settings_of(session, bundle).eeg, EegSettings()
    found = [
        f"{name} {_words(getattr(held, name))} (the session says {_words(asked)})"
        for name in EegSettings.model_fields
        if (asked := getattr(session.eeg, name)) not in (getattr(held, name), getattr(usual, name))
    ]
    if not found:
        return ""
    return f"the settings of the bundle are used, yours differ: {', '.join(found)}"


def _words(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
