from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from acquisition.eeg_chain import SecondQuality
from acquisition.intake import Opener
from acquisition.progress import Progress
from acquisition.settings import (
    dump_settings,
    eeg_config,
    epoch_times_s,
    layout_hash,
    settings_of,
)
from acquisition.streams import lsl_config, stream_names
from phosphene.bundle import Bundle
from phosphene.errors import BundleError, ConfigError, InputError
from phosphene.plan import Plan
from phosphene.session import AcquisitionSettings, EegSettings, FmriSettings, Session


def plan(tmp_path: Path, **session: object) -> Plan:
    made = Session.model_validate({"person": "p", **session})
    return Plan(run="abc", folder=tmp_path, mode="live", session=made, lsl_session="here")


def test_streams_of_a_bridge_carry_the_run_and_live_ones_their_own_names(tmp_path: Path) -> None:
    folder = {"kind": "dicom-folder", "path": tmp_path}
    names = stream_names(plan(tmp_path, modality="fmri", source=folder))
    assert names.data == ("phosphene-abc-volumes",)
    assert names.markers == (("phosphene-abc-markers",),)
    live = {"kind": "lsl-eeg", "source_ids": ["cap", "keys", "screen"]}
    names = stream_names(plan(tmp_path, modality="eeg", source=live))
    assert names.data == ("cap",)
    assert names.markers == (("keys",), ("screen",))


def test_only_a_live_amplifier_may_stand_on_another_machine(tmp_path: Path) -> None:
    folder = {"kind": "dicom-folder", "path": tmp_path}
    assert lsl_config(plan(tmp_path, modality="fmri", source=folder)).scope == "machine"
    live = {"kind": "lsl-eeg", "source_ids": ["cap"]}
    config = lsl_config(plan(tmp_path, modality="eeg", source=live))
    assert (config.scope, config.session_id) == ("link", "here")
    with pytest.raises(ConfigError, match="lsl-eeg"):
        lsl_config(plan(tmp_path, modality="fmri", source=live))


def test_session_settings_reach_the_eeg_core() -> None:
    settings = EegSettings(notch_hz=60.0, band_hz=(1.0, 20.0), epoch_s=(-0.1, 0.5))
    config = eeg_config(settings, 256.0, ("a", "b"))
    assert config.filter.notch_hz == (60.0,)
    assert (config.filter.low_hz, config.filter.high_hz) == (1.0, 20.0)
    assert config.epoch is not None
    assert (config.epoch.start_s, config.epoch.stop_s) == (-0.1, 0.5)
    assert config.window is None
    slow = eeg_config(settings, 100.0, ("a", "b"))
    assert slow.filter.notch_hz == ()
    windows = eeg_config(EegSettings(mode="windows"), 256.0, ("a",))
    assert windows.epoch is None
    assert windows.window is not None


def test_feature_times_count_from_the_event() -> None:
    config = eeg_config(EegSettings(epoch_s=(0.1, 0.6), decimated_hz=32.0), 256.0, ("a",))
    times = epoch_times_s(config)
    assert len(times) == 16
    assert times[0] == pytest.approx(0.1 + 3.5 / 256)
    np.testing.assert_allclose(np.diff(times), 8 / 256)


def test_a_layout_is_named_by_everything_that_changes_features() -> None:
    base = eeg_config(EegSettings(), 256.0, ("a", "b"))
    others = [
        eeg_config(EegSettings(), 256.0, ("b", "a")),
        eeg_config(EegSettings(), 250.0, ("a", "b")),
        eeg_config(EegSettings(epoch_s=(0.0, 0.5)), 256.0, ("a", "b")),
        eeg_config(EegSettings(mode="windows"), 256.0, ("a", "b")),
    ]
    assert len({layout_hash(config) for config in [base, *others]}) == 5
    assert layout_hash(base) == layout_hash(eeg_config(EegSettings(), 256.0, ("a", "b")))


def test_settings_for_the_bundle_leave_out_what_belongs_to_the_session(tmp_path: Path) -> None:
    settings = AcquisitionSettings(fmri=FmriSettings(tr_s=1.5, rois={"v1": tmp_path}))
    held = json.loads(dump_settings(settings))
    assert "tr_s" not in held["fmri"]
    assert "rois" not in held["fmri"]
    assert AcquisitionSettings.model_validate(held) == AcquisitionSettings()


