"""Hum of the mains: found where it is, told where the notch does not take it out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from acquisition.bridge.sources import Replay
from acquisition.eeg.channels import ChannelFlag
from acquisition.eeg.mains import MainsWatch, mains_uv, stands_out
from acquisition.lsl.formats import EegFormat
from acquisition.signal_view import SignalView
from acquisition.sources.eeg import EegRecording
from acquisition.sources.recording import EegRun

FS_HZ = 250.0


def second(hum_hz: float, hum_uv: tuple[float, ...], seed: int = 0) -> npt.NDArray[np.float64]:
    t_s = np.arange(int(FS_HZ)) / FS_HZ
    noise = np.random.default_rng(seed).normal(0, 10, (len(t_s), len(hum_uv)))
    drift = 300 * t_s[:, None]
    hum: npt.NDArray[np.float64] = np.sqrt(2) * np.sin(2 * np.pi * hum_hz * t_s)[:, None]
    return noise + drift + hum * np.array(hum_uv)


def test_hum_is_measured_and_noise_and_drift_are_none() -> None:
    samples = second(60.0, (0.0, 40.0, 0.0))
    hum, _ = mains_uv(samples, FS_HZ)
    assert hum[1, 1] == pytest.approx(40.0, rel=0.1)
    assert stands_out(samples, FS_HZ).tolist() == [[False] * 3, [False, True, False]]
    slow, _ = mains_uv(samples[:100], 100.0)
    assert not slow.any(), "50 Hz cannot be told at 100 Hz"


@pytest.mark.parametrize(
    ("hum_hz", "notch_hz", "told"),
    [
        (60.0, 50.0, "mains at 60 Hz, notch at 50: set notch_hz = 60"),
        (60.0, None, "mains at 60 Hz, no notch: set notch_hz = 60"),
        (50.0, 50.0, ""),
    ],
)
def test_hum_beside_the_notch_is_told(hum_hz: float, notch_hz: float | None, told: str) -> None:
    watch = MainsWatch(FS_HZ, notch_hz)
    for seed in range(4):
        watch.second(second(hum_hz, (30.0, 30.0, 0.0), seed))
    assert watch.told == "", "not before it has lasted"
    watch.second(second(hum_hz, (30.0, 30.0, 0.0), 4))
    assert watch.told == told


def test_a_loose_electrode_is_called_by_its_hum() -> None:
    view = SignalView("cap", EegFormat(FS_HZ, ("Fz", "Cz", "Oz")), None)
    view.push([(second(50.0, (0.0, 40.0, 0.0)).astype(np.float32), 0, 0.0)])
    fields = view.due(1.0)
    assert fields is not None
    assert [bool(flag & ChannelFlag.MAINS) for flag in fields["flags"]] == [False, True, False]


def test_a_replay_tells_which_channels_are_left_out_and_tells_it_once() -> None:
    told = "channel Right AUX carries no EEG and was left out"
    data = second(50.0, (0.0, 0.0)).astype(np.float32)
    eeg = EegRecording("r", data, FS_HZ, ("Fz", "Cz"), (), 0.0, FS_HZ, (told,))
    run = EegRun(run="1", eeg=eeg, events=(), sources={"r": "0" * 64})
    assert list(Replay(run, 0, 0.1).complaints()) == [told]
    assert list(Replay(run, 100, 0.1).complaints()) == []
