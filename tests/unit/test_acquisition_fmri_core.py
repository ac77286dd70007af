"""The whole step: causal, repeatable, tolerant of gaps, clear about what it cannot use."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from acquisition.fmri.config import FmriConfig
from acquisition.fmri.core import FmriCore, FmriStep
from acquisition.fmri.mask import mask_sha256
from acquisition.fmri.volume import Volume
from acquisition.simulate.haemodynamics import double_gamma
from acquisition.simulate.head import RunConfig, SyntheticHead, simulate
from acquisition.sources.dicom import DicomReader
from acquisition.sources.nifti import read_mask
from acquisition.sources.nifti_series import open_series
from phosphene.errors import CausalityError, ConfigError, InputError
from phosphene.stimuli import make_programme
from tests.finished_series import read_folder

HEAD = SyntheticHead(seed=3, shape=(32, 32, 14), voxel_mm=(6.0, 6.0, 7.0), n_early=80, n_higher=80)
PROGRAMME = make_programme(seed=2, n_blocks=8)


@cache
def run(n: int = 40, seed: int = 0, **changes: object) -> tuple[Volume, ...]:
    config = RunConfig(seed=seed, **changes)  # type: ignore[arg-type]
    return tuple(
        Volume(v.data.astype(np.float32), HEAD.affine, v.index, tr_s=1.0)
        for v in simulate(HEAD, PROGRAMME, n, 1.0, config)
    )


def process(volumes: tuple[Volume, ...], config: FmriConfig | None = None) -> list[FmriStep]:
    core = FmriCore(config)
    return [core.step(v) for v in volumes]


def bits(step: FmriStep) -> bytes:
    told = step.quality
    numbers = [
        told.fd_mm,
        told.dvars_psc,
        told.tsnr,
        told.drift_psc_per_min,
        *step.roi_psc.values(),
    ]
    return b"".join(
        a.tobytes()
        for a in (step.features, step.motion_mm_deg, step.realigned, np.asarray(numbers))
    )


def test_a_step_never_changes_with_what_comes_after() -> None:
    volumes = run(30)
    other = [replace(v, data=v.data[::-1].copy()) for v in volumes[20:]]
    config = FmriConfig(rois={"early": HEAD.mask("early")})
    ours, theirs = process(volumes, config), process((*volumes[:20], *other), config)
    same = [bits(a) == bits(b) for a, b in zip(ours, theirs, strict=True)]
    assert same == [True] * 20 + [False] * 10


def test_same_input_same_bits() -> None:
    a, b = process(run(12)), process(run(12))
    assert [bits(s) for s in a] == [bits(s) for s in b]


def test_steps_say_what_happened() -> None:
    core = FmriCore(FmriConfig(rois={"early": HEAD.mask("early")}))
    assert (core.mask, core.mask_hash) == (None, "")
    steps = [core.step(v) for v in run(40)]
    assert core.mask is not None
    assert core.mask_hash == mask_sha256(core.mask, HEAD.affine)
    last = steps[-1]
    assert last.features.shape == (core.mask.sum(),)
    assert last.features.dtype == np.float32
    assert [s.index for s in steps] == list(range(40))
    assert [s.t_s for s in steps] == [k + 1.0 for k in range(40)]
    assert [s.ready for s in steps].index(True) == 19
    assert 0 < last.quality.fd_mm < 1
    assert 0 < last.quality.fd_jenkinson_mm < 1
    assert 30 < last.quality.tsnr < 150
    assert list(last.roi_psc) == ["early"]
    assert core.note == ""


def test_visual_regions_follow_the_pictures_and_the_rest_does_not() -> None:
    rest = HEAD.mask("brain") & ~HEAD.mask("early") & ~HEAD.mask("higher")
    rois = {"early": HEAD.mask("early"), "rest": rest}
    steps = process(run(80), FmriConfig(rois=rois))
    shown = np.array([PROGRAMME.scene_at(float(k)) is not None for k in range(80)], float)
    expected = np.convolve(shown, double_gamma(1.0))[:80]
    after = slice(20, None)

    def follows(name: str, what: np.ndarray) -> float:
        psc = np.array([s.roi_psc.get(name, 0.0) for s in steps])
        return float(np.corrcoef(psc[after], what[after])[0, 1])

    assert follows("early", expected) > 0.5
    assert abs(follows("rest", expected)) < 0.4
    shuffled = np.random.default_rng(0).permutation(expected)
    assert abs(follows("early", shuffled)) < 0.35  # chance


def test_calibrated_person_in_a_second_run_is_ready_soon() -> None:
    calibration = FmriCore()
    for volume in run(60):
        calibration.step(volume)
    config = FmriConfig(
        reference=calibration.reference, mask=calibration.mask, stats=calibration.stats()
    )
    second = run(30, seed=7, placement=(2.0, -1.5, 1.0, 1.5, -1.0, 1.0))
    core = FmriCore(config)
    steps = [core.step(v) for v in second]
    assert core.mask_hash == calibration.mask_hash
    np.testing.assert_allclose(steps[0].motion_mm_deg, (2.0, -1.5, 1.0, 1.5, -1.0, 1.0), atol=0.15)
    assert [s.ready for s in steps].index(True) == 4
    z = np.stack([s.features for s in steps[5:]])
    assert np.median(z.std(0)) == pytest.approx(1.0, abs=0.2)


def test_gaps_are_tolerated_and_counted_and_the_past_is_refused() -> None:
    core, volumes = FmriCore(), run(8)
    core.step(volumes[0])
    assert core.step(volumes[4]).missing == 3
    assert core.step(volumes[5]).missing == 0
    assert core.missing == 3
    with pytest.raises(CausalityError, match="above 5"):
        core.step(volumes[5])
    assert core.step(volumes[3], index=9).t_s == 10.0


def test_volumes_that_cannot_be_used_are_refused_and_leave_no_trace() -> None:
    volumes = run(6)
    core, clean = FmriCore(), FmriCore()
    for k in range(3):
        core.step(volumes[k])
        clean.step(volumes[k])
    holed = volumes[3].data.copy()
    holed[3, 4, 5] = np.nan
    with pytest.raises(InputError, match=r"volume 4: got '1 voxels that are not finite'"):
        core.step(replace(volumes[3], data=holed))
    with pytest.raises(InputError, match=r"\(30, 32, 14\)"):
        core.step(replace(volumes[3], data=volumes[3].data[2:]))
    assert bits(core.step(volumes[3])) == bits(clean.step(volumes[3]))


def test_a_spike_is_marked() -> None:
    volumes = run(30)
    jolted = replace(volumes[25], data=volumes[25].data * np.float32(1.2))
    steps = process((*volumes[:25], jolted, *volumes[26:]))
    assert np.flatnonzero([s.spike for s in steps]).tolist() == [25, 26]


def test_an_empty_volume_ends_nothing() -> None:
    volumes = run(30)
    empty = replace(volumes[25], data=np.zeros(HEAD.shape, np.float32))
    steps = process((*volumes[:25], empty, *volumes[26:]))
    assert steps[25].spike
    assert np.isfinite(steps[25].features).all()
    assert np.abs(steps[29].features).mean() < 1.2


def test_single_slice_runs_without_realignment_and_says_so() -> None:
    volumes = tuple(replace(v, data=v.data[:, :, 7:8].copy()) for v in run(12))
    core = FmriCore()
    steps = [core.step(v) for v in volumes]
    assert "1 slice(s)" in core.note
    assert (steps[-1].motion_mm_deg == 0).all()
    assert np.isnan(steps[-1].residual)
    np.testing.assert_array_equal(steps[3].realigned, volumes[3].data)
    with pytest.raises(InputError, match="single slices"):
        FmriCore(FmriConfig(realign="on")).step(volumes[0])


@pytest.mark.parametrize("realign", ["auto", "off"])
def test_without_realignment_a_volume_from_elsewhere_is_refused(realign: str) -> None:
    cut = slice(7, 8) if realign == "auto" else slice(None)
    volumes = [replace(v, data=v.data[:, :, cut].copy()) for v in run(6)]
    core = FmriCore(FmriConfig(reference=volumes[0], realign=realign))  # type: ignore[arg-type]
    moved, turned, rounded = (HEAD.affine.copy() for _ in range(3))
    moved[2, 3] += 3.0
    turned[:2, :2] = turned[:2, :2] @ np.array([[0.999, -0.04], [0.04, 0.999]])
    rounded += 1e-5
    for first in (moved, turned):
        with pytest.raises(InputError, match=r"volume 2: .* mm from the reference's"):
            core.step(replace(volumes[1], affine=first))
    assert core.mask_hash == ""
    assert core.step(replace(volumes[1], affine=rounded)).index == 1
    with pytest.raises(InputError, match=r"up to 3\.00 mm"):
        core.step(replace(volumes[2], affine=moved))
    assert core.step(volumes[3]).missing == 1


def test_with_realignment_a_volume_from_elsewhere_is_put_in_place() -> None:
    volumes = run(6)
    moved = HEAD.affine.copy()
    moved[2, 3] += 3.0
    core = FmriCore(FmriConfig(reference=volumes[0]))
    step = core.step(replace(volumes[1], affine=moved))
    assert not step.spike
    assert abs(step.motion_mm_deg[2]) == pytest.approx(3.0, abs=0.3)


def test_settings_that_contradict_are_refused() -> None:
    with pytest.raises(ConfigError, match="tr_s"):
        FmriCore().step(replace(run(1)[0], tr_s=0.0))
    with pytest.raises(ConfigError, match=r"2 problem"):
        FmriConfig(tr_s=-1.0, realign="maybe")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lost: got"):
        process(run(1), FmriConfig(rois={"lost": np.zeros(HEAD.shape, np.bool_)}))
    with pytest.raises(ConfigError, match="no volume yet"):
        FmriCore().stats()


@pytest.mark.realdata
def test_real_regions_follow_the_seven_blocks(realdata: Path) -> None:
    root = realdata / "fmri" / "siemens-mosaic"
    rois = {p.stem: read_mask(p)[0] for p in sorted((root / "ROIs_D1").glob("*.nii"))}
    core = FmriCore(FmriConfig(rois=rois))
    steps = [core.step(v) for v in read_folder(root / "dicom", DicomReader(b"k"))]
    protocol = json.loads((root / "configs" / "NF_PSC_cont_155.json").read_text())
    regulating = np.zeros(155)
    for first, last in protocol["ConditionIndex"][0]["OnOffsets"]:
        regulating[5 + first - 1 : 5 + last] = 1  # counted after the first five volumes
    expected = np.convolve(regulating, double_gamma(1.97))[:155]
    follows = {
        name: float(np.corrcoef([s.roi_psc[name] for s in steps[20:]], expected[20:])[0, 1])
        for name in rois
    }
    assert follows["lROI_1"] > 0.65
    assert follows["rROI_2"] > 0.36
    assert 20_000 < core.mask.sum() < 50_000  # type: ignore[union-attr]
    assert not any(s.spike for s in steps)


@pytest.mark.realdata
def test_real_single_slice_decodes_like_offline(realdata: Path) -> None:
    """Causal features keep faces and houses apart; chance is 0.5."""
    root = realdata / "fmri" / "haxby2001"
    mask, _ = read_mask(root / "mask.nii.gz")
    rows = [line.split() for line in (root / "attributes_literal.txt").read_text().splitlines()]
    labels, chunks = np.array([r[0] for r in rows]), np.array([int(r[1]) for r in rows])
    volumes = list(open_series(root / "bold.nii.gz", tr_s=2.5).volumes())
    features, ready = [], []
    for chunk in range(12):
        core = FmriCore(FmriConfig(mask=mask))
        for k, at in enumerate(np.flatnonzero(chunks == chunk)):
            step = core.step(volumes[at], index=k)
            features.append(step.features)
            ready.append(step.ready)
    x, usable = np.stack(features), np.array(ready) & np.isin(labels, ["face", "house"])
    y = np.where(labels == "face", 1.0, -1.0)

    def accuracy(y: np.ndarray) -> float:
        right = []
        for chunk in range(12):
            train, test = usable & (chunks != chunk), usable & (chunks == chunk)
            gram = x[train] @ x[train].T + 500 * np.eye(train.sum())
            weights = x[train].T @ np.linalg.solve(gram, y[train])
            right.append(np.sign(x[test] @ weights) == y[test])
        return float(np.concatenate(right).mean())

    shuffled = y.copy()
    shuffled[usable] = np.random.default_rng(0).permutation(y[usable])
    assert accuracy(y) > 0.9
    assert 0.35 < accuracy(shuffled) < 0.65