def test_progress_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with Progress(path) as first:
        assert (first.count, first.t0_s) == (0, None)
        first.store(41, 12.5)
    with Progress(path) as second:
        assert (second.count, second.t0_s) == (41, 12.5)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("chunk", [1, 7, 10, 33])
def test_second_quality_does_not_depend_on_chunks(chunk: int) -> None:
    data = np.random.default_rng(0).normal(0, 3, (55, 2)).astype(np.float32)
    data[3, 0] = np.nan
    quality = SecondQuality(10.0, ("a", "b"))
    made = [q for k in range(0, 55, chunk) for q in quality.push(data[k : k + chunk], k)]
    assert [(index, end) for index, end, _ in made] == [(k, k + 1.0) for k in range(5)]
    assert made == SecondQuality(10.0, ("a", "b")).push(data, 0)
    rows = data[10:20, 1].astype(np.float64)
    assert made[1][2]["rms_b_uv"] == pytest.approx(rows.std())


class SlowInlet:
    def __init__(self, failures: int) -> None:
        self.failures, self.closed = failures, False
        self.tried = threading.Event()

    def open(self, timeout_s: float = 5.0) -> object:
        self.tried.set()
        if self.failures > 0:
            self.failures -= 1
            raise InputError("not there yet")
        return None

    def close(self) -> None:
        self.closed = True


def test_streams_are_opened_in_the_background() -> None:
    inlets = [SlowInlet(1), SlowInlet(0)]
    opener = Opener(inlets)
    for thread in opener._threads:
        thread.join(5)
    assert opener.ready
    assert opener.trouble == ""
    opener.close()
    assert all(inlet.closed for inlet in inlets)


def test_looking_for_a_stream_can_be_given_up() -> None:
    inlet = SlowInlet(10**9)
    opener = Opener([inlet])
    assert inlet.tried.wait(5)
    opener.close()
    assert not opener.ready
    assert inlet.closed
    assert "not there yet" in opener.trouble


def fitted(**fmri: object) -> Bundle:
    """A stand-in for a bundle that was fitted with these settings."""
    held = json.loads(dump_settings(AcquisitionSettings(fmri=FmriSettings(**fmri))))  # type: ignore[arg-type]
    manifest = SimpleNamespace(acquisition=held, modality="fmri")
    return cast("Bundle", SimpleNamespace(manifest=manifest))


def asked(**fmri: object) -> AcquisitionSettings:
    return AcquisitionSettings(fmri=FmriSettings(**fmri))  # type: ignore[arg-type]


def test_what_a_decoder_was_fitted_with_wins_and_what_is_shown_stays_the_sessions() -> None:
    session = asked(contrasts=("a - b",), fd_low_mm=0.3, roi_inside=0.5)
    count = settings_of(session, fitted(smooth_mm=4.0, slice_timing="linear")).fmri
    assert (count.smooth_mm, count.slice_timing) == (4.0, "linear")
    assert (count.contrasts, count.fd_low_mm, count.roi_inside) == (("a - b",), 0.3, 0.5)
    assert settings_of(session, None) == session


def test_the_maps_model_is_the_sessions_and_stays_out_of_bundles(tmp_path: Path) -> None:
    mine: dict[str, object] = {
        "hrf": "spm", "high_pass_s": 90.0, "motion_regressors": 24, "noise": "ols",
        "drift_order": 2, "physio": tmp_path, "reference": tmp_path,
    }  # fmt: skip
    count = settings_of(asked(**mine), fitted(smooth_mm=4.0)).fmri
    assert count == FmriSettings(smooth_mm=4.0, **mine)  # type: ignore[arg-type]
    held = json.loads(dump_settings(asked(**mine)))
    assert not set(mine) & set(held["fmri"])


def test_a_session_that_asks_for_other_features_is_refused_with_every_reason() -> None:
    bundle = fitted(smooth_mm=4.0, slice_timing="linear")
    assert settings_of(asked(smooth_mm=4.0), bundle).fmri.smooth_mm == 4.0
    with pytest.raises(BundleError, match=r"smooth_mm: got '?5") as caught:
        settings_of(asked(smooth_mm=5.0, slice_timing="cubic", realign="off"), bundle)
    assert "3 problem" in str(caught.value)
    assert "as the decoder was fitted with" in str(caught.value)
    with pytest.raises(BundleError, match="features"):
        settings_of(asked(features="beta"), bundle)
