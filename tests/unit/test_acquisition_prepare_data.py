from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np
import pytest

from acquisition.eeg_chain import EegChain
from acquisition.fmri.regressors import Stimulus
from acquisition.fmri.volume import Volume
from acquisition.fmri_chain import FmriChain, end_of_volume_s
from acquisition.prepare import chosen_runs, main, prepare
from acquisition.settings import FmriPrior
from acquisition.simulate.calibration import CalibrationPlan, calibrate, simulated_runs
from acquisition.sources.eeg import EegRecording
from acquisition.sources.recording import EegRun, FmriRecording
from phosphene.dataset import TimedEvent, read_prepared
from phosphene.errors import ConfigError, InputError
from phosphene.normalise import RunningNormaliser, priors_from_runs
from phosphene.session import AcquisitionSettings, EegSettings, FmriSettings

SHAPE, TR_S, CHANNELS = (10, 11, 9), 2.0, ("TP9", "AF7")


def fmri_run(run: str, count: int, seed: int) -> FmriRecording:
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    head = np.where((at**2).sum(axis=0) < 0.7, 500.0, 5.0)
    volumes = [
        Volume((head + rng.normal(0, 4, SHAPE)).astype(np.float32), np.eye(4) * 3, k, TR_S)
        for k in range(count)
    ]
    event = TimedEvent(run=run, t_s=2.0, duration_s=2.0, label="face")
    return FmriRecording(
        run, SHAPE, np.eye(4) * 3, TR_S, count, (event,), None, {run: "0" * 64},
        lambda _: iter(volumes),
    )  # fmt: skip


def eeg_run(run: str, seed: int, channels: tuple[str, ...] = CHANNELS) -> EegRun:
    rng = np.random.default_rng(seed)
    data = (10 * rng.standard_normal((256 * 6, len(channels)))).astype(np.float32)
    events = tuple(
        TimedEvent(run=run, t_s=1.0 + k, duration_s=0.0, label="ab"[k % 2]) for k in range(4)
    )
    return EegRun(run, EegRecording(run, data, 256.0, channels), events, {run: "0" * 64})


def test_all_runs_follow_the_mask_and_reference_of_the_first() -> None:
    runs = [fmri_run("1", 5, 0), fmri_run("2", 4, 1)]
    data = prepare(runs, "p")
    assert data.mask.shape == SHAPE
    assert data.responses.shape == (9, int(data.mask.sum()))
    assert data.runs.tolist() == ["1"] * 5 + ["2"] * 4
    np.testing.assert_array_equal(data.t_data[:5], np.arange(1, 6) * TR_S)
    assert np.isnan(data.t_event).all()
    assert data.reference is not None
    np.testing.assert_array_equal(data.reference, next(runs[0].volumes()).data)
    assert [e.run for e in data.meta.events] == ["1", "2"]
    assert data.meta.tr_s == TR_S


def test_a_mask_of_the_settings_is_laid_on_the_first_volume(tmp_path: Path) -> None:
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    run = fmri_run("1", 4, 0)
    volumes = [replace(v, affine=affine) for v in run.volumes()]
    run = replace(run, affine=affine, read=lambda _: iter(volumes))
    fine = np.zeros(tuple(2 * n for n in SHAPE), np.float32)
    fine[8:12, 8:14, 6:10] = 1.0
    half = np.diag([1.5, 1.5, 1.5, 1.0])
    half[:3, 3] = -0.75
    nib.save(nib.Nifti1Image(fine, half), tmp_path / "m.nii")
    settings = AcquisitionSettings(fmri=FmriSettings(mask=tmp_path / "m.nii"))
    data = prepare([run], "p", settings)
    expected = np.zeros(SHAPE, np.bool_)
    expected[4:6, 4:7, 3:5] = True
    np.testing.assert_array_equal(data.mask, expected)
    assert data.responses.shape == (4, 12)
    assert str(tmp_path) not in data.meta.settings, "paths stay out of bundles"


