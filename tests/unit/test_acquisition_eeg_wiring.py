"""From settings and bundles to the EEG chain, and what it tells of itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from acquisition.eeg_chain import EegChain
from acquisition.prepare import prepare_eeg
from acquisition.settings import asr_prior
from acquisition.sources.eeg import EegMarker, EegRecording
from acquisition.sources.recording import EegRun
from phosphene.dataset import TimedEvent, read_prepared, write_prepared
from phosphene.errors import BundleError, InputError
from phosphene.session import AcquisitionSettings, EegSettings

FS_HZ, NAMES = 128.0, ("Fz", "Cz", "Pz", "Oz")


def recording(seconds: int = 40) -> EegRecording:
    rng = np.random.default_rng(0)
    data = rng.normal(0, 5.0, (int(seconds * FS_HZ), 4)).astype(np.float32)
    markers = tuple(EegMarker(float(t), "face") for t in range(8, seconds - 1))
    return EegRecording("r", data, FS_HZ, NAMES, markers, 0.0, FS_HZ)


def run_of(eeg: EegRecording) -> EegRun:
    events = tuple(
        TimedEvent(run="1", t_s=m.t_s, duration_s=0.5, label=m.label) for m in eeg.markers
    )
    return EegRun(run="1", eeg=eeg, events=events, sources={"r": "0" * 64})


def test_every_step_tells_the_delays_of_its_filters() -> None:
    chain = EegChain(EegSettings(asr_cutoff=20.0, asr_calibration_s=10.0), FS_HZ, NAMES)
    chain.marker(20.0, "face")
    (result,) = chain.push(recording().data, 0)
    told = result.quality
    assert 10.0 < told["filter_delay_ms"] < told["filter_delay_max_ms"]
    assert told["filter_delay_ms"] == chain.filter_delay_ms
    assert told["asr_delay_ms"] == pytest.approx(3 / FS_HZ * 1e3)
    assert "gradient_delay_ms" not in told


def test_triggers_of_the_scanner_open_no_epoch() -> None:
    settings = EegSettings(gradient_trigger="R128", gradient_tr_s=2.0)
    chain = EegChain(settings, FS_HZ, NAMES)
    for t_s in range(10, 30, 2):
        assert chain.marker(float(t_s), "R128") == []
    chain.marker(8.0, "face")
    chain.marker(28.0, "face")
    results = chain.push(recording().data, 0)
    assert [r.ready for r in results] == [True, True]
    assert chain.core.counts.triggers_late == 0
    assert results[0].quality["gradient_delay_ms"] == pytest.approx(101.6, abs=0.1)


def test_a_trigger_needs_its_period_and_the_other_way_round() -> None:
    for half in ({"gradient_trigger": "R128"}, {"gradient_tr_s": 2.0}):
        with pytest.raises(ValidationError, match="need each other"):
            EegSettings.model_validate(half)


def test_what_clean_data_look_like_goes_from_training_into_the_live_run(tmp_path: Path) -> None:
    settings = AcquisitionSettings(eeg=EegSettings(asr_cutoff=20.0, asr_calibration_s=20.0))
    run: Any = run_of(recording())
    data = prepare_eeg([run], "p01", settings)
    write_prepared(tmp_path / "d.npz", data)
    held = read_prepared(tmp_path / "d.npz").further
    assert held["asr_mixing"].shape == (4, 4)
    # With the model at hand, epochs of the first 20 seconds are there too.
    assert data.t_event.min() == 8.0
    manifest = SimpleNamespace(channels=NAMES)
    bundle: Any = SimpleNamespace(manifest=manifest, statistics=held)
    model = asr_prior(bundle)
    assert model is not None
    chain = EegChain(settings.eeg, FS_HZ, NAMES, asr=model)
    chain.marker(8.0, "face")
    (result,) = chain.push(run.eeg.data, 0)
    np.testing.assert_array_equal(result.x, data.responses[0])
    assert asr_prior(SimpleNamespace(manifest=manifest, statistics={})) is None  # type: ignore[arg-type]
    other: Any = SimpleNamespace(manifest=SimpleNamespace(channels=NAMES[:3]), statistics=held)
    with pytest.raises(BundleError, match="asr_mixing"):
        asr_prior(other)


def test_a_run_shorter_than_its_calibration_is_refused() -> None:
    settings = AcquisitionSettings(eeg=EegSettings(asr_cutoff=20.0, asr_calibration_s=60.0))
    run: Any = run_of(recording())
    with pytest.raises(InputError, match="asr_calibration_s"):
        prepare_eeg([run], "p01", settings)