def test_betas_are_those_of_a_live_run() -> None:
    run = fmri_run("1", 24, 0)
    shown = [
        TimedEvent(run="1", t_s=3.0 + 7.0 * k, duration_s=2.0, label=label)
        for k, label in enumerate(("face", "house", "rest", "face", "house", "face"))
    ]
    run = replace(run, events=tuple(shown))
    settings = FmriSettings(features="beta", beta_delay_s=7.0)
    data = prepare([run], "p", AcquisitionSettings(fmri=settings))
    assert data.meta.kind == "fmri-beta"
    chain = FmriChain(settings, TR_S)
    live = []
    for volume in run.volumes():
        known = [
            Stimulus(e.t_s, e.label, e.duration_s)
            for e in shown
            if e.t_s <= end_of_volume_s(volume.index, TR_S)
        ]
        result = chain.step(volume, known)
        assert result.x is None
        live += [b for b in result.betas if b.ready]
    assert data.t_event.tolist() == [b.onset_s for b in live]
    assert "rest" not in {b.condition for b in live}
    np.testing.assert_array_equal(data.responses, [b.x for b in live])
    several = prepare([run], "p", AcquisitionSettings(fmri=settings), beta_delays_s=(9.0, 7.0))
    assert several.meta.delays_s == (9.0, 7.0)
    assert several.at_delays is not None
    np.testing.assert_array_equal(several.at_delays[0], several.responses)
    rows = np.isin(data.t_event, several.t_event)
    np.testing.assert_array_equal(several.at_delays[1], data.responses[rows])
    usual = prepare([run], "p", AcquisitionSettings(fmri=settings), beta_delays_s=())
    assert usual.meta.delays_s == (5.0, 7.0, 9.0, 11.0)  # 3 to 9 s after the end of an event


def test_a_live_run_with_the_bundles_statistics_gives_the_fits_numbers() -> None:
    runs = [fmri_run("1", 6, 0), fmri_run("2", 6, 1)]
    data = prepare(runs, "p")
    raw = [data.responses[data.runs == name] for name in ("1", "2")]
    mean, std = priors_from_runs(raw)
    prior = FmriPrior(
        data.mask, np.eye(4) * 3, mean, std, 10.0, data.meta.mask_hash, data.reference
    )
    chain = FmriChain(FmriSettings(), TR_S, prior)
    live = [chain.step(volume) for volume in runs[1].volumes()]
    wanted = RunningNormaliser(mean, std, 10.0).run(raw[1])
    for result, row in zip(live, wanted, strict=True):
        assert result.x is not None
        assert result.x.tobytes() == row.tobytes()
        assert result.ready
        assert result.mask_hash == data.meta.mask_hash


def test_a_mask_of_another_shape_leaves_quality_control() -> None:
    mask = np.ones((4, 4, 4), np.bool_)
    prior = FmriPrior(mask, np.eye(4), np.zeros(64), np.ones(64), 10.0, "x")
    chain = FmriChain(FmriSettings(), TR_S, prior)
    result = chain.step(next(fmri_run("1", 1, 0).volumes()))
    assert result.x is None
    assert result.quality["spike"] == 0.0
    assert "(4, 4, 4)" in chain.trouble
    assert "(10, 11, 9)" in chain.trouble


def test_without_a_bundle_features_warm_up() -> None:
    chain = FmriChain(FmriSettings(warmup_volumes=4), TR_S)
    ready = [chain.step(volume).ready for volume in fmri_run("1", 8, 0).volumes()]
    assert not ready[0]
    assert ready[-1]
    assert ready == sorted(ready)


def test_smoothing_lessens_noise_and_regions_are_reported() -> None:
    runs = [fmri_run("1", 6, 0)]
    plain = prepare(runs, "p")
    smooth = prepare(runs, "p", AcquisitionSettings(fmri=FmriSettings(smooth_mm=6.0)))
    assert smooth.responses.std(axis=0).mean() < 0.7 * plain.responses.std(axis=0).mean()
    region = np.zeros(SHAPE, np.bool_)
    region[5, 5, 4] = True
    rois = {"v1": region, "far": np.ones((2, 2, 2), np.bool_)}
    chain = FmriChain(FmriSettings(), TR_S, rois=rois)
    # The first volume has no baseline yet, hence no change from it.
    quality = [chain.step(volume).quality for volume in islice(runs[0].volumes(), 2)][-1]
    assert "roi_v1_psc" in quality
    assert "roi_far_psc" not in quality
    assert "'far'" in chain.trouble


def test_epochs_are_those_of_a_live_run() -> None:
    run = eeg_run("1", 0)
    data = prepare([run], "p")
    live = EegChain(EegSettings(), 256.0, CHANNELS)
    made = [step for event in run.events for step in live.marker(event.t_s, event.label)]
    for begin in range(0, len(run.eeg.data), 37):
        made += live.push(run.eeg.data[begin : begin + 37], begin)
    kept = [step for step in made if step.ready and not step.rejected]
    assert len(kept) == len(data.runs) > 0
    for step, row in zip(kept, data.responses, strict=True):
        assert step.x.tobytes() == row.tobytes()
    assert data.t_event.tolist() == [step.t_event for step in kept]
    assert data.meta.mask_hash == live.mask_hash
    assert len(data.meta.times_s) * len(CHANNELS) == data.responses.shape[1]


def test_channels_of_a_bundle_are_found_by_name() -> None:
    run = eeg_run("1", 0, ("x", "AF7", "TP9"))
    chain = EegChain(EegSettings(), 256.0, run.eeg.channel_names, CHANNELS)
    alone = EegChain(EegSettings(), 256.0, CHANNELS)
    assert chain.mask_hash == alone.mask_hash
    for one, data in ((chain, run.eeg.data), (alone, run.eeg.data[:, [2, 1]])):
        one.marker(2.0, "a")
        made = one.push(data, 0)
        assert len(made) == 1
    with pytest.raises(InputError, match="Cz"):
        EegChain(EegSettings(), 256.0, CHANNELS, ("TP9", "Cz"))


def test_runs_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(InputError, match="one modality"):
        prepare([fmri_run("1", 3, 0), eeg_run("2", 0)], "p")
    with pytest.raises(InputError, match="run 2"):
        prepare([eeg_run("1", 0), eeg_run("2", 0, ("Cz",))], "p")


@pytest.mark.parametrize(
    ("text", "runs"), [(None, "1 2 3"), ("2", "2"), ("1-2", "1 2"), ("3,1-2", "3 1 2")]
)
def test_runs_are_chosen_in_words(text: str | None, runs: str) -> None:
    assert chosen_runs(text, ["1", "2", "3"]) == runs.split()


@pytest.mark.parametrize("text", ["4", "1-4", "", "a"])
def test_runs_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="1, 2, 3"):
        chosen_runs(text, ["1", "2", "3"])


def write_muse(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = 10 * rng.standard_normal((1500, 2))
    rows = [
        f"{k / 256:.6f},{a:.3f},{b:.3f},{1 + k // 300 % 2 if k % 300 == 299 else 0}"
        for k, (a, b) in enumerate(values)
    ]
    path.write_text("\n".join(["timestamps,TP9,AF7,Marker0", *rows]) + "\n")


def test_the_command_writes_what_the_fit_reads(tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.csv" for k in range(3)]
    for seed, path in enumerate(files):
        write_muse(path, seed)
    out = tmp_path / "data.npz"
    command = [*map(str, files), "--runs", "1,3", "--labels", "1=house,2=face"]
    assert main([*command, "--person", "p7", "--out", str(out)]) == 0
    data = read_prepared(out)
    assert set(data.runs.tolist()) == {"1", "3"}
    assert {e.label for e in data.meta.events} == {"house", "face"}
    assert data.meta.person == "p7"
    held = AcquisitionSettings.model_validate(json.loads(data.meta.settings))
    assert held == AcquisitionSettings()


def test_the_command_tells_every_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_muse(tmp_path / "a.csv", 0)
    source, out = str(tmp_path / "a.csv"), str(tmp_path / "x.npz")
    settings = '{"eeg": {"band": 1, "reject_uv": -3}}'
    assert main([source, "--out", out, "--settings", settings]) == 1
    said = capsys.readouterr().err
    assert "eeg.band" in said
    assert "eeg.reject_uv" in said
    assert main([source, "--out", out, "--modality", "fmri"]) == 1
    assert "--modality" in capsys.readouterr().err
    assert not Path(out).exists()


def test_calibration_and_session_are_one_person_with_other_clips_and_noise() -> None:
    plan = CalibrationPlan(runs=2, blocks=1, tr_s=2.0)
    first, second = (r for r in simulated_runs(4, "fmri", plan) if isinstance(r, FmriRecording))
    assert first.events[0].detail != second.events[0].detail
    assert first.mask is not None
    np.testing.assert_array_equal(first.mask, second.mask)
    one, two = next(first.volumes()).data, next(second.volumes()).data
    assert not np.array_equal(one, two)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("modality", ["fmri", "eeg"])
def test_a_calibration_is_as_long_as_it_says(modality: Literal["fmri", "eeg"]) -> None:
    plan = CalibrationPlan.usual(modality)
    shown_s = sum(plan.programme(3, run + 1).duration_s for run in range(plan.runs))
    assert plan.minutes == pytest.approx(shown_s / 60)
    # Single epochs say less than volumes: a thousand flashes, six in each clip.
    flashes = plan.runs * plan.blocks * 6
    assert modality == "fmri" or flashes > 1000


def test_an_eeg_calibration_is_the_same_every_time() -> None:
    plan = CalibrationPlan(runs=2, blocks=1)
    one, two = (calibrate(2, "eeg", plan) for _ in range(2))
    assert one.responses.tobytes() == two.responses.tobytes()
    assert one.meta == two.meta
    assert len(one.runs) >= 6
    assert all('"category"' in e.detail for e in one.meta.events)


def test_runs_of_bids_may_be_named_by_their_number_where_that_is_unique() -> None:
    known = [f"sub-1_task-objects_run-{k:02}" for k in (1, 2, 11)]
    assert chosen_runs("1-2,11", known) == known
    with pytest.raises(ConfigError, match="--runs"):
        chosen_runs("3", known)
    with pytest.raises(ConfigError, match="--runs"):
        chosen_runs("1", [*known, "sub-1_task-faces_run-1"])
